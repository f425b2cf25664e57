"""Golden costs of Claude: direct, on Amazon Bedrock and on Vertex AI; and of Bedrock's other models."""

import pytest
from tests.unit.pricing_cases import cost, mtok, priced, thousand


def test_cache_writes_by_time_to_live() -> None:
    meters = {"input": 100, "cache_read": 5000, "cache_write_5m": 2000, "cache_write_1h": 700, "output": 300}
    got = cost("anthropic", "claude-sonnet-4-5", meters, answer="claude-sonnet-4-5-20250929", service_tier="standard")
    assert got == mtok("3", 100) + mtok("0.3", 5000) + mtok("3.75", 2000) + mtok("6", 700) + mtok("15", 300)


def test_cache_write_of_unknown_time_to_live_is_bounded() -> None:
    got = priced("anthropic", "claude-opus-4-5-20251101", {"input": 10, "cache_write": 2000, "output": 1})
    rest = mtok("5", 10) + mtok("25", 1)
    assert got.cost_usd == rest + mtok("6.25", 2000)
    assert got.cost_low_usd == got.cost_usd
    assert got.cost_high_usd == rest + mtok("10", 2000)
    assert "cache_ttl_assumed_5m" in got.flags


def test_compactions_are_billed_beside_the_usage() -> None:
    """What they read may have been cached, which their sum does not tell."""
    meters = {"input": 10, "output": 7, "compaction_input": 1000, "compaction_output": 40}
    got = priced("anthropic", "claude-sonnet-4-5", meters)
    rest = mtok("3", 10) + mtok("15", 7) + mtok("15", 40)
    assert got.cost_usd == rest + mtok("3", 1000)
    assert (got.cost_low_usd, got.cost_high_usd) == (rest + mtok("0.3", 1000), rest + mtok("6", 1000))
    assert "compaction_assumed_uncached" in got.flags


def test_what_another_model_advised_has_no_price_and_is_not_left_out() -> None:
    got = priced("anthropic", "claude-sonnet-4-5", {"input": 10, "output": 7, "advisor_input": 50, "advisor_output": 5})
    assert got.status == "partial"
    assert got.cost_usd is None


@pytest.mark.parametrize(
    ("cache_read", "prices"), [(100_000, ("3", "0.3", "15")), (100_001, ("6", "0.6", "22.5"))], ids=["at", "above"]
)
def test_long_context_counts_cache_reads(cache_read: int, prices: tuple[str, str, str]) -> None:
    meters = {"input": 100_000, "cache_read": cache_read, "output": 10}
    got = cost("anthropic", "claude-sonnet-4-5-20250929", meters, at="2026-01-15")
    assert got == mtok(prices[0], 100_000) + mtok(prices[1], cache_read) + mtok(prices[2], 10)


def test_sonnet_4_has_a_long_context_price_only_while_it_was_offered() -> None:
    meters = {"input": 300_000, "output": 10}
    assert cost("anthropic", "claude-sonnet-4-20250514", meters, at="2025-09-01") == (
        mtok("6", 300_000) + mtok("22.5", 10)
    )
    assert cost("anthropic", "claude-sonnet-4-20250514", meters, at="2025-08-01") == (
        mtok("3", 300_000) + mtok("15", 10)
    )


def test_long_context_premium_ended_inside_a_month() -> None:
    meters = {"input": 250_000, "output": 1000}
    assert cost("anthropic", "claude-opus-4-6", meters, at="2026-03-12T23:59:59Z") == (
        mtok("10", 250_000) + mtok("37.5", 1000)
    )
    assert cost("anthropic", "claude-opus-4-6", meters, at="2026-03-13") == mtok("5", 250_000) + mtok("25", 1000)


def test_short_prompts_of_haiku_5_5_are_cheap() -> None:
    assert cost("anthropic", "claude-haiku-5-5", {"input": 100_000, "output": 10}) == (
        mtok("0.1", 100_000) + mtok("0.5", 10)
    )
    assert cost("anthropic", "claude-haiku-5-5", {"input": 100_001, "output": 10}) == (
        mtok("0.5", 100_001) + mtok("2.5", 10)
    )


def test_batch_halves_cache_prices_too_but_not_searches() -> None:
    meters = {"input": 1000, "cache_read": 600, "cache_write_1h": 50, "output": 90, "web_search": 3}
    got = cost("anthropic", "claude-sonnet-4-5", meters, at="2025-12-01", processing="batch")
    assert got == mtok("1.5", 1000) + mtok("0.15", 600) + mtok("3", 50) + mtok("7.5", 90) + thousand("10", 3)


def test_fast_mode() -> None:
    meters = {"input": 1000, "cache_read": 100, "output": 500}
    assert cost("anthropic", "claude-opus-4-6", meters, at="2026-04-10", speed="fast") == (
        mtok("30", 1000) + mtok("3", 100) + mtok("150", 500)
    )
    assert cost("anthropic", "claude-opus-5", meters, speed="fast") == (
        mtok("10", 1000) + mtok("1", 100) + mtok("50", 500)
    )


def test_inference_in_the_us_multiplies_every_token_price() -> None:
    meters = {"input": 1000, "cache_write_5m": 400, "output": 500, "web_search": 1}
    assert cost("anthropic", "claude-opus-4-8", meters, inference_geo="us") == (
        mtok("5.5", 1000) + mtok("6.875", 400) + mtok("27.5", 500) + thousand("10", 1)
    )
    assert cost("anthropic", "claude-opus-4-8", {"input": 1000}, inference_geo="us", processing="batch") == (
        mtok("2.75", 1000)
    )
    assert cost("anthropic", "claude-sonnet-4-5", {"input": 1000}, inference_geo="not_available") == mtok("3", 1000)


def test_retired_models_keep_their_price() -> None:
    assert cost("anthropic", "claude-2.1", {"input": 1000, "output": 10}, at="2024-03-01") == (
        mtok("8", 1000) + mtok("24", 10)
    )


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "1"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
    ],
)
def test_bedrock_places(name: str, price: str) -> None:
    got = cost("aws.bedrock", name, {"input": 1000}, answer="claude-haiku-4-5-20251001", region="eu-west-1")
    assert got == mtok(price, 1000)


def test_bedrock_nova_costs_more_in_asia() -> None:
    meters = {"input": 1000, "cache_read": 100, "output": 10}
    assert cost("aws.bedrock", "amazon.nova-lite-v1:0", meters, region="us-east-1") == (
        mtok("0.06", 1000) + mtok("0.015", 100) + mtok("0.24", 10)
    )
    assert cost("aws.bedrock", "apac.amazon.nova-lite-v1:0", meters, region="ap-south-1") == (
        mtok("0.063", 1000) + mtok("0.01575", 100) + mtok("0.252", 10)
    )


def test_bedrock_rerank_is_priced_by_search() -> None:
    assert cost("aws.bedrock", "cohere.rerank-v3-5:0", {"rerank_search": 3}, region="us-east-1") == thousand("2", 3)


@pytest.mark.parametrize(
    ("name", "region", "price"),
    [
        ("claude-sonnet-4-5@20250929", "global", "3"),
        ("claude-sonnet-4-5@20250929", "us-east5", "3.3"),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "global", "3"),
        ("projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4-5@20250929", "global", "3.3"),
        ("claude-3-5-sonnet@20240620", "us-east5", "3"),
    ],
)
def test_vertex_paths_and_places(name: str, region: str, price: str) -> None:
    got = cost("gcp.vertex_ai", name, {"input": 1000}, at="2025-11-01", region=region)
    assert got == mtok(price, 1000)


def test_web_fetch_costs_nothing_by_an_entry_that_says_so() -> None:
    got = priced("anthropic", "claude-opus-4-8", {"input": 1000, "web_fetch": 2})
    assert (got.status, got.cost_usd) == ("priced", mtok("5", 1000))
    assert [(charge.meter, charge.amount_usd) for charge in got.charges] == [
        ("input", mtok("5", 1000)),
        ("web_fetch", 0),
    ]
