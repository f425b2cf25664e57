"""Spans of SDKs that our instrumentation has completed, and providers that say what they bill."""

from tests.observed import OWN, make_span

from spanledger_collector import dialects
from spanledger_collector.model import AttributeValue, Observation, Quantity, Scope

XAI = Scope("xai_sdk.sync.chat", "")
COUNTS: dict[str, AttributeValue] = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 60}


def read(scope: Scope, **attributes: AttributeValue) -> Observation:
    known: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    found = dialects.recognise(make_span({**known, **COUNTS, **attributes}, scope))
    assert found is not None
    return found


def meters(observation: Observation) -> dict[str, Quantity]:
    return {name: quantity for name, quantity in observation.meters.items() if quantity}


def test_xai_by_itself_leaves_reasoning_out_of_the_output() -> None:
    found = read(XAI, **{"gen_ai.usage.output_tokens": 10, "gen_ai.usage.reasoning_tokens": 30})
    assert meters(found) == {"input": 40, "cache_read": 60, "output": 10, "reasoning": 30}


def test_a_span_of_xai_that_we_completed_does_not() -> None:
    ours: dict[str, AttributeValue] = {
        "gen_ai.usage.output_tokens": 10 + 30,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "spanledger.usage_status": "metered",
    }
    assert meters(read(XAI, **ours)) == {"input": 40, "cache_read": 60, "output": 10, "reasoning": 30}


def test_what_we_wrote_beside_the_counts_of_another_is_what_counts() -> None:
    """OpenLIT leaves cached tokens out of the input; ours say what is what."""
    ours: dict[str, AttributeValue] = {
        "gen_ai.usage.output_tokens": 10,
        "spanledger.usage_status": "metered",
        "spanledger.usage.input": 190,
        "spanledger.usage.cache_read": 60,
        "spanledger.usage.cache_write": 30,
        "spanledger.usage.output": 40,
        "spanledger.usage.reasoning": 30,
    }
    found = read(Scope("openlit.instrumentation.anthropic", "1.45"), **{"gen_ai.provider.name": "anthropic", **ours})
    assert meters(found) == {"input": 100, "cache_read": 60, "cache_write": 30, "output": 10, "reasoning": 30}
    assert found.dialect == "openlit"


def test_an_emitter_that_leaves_out_cached_tokens_is_flagged_until_we_tell_of_them() -> None:
    v2 = Scope("opentelemetry.instrumentation.openai_v2", "2.4b0")
    assert "cache_not_reported" in read(v2).flags
    assert not read(v2, **{"spanledger.usage_status": "metered"}).flags


def test_what_cohere_bills_is_what_counts() -> None:
    """Of 100 tokens that the model worked with, 60 of them cached, 25 are billed."""
    ours: dict[str, AttributeValue] = {
        "gen_ai.usage.output_tokens": 12,
        "spanledger.usage.billed_input": 25,
        "spanledger.usage.billed_output": 10,
        "spanledger.usage_status": "metered",
    }
    found = read(OWN, **ours)
    assert meters(found) == {"input": 25, "output": 10}
    assert found.rule == "billed"


def test_what_is_billed_whole_keeps_its_parts() -> None:
    found = read(OWN, **{"spanledger.usage.billed_input": 100})
    assert meters(found) == {"input": 40, "cache_read": 60}
