"""Golden costs where conditions meet: tiers with long context, batch with place, what is sold apart, what has ended."""

import pytest
from tests.unit.pricing_cases import cost, make_call, mtok, priced

from spanledger_collector.pricing import PriceBook, price, shipped_book

IO = {"input": 1000, "output": 100}
LONG = {"input": 300_000, "output": 10}


@pytest.mark.parametrize(
    ("kind", "prices"),
    [
        ("GlobalBatch", ("1.25", "5")),
        ("DataZoneBatch", ("1.375", "5.5")),
        ("DataZoneStandard", ("2.75", "11")),
        ("Standard", ("2.75", "11")),
    ],
)
def test_azure_batches_in_a_data_zone_cost_a_tenth_more_than_global_ones(kind: str, prices: tuple[str, str]) -> None:
    got = cost("azure.ai.openai", "chat", IO, answer="gpt-4o-2024-08-06", deployment_type=kind)
    assert got == mtok(prices[0], 1000) + mtok(prices[1], 100)


def test_azure_has_priority_on_global_and_data_zone_deployments() -> None:
    assert cost("azure.ai.openai", "x", IO, answer="gpt-4.1-2025-04-14", service_tier="priority") == (
        mtok("3.5", 1000) + mtok("14", 100)
    )
    assert cost("azure.ai.openai", "x", IO, answer="gpt-4.1", service_tier="priority", deployment_type="datazone") == (
        mtok("3.85", 1000) + mtok("15.4", 100)
    )


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws-cn:bedrock:cn-north-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    ],
)
def test_a_price_for_every_region_is_not_one_of_another_partition(name: str) -> None:
    got = priced("aws.bedrock", name, IO)
    assert (got.status, got.cost_usd) == ("unpriced", None)
    assert got.reasons[0].startswith("unknown_region:")
    got = priced("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", IO, region="us-gov-east-1")
    assert got.reasons == ("unknown_region:us-gov-east-1",)


@pytest.mark.parametrize(
    ("tier", "prices"),
    [("default", ("0.8", "0.2", "3.2")), ("flex", ("0.4", "0.1", "1.6")), ("priority", ("1.4", "0.35", "5.6"))],
)
def test_bedrock_tiers_of_nova(tier: str, prices: tuple[str, str, str]) -> None:
    meters = {"input": 1000, "cache_read": 100, "output": 10}
    got = cost("aws.bedrock", "us.amazon.nova-pro-v1:0", meters, region="us-east-1", service_tier=tier)
    assert got == mtok(prices[0], 1000) + mtok(prices[1], 100) + mtok(prices[2], 10)


def test_bedrock_has_no_flex_for_claude_and_batch_at_half() -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert priced("aws.bedrock", name, IO, service_tier="flex").reasons == ("unknown_tier:flex",)
    assert cost("aws.bedrock", name, IO, processing="batch") == mtok("1.65", 1000) + mtok("8.25", 100)


def test_a_global_profile_costs_the_same_from_every_region() -> None:
    got = cost("aws.bedrock", "global.amazon.nova-2-lite-v1:0", IO, region="eu-north-1")
    assert got == mtok("0.3", 1000) + mtok("2.5", 100)


def test_every_meter_of_a_long_request_is_billed_in_its_tier() -> None:
    meters = {"input": 200_000, "cache_write_1h": 1000, "output": 10}
    got = cost("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", meters, at="2026-01-15")
    assert got == mtok("6.6", 200_000) + mtok("13.2", 1000) + mtok("24.75", 10)
    got = cost("gcp.vertex_ai", "claude-opus-4-6", meters, at="2026-03-01", region="us-east5")
    assert got == mtok("11", 200_000) + mtok("22", 1000) + mtok("41.25", 10)


def test_a_tier_without_a_price_for_long_context_is_unknown_not_the_short_one() -> None:
    got = priced("openai", "gpt-5.4", LONG, service_tier="priority")
    assert (got.status, got.cost_usd) == ("unpriced", None)
    assert got.reasons == ("no_price_above_272000:input", "no_price_above_272000:output")
    assert cost("openai", "gpt-5.4", LONG, service_tier="flex") == mtok("2.5", 300_000) + mtok("11.25", 10)
    assert cost("openai", "gpt-5.4", LONG, service_tier="flex", region="eu") == (
        mtok("2.75", 300_000) + mtok("12.375", 10)
    )


def test_a_long_request_keeps_the_fee_of_its_searches() -> None:
    got = cost("anthropic", "claude-sonnet-4-5", {"input": 300_000, "web_search": 1}, at="2026-01-15")
    assert got == mtok("6", 300_000) + mtok("10000", 1)


def test_a_contract_without_tiers_holds_for_long_requests_too() -> None:
    base = shipped_book()
    row = next(row for row in base.rows() if (row.provider, row.model, row.meter) == ("openai", "gpt-5.4", "input"))
    flat = row._replace(price="2", above="", scope="region=*", start="", end="", layer="contract")
    book = PriceBook("own", [*base.rows(), flat, flat._replace(meter="output", price="9")], base.name_rows())
    assert price(make_call("openai", "gpt-5.4", LONG), book).cost_usd == mtok("2", 300_000) + mtok("9", 10)


def test_fast_mode_had_a_long_context_price_as_long_as_the_model_had_one() -> None:
    assert cost("anthropic", "claude-opus-4-6", LONG, at="2026-02-20", speed="fast") == (
        mtok("60", 300_000) + mtok("225", 10)
    )
    assert cost("anthropic", "claude-opus-4-6", LONG, at="2026-03-20", speed="fast") == (
        mtok("30", 300_000) + mtok("150", 10)
    )


@pytest.mark.parametrize(
    ("tier", "prices"),
    [("standard", ("1.25", "0.125", "10")), ("flex", ("0.625", "0.125", "5")), ("priority", ("2.25", "0.225", "18"))],
)
def test_gemini_tiers(tier: str, prices: tuple[str, str, str]) -> None:
    meters = {"input": 1000, "cache_read": 500, "output": 80, "reasoning": 20}
    got = cost("gcp.gemini", "gemini-2.5-pro", meters, service_tier=tier)
    assert got == mtok(prices[0], 1000) + mtok(prices[1], 500) + mtok(prices[2], 100)


def test_gemini_priority_and_long_context() -> None:
    meters = {"input": 200_000, "cache_read": 1, "output": 10}
    got = cost("gcp.gemini", "gemini-2.5-pro", meters, service_tier="priority")
    assert got == mtok("4.5", 200_000) + mtok("0.45", 1) + mtok("27", 10)


def test_vertex_calls_models_by_publisher_in_its_openai_compatible_endpoint() -> None:
    assert cost("gcp.vertex_ai", "google/gemini-2.5-flash", IO, region="us-central1") == (
        mtok("0.3", 1000) + mtok("2.5", 100)
    )
    assert priced("gcp.vertex_ai", "meta/gemini-2.5-flash", IO).status == "unpriced"


def test_vertex_batches_of_claude_in_a_region() -> None:
    meters = {"input": 1000, "cache_read": 10, "output": 100}
    got = cost("gcp.vertex_ai", "claude-opus-4-5@20251101", meters, region="us-east5", processing="batch")
    assert got == mtok("2.75", 1000) + mtok("0.275", 10) + mtok("13.75", 100)


def test_names_that_were_switched_off_have_no_price_after_it() -> None:
    assert cost("deepseek", "deepseek-chat", IO, at="2026-07-24T15:58:59Z") == mtok("0.14", 1000) + mtok("0.28", 100)
    got = priced("deepseek", "deepseek-chat", IO, at="2026-07-24T15:59:00Z")
    assert got.reasons == ("no_price_at_time:input", "no_price_at_time:output")


def test_open_weights_are_not_sold_by_openai() -> None:
    assert priced("openai", "gpt-oss-120b", IO).reasons == ("unknown_model:gpt-oss-120b",)
    assert cost("groq", "openai/gpt-oss-120b", IO) == mtok("0.15", 1000) + mtok("0.6", 100)


def test_mistral_batches_of_retired_models() -> None:
    assert cost("mistral_ai", "mistral-large-2411", IO, at="2025-03-01", processing="batch") == (
        mtok("1", 1000) + mtok("3", 100)
    )
    assert cost("mistral_ai", "codestral-2405", IO, at="2024-08-01") == mtok("1", 1000) + mtok("3", 100)


def test_cohere_embeds_images_by_token_at_a_price_of_their_own() -> None:
    assert cost("cohere", "embed-v4.0", {"input": 10, "input_image": 2000}) == mtok("0.12", 10) + mtok("0.47", 2000)


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_images_priced_by_size_and_quality_have_no_price_where_calls_do_not_say_these(model: str) -> None:
    assert priced("openai", model, {"image": 1}).reasons == (f"unknown_model:{model}",)


@pytest.mark.parametrize(
    ("provider", "model", "at", "prices"),
    [
        ("anthropic", "claude-3-5-haiku-20241022", "2024-12-02T23:59:59Z", ("1", "5")),
        ("anthropic", "claude-3-5-haiku-20241022", "2024-12-03", ("0.8", "4")),
        ("gcp.gemini", "gemini-1.5-flash", "2024-08-11T23:59:59Z", ("0.35", "1.05")),
        ("gcp.gemini", "gemini-1.5-flash", "2024-08-12", ("0.075", "0.3")),
        ("gcp.gemini", "gemini-1.5-pro", "2024-09-30T23:59:59Z", ("3.5", "10.5")),
        ("gcp.gemini", "gemini-1.5-pro", "2024-10-01", ("1.25", "5")),
        ("cohere", "command-r", "2024-08-29T23:59:59Z", ("0.5", "1.5")),
        ("cohere", "command-r", "2024-08-30", ("0.15", "0.6")),
        ("cohere", "command-r-plus-04-2024", "2025-01-01", ("3", "15")),
        ("openai", "o1-mini", "2025-01-30T23:59:59Z", ("3", "12")),
        ("openai", "o1-mini", "2025-01-31", ("1.1", "4.4")),
    ],
)
def test_prices_that_were_lowered_on_a_day(provider: str, model: str, at: str, prices: tuple[str, str]) -> None:
    assert cost(provider, model, IO, at=at) == mtok(prices[0], 1000) + mtok(prices[1], 100)


def test_images_of_one_price() -> None:
    assert cost("gcp.gemini", "imagen-4.0-generate-001", {"image": 3}) == 3 * mtok("40000", 1)
    assert cost("x_ai", "grok-imagine-image", {"image": 2}) == 2 * mtok("20000", 1)
    assert priced("aws.bedrock", "amazon.nova-canvas-v1:0", {"image": 1}, region="us-east-1").cost_usd is None
