"""What must not be priced: every unknown has its reason, and is never nothing and never the nearest known thing."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.pricing_cases import make_call, mtok, priced

from spanledger_collector.model import Conditions
from spanledger_collector.pricing import price, shipped_book

SOME = {"input": 1000, "output": 100}


@pytest.mark.parametrize(
    ("provider", "model", "answer", "reason"),
    [
        ("anthropic", "claude-sonnet-4-6-20301231", None, "unknown_model:claude-sonnet-4-6-20301231"),
        ("openai", "gpt-4o-mini-2031-01-01", None, "unknown_model:gpt-4o-mini-2031-01-01"),
        ("openai", "gpt-4o-minimal", None, "unknown_model:gpt-4o-minimal"),
        ("openai", "gpt-4.1-mini", "moonshotai/kimi-k2", "unknown_model:moonshotai/kimi-k2"),
        ("openai", "openrouter/openai/gpt-4o", None, "unknown_model:openrouter/openai/gpt-4o"),
        ("openai", "ft:gpt-4-0613:acme::1", None, "unknown_model:ft:gpt-4-0613:acme::1"),
        ("openai", "ft:gpt-4.1-2031-01-01:acme::1", None, "unknown_model:ft:gpt-4.1-2031-01-01:acme::1"),
        ("openai", None, None, "no_model_name"),
        ("gcp.gemini", "gemini-flash-latest", None, "unknown_model:gemini-flash-latest"),
        ("gcp.gemini", "tunedModels/mine-1", None, "unknown_model:tunedModels/mine-1"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/endpoints/123",
            None,
            "unmapped_endpoint:projects/p/locations/l/endpoints/123",
        ),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20301231", None, "unknown_model:claude-sonnet-4-5@20301231"),
        ("azure.ai.openai", "gpt-4o", None, "unmapped_deployment:gpt-4o"),
        ("aws.bedrock", "mars.anthropic.claude-haiku-4-5-20251001-v1:0", None, None),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12",
            "claude-haiku-4-5-20251001",
            "unmapped_profile:arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12",
        ),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:provisioned-model/ab12", None, None),
        ("openrouter", "openai/gpt-4o-mini-2031-01-01", None, None),
        ("ollama", "llama3", None, "unknown_provider:ollama"),
        ("", "gpt-4o", None, "no_provider_name"),
    ],
)
def test_unknown_names(provider: str, model: str | None, answer: str | None, reason: str | None) -> None:
    got = priced(provider, model, SOME, answer=answer)
    assert (got.status, got.charges, got.cost_usd, got.cost_low_usd) == ("unpriced", (), None, None)
    assert reason is None or got.reasons == (reason,)
    assert got.reasons


@pytest.mark.parametrize(
    ("provider", "model", "conditions", "reason"),
    [
        ("openai", "gpt-4.1", {"service_tier": "turbo"}, "unknown_tier:turbo"),
        ("openai", "gpt-4.1", {"service_tier": "auto"}, "unknown_tier:auto"),
        ("openai", "gpt-4.1", {"service_tier": "scale"}, "unknown_tier:scale"),
        ("openai", "gpt-4.1-nano", {"service_tier": "flex"}, "unknown_tier:flex"),
        ("openai", "gpt-5.4", {"region": "us-east-1"}, "unknown_region:us-east-1"),
        ("openai", "gpt-5.4", {"processing": "overnight"}, "unknown_processing:overnight"),
        ("openai", "o3", {"service_tier": "flex", "processing": "batch"}, None),
        ("anthropic", "claude-sonnet-4-5", {"service_tier": "priority"}, "unknown_tier:priority"),
        ("anthropic", "claude-sonnet-4-5", {"speed": "fast"}, "unknown_speed:fast"),
        ("anthropic", "claude-opus-4-8", {"inference_geo": "eu"}, "unknown_geo:eu"),
        ("aws.bedrock", "meta.llama3-3-70b-instruct-v1:0", {"region": "eu-west-2"}, "unknown_region:eu-west-2"),
        ("gcp.vertex_ai", "gemini-2.5-pro", {"service_tier": "PROVISIONED_THROUGHPUT"}, None),
    ],
)
def test_unknown_conditions_are_never_the_standard_ones(
    provider: str, model: str, conditions: dict[str, str], reason: str | None
) -> None:
    got = priced(provider, model, SOME, **conditions)
    assert (got.status, got.cost_usd) == ("unpriced", None)
    assert reason is None or got.reasons == (reason,)


def test_azure_provisioned_deployments_are_not_priced_by_token() -> None:
    got = priced("azure.ai.openai", "x", SOME, answer="gpt-4o-2024-08-06", deployment_type="ProvisionedManaged")
    assert got.reasons == ("unknown_deployment_type:provisionedmanaged",)


def test_a_known_combination_is_not_made_of_known_parts() -> None:
    got = priced("anthropic", "claude-opus-4-8", SOME, speed="fast", processing="batch")
    assert got.reasons == ("unknown_combination:processing=batch,speed=fast",)


def test_a_meter_without_a_price_makes_the_call_partial() -> None:
    got = priced("cohere", "command-a-03-2025", {**SOME, "cache_read": 400})
    assert got.status == "partial"
    assert got.reasons == ("no_price_for_meter:cache_read",)
    assert got.cost_usd is None
    assert got.cost_low_usd == mtok("2.5", 1000) + mtok("10", 100)
    assert got.cost_high_usd is None


def test_audio_is_not_text_where_it_has_no_price() -> None:
    got = priced("openai", "gpt-4o", {"input": 10, "input_audio": 10})
    assert got.reasons == ("no_price_for_meter:input_audio",)


def test_a_price_that_does_not_hold_yet_is_not_used() -> None:
    got = priced("openai", "gpt-4.1", SOME, at="2025-04-20", service_tier="priority")
    assert got.status == "unpriced"
    assert got.reasons == ("no_price_at_time:input", "no_price_at_time:output")


def test_a_search_model_before_its_fee_is_known_is_partial() -> None:
    got = priced("openai", "gpt-4o-search-preview", SOME, at="2025-06-01")
    assert (got.status, got.reasons) == ("partial", ("no_price_at_time:request",))


@pytest.mark.parametrize("meters", [SOME, {}])
def test_a_call_without_usage_has_no_cost(meters: dict[str, int]) -> None:
    call = make_call("openai", "gpt-4o", meters, usage_status="unmetered")
    got = price(call, shipped_book())
    assert (got.status, got.reasons, got.cost_usd, got.cost_high_usd) == ("unpriced", ("unmetered",), None, None)


def test_an_answer_replayed_from_a_cache_costs_nothing_and_says_so() -> None:
    got = price(make_call("openai", "gpt-4o", {}, flags=("cache_replay",)), shipped_book())
    assert (got.status, got.cost_usd, got.charges, got.flags) == ("priced", 0, (), ("cache_replay",))


def test_reported_zeros_cost_nothing_only_for_a_known_model() -> None:
    zeros = {"input": 0, "output": 0}
    assert priced("openai", "gpt-4o", zeros).cost_usd == 0
    assert priced("openai", "gpt-9", zeros).cost_usd is None


@pytest.mark.parametrize(
    ("meters", "flags"),
    [
        (SOME, ("invalid_usage:gen_ai.usage.input_tokens",)),
        ({"input": -1}, ()),
        ({"input": 10**15}, ()),
        ({"input": Decimal("NaN")}, ()),
        ({"second": Decimal("Infinity")}, ()),
    ],
)
def test_impossible_usage(meters: dict[str, int], flags: tuple[str, ...]) -> None:
    got = price(make_call("openai", "gpt-4o", meters, flags=flags), shipped_book())
    assert (got.status, got.charges, got.cost_usd) == ("invalid_usage", (), None)
    assert got.reasons


def test_an_amount_that_cannot_be_is_invalid_not_stored() -> None:
    got = priced("openai", "gpt-4o", {"output": 10**12 - 1})
    assert (got.status, got.reasons) == ("invalid_usage", ("impossible_amount",))


def test_what_was_assumed_is_flagged() -> None:
    assert priced("openai", "gpt-4.1", SOME).flags == ("tier_assumed_default",)
    assert priced("openai", "gpt-4.1", SOME, service_tier="default").flags == ()
    assert priced("gcp.gen_ai", "gemini-2.5-flash", SOME, service_tier="standard").flags == ("provider_assumed",)


@pytest.mark.parametrize("fresh", [1000, 0])
def test_unknown_inclusion_of_cached_tokens_is_bounded(fresh: int) -> None:
    """They were read as inside the input; outside, so many more would be fresh."""
    meters = {"input": fresh, "cache_read": 200, "output": 0}
    call = make_call(
        "anthropic", "claude-sonnet-4-5", meters, flags=("cache_inclusion_unknown",), conditions=Conditions()
    )
    got = price(call, shipped_book())
    assert got.cost_usd == got.cost_low_usd == mtok("3", fresh) + mtok("0.3", 200)
    assert got.cost_high_usd == mtok("3", fresh + 200) + mtok("0.3", 200)


def test_unknown_inclusion_of_reasoning_is_bounded() -> None:
    meters = {"input": 10, "output": 30, "reasoning": 20}
    call = make_call("openai", "gpt-5-mini", meters, flags=("reasoning_inclusion_unknown",), conditions=Conditions())
    got = price(call, shipped_book())
    assert got.cost_usd == got.cost_low_usd == mtok("0.25", 10) + mtok("2", 50)
    assert got.cost_high_usd == mtok("0.25", 10) + mtok("2", 70)


@pytest.mark.parametrize(
    ("reported", "differs"),
    [
        (None, False),
        ("0.00026", False),
        ("0.0002600000001", False),
        ("0.00026025", False),  # less than a thousandth
        ("0.00027", True),
        ("0", True),
        ("1", True),
    ],
)
def test_another_cost_by_the_provider_is_flagged_and_changes_nothing(reported: str | None, differs: bool) -> None:
    call = make_call("openai", "gpt-4.1-mini", {"input": 250, "output": 100}, conditions=Conditions("default"))
    said = replace(call, reported_cost_usd=None if reported is None else Decimal(reported))
    got = price(said, shipped_book())
    assert got.cost_usd == mtok("0.4", 250) + mtok("1.6", 100)
    assert ("reported_cost_differs" in got.flags) is differs
    assert replace(got, flags=()) == replace(price(call, shipped_book()), flags=())


def test_what_has_no_price_cannot_differ_from_what_is_reported() -> None:
    call = replace(make_call("openai", "gpt-99", SOME), reported_cost_usd=Decimal(1))
    assert price(call, shipped_book()).flags == ()
