"""One call, written by every emitter that we read, gives the same observation."""

from dataclasses import replace as changed
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.emitters import EMITTERS, Emitter, Truth
from tests.observed import make_span

from spanledger_collector import dialects
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.model import Observation
from spanledger_collector.pricing import price, shipped_book
from spanledger_collector.settle import settle

_MODELS = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-sonnet-4-5",
    "gcp.gemini": "gemini-2.5-pro",
    "aws.bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "x_ai": "grok-4",
    "mistral_ai": "mistral-large-latest",
    "gcp.vertex_ai": "gemini-2.5-pro",
    "github": "gpt-5-mini",
}
_SAME = (
    *("service", "provider", "error_type", "usage_status", "price_status", "cost_usd"),
    *("workflow", "ended_at"),
)
_COUNTS = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens", "total_tokens"),
)
_OPERATIONS = {
    "gemini-cli-log": "generate_content",
    "gemini-cli-log-vertex": "generate_content",
}
_by_emitter = pytest.mark.parametrize(
    "emitter", EMITTERS, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope.name}"
)
_count = st.integers(0, 5) | st.integers(0, 200_000)


@st.composite
def _truths(draw: st.DrawFn) -> Truth:
    return Truth("", "", draw(_count), draw(_count), draw(_count), draw(_count), draw(_count))


def _seen_by(emitter: Emitter, truth: Truth) -> Observation:
    span = make_span(emitter.write(truth), emitter.scope, kind=emitter.kind, name=emitter.name)
    found = dialects.recognise(span)
    assert found is not None
    assert dialects.recognise(replace(span, attributes=dialects.kept_attributes(span))) == found
    return found


def _at(emitter: Emitter, provider: str, truth: Truth) -> Truth:
    """The truth for a provider, without what the emitter cannot express."""
    return changed(truth, provider=provider, model=_MODELS[provider], **dict.fromkeys(emitter.lacks, 0))


@_by_emitter
@given(truth=_truths())
def test_counts_are_disjoint_and_true(emitter: Emitter, truth: Truth) -> None:
    for provider in emitter.providers:
        told = _at(emitter, provider, truth)
        found = _seen_by(emitter, told)
        written = found.meters.get("cache_write", 0) + found.meters.get("cache_write_5m", 0)
        said = {**found.meters, "cache_write": written}
        expected = {name: getattr(told, name) for name in ("input", "cache_read", "cache_write", "output", "reasoning")}
        assert {name: said.get(name, 0) for name in expected} == expected
        assert not any(flag.startswith("invalid_usage") for flag in found.flags)


@_by_emitter
def test_identity_and_role(emitter: Emitter) -> None:
    for provider in emitter.providers:
        told = _at(emitter, provider, Truth("", "", 10, 60, 30, 30, 20))
        found = _seen_by(emitter, told)
        assert (found.dialect, found.role, found.usage_status) == (emitter.dialect, "candidate", "metered")
        assert (found.provider, found.operation) == (provider, _OPERATIONS.get(emitter.dialect, "chat"))
        assert told.model in {found.request_model, found.response_model}
        assert found.response_id in {told.response_id, None}


def _row_of(emitter: Emitter, told: Truth) -> dict[str, object]:
    """What the call's row in the ledger says, settled and priced; a count that is not told is as good as none."""
    (call,) = settle([_seen_by(emitter, told)], {})
    rows = call_rows(call, price(call, shipped_book()), revision=1, settled_ns=1)
    said = {name: getattr(rows.call, name) for name in _SAME}
    counts = {name: getattr(rows.call, name) or 0 for name in _COUNTS}
    return {**said, **counts, "charged": sum(charge.amount_usd for charge in rows.charges)}


@_by_emitter
def test_the_row_in_the_ledger_is_the_one_of_our_own_span(emitter: Emitter) -> None:
    """In all that says what was called, how much was used and what that costs."""
    for provider in emitter.providers:
        for counted in ((10, 60, 30, 30, 20), (5, 0, 0, 7, 0)):
            told = _at(emitter, provider, Truth("", "", *counted))
            row = _row_of(emitter, told)
            assert row == _row_of(EMITTERS[0], told)
            assert row["charged"] or provider == "github"  # which has no list prices


@_by_emitter
def test_no_message_is_kept(emitter: Emitter) -> None:
    told = _at(emitter, emitter.providers[0], Truth("", "", 10, 60, 30, 30, 20))
    kept = dialects.kept_attributes(make_span(emitter.write(told), emitter.scope, kind=emitter.kind, name=emitter.name))
    assert "secret" not in repr(kept)


def test_every_row_of_the_table_is_written_by_some_emitter_here() -> None:
    without_own_counts = {"logfire-stream-request", "gemini-cli", "claude-code-turn", "codex-request", "codex-turn"}
    written = {emitter.dialect for emitter in EMITTERS} | without_own_counts
    assert {dialect.id for dialect in (*DIALECTS, GENERIC_DIALECT)} <= written


def test_ids_of_rows_are_unique() -> None:
    ids = [dialect.id for dialect in (*DIALECTS, GENERIC_DIALECT)]
    assert len(set(ids)) == len(ids)


@given(truth=_truths())
def test_xai_tells_its_own_price(truth: Truth) -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == "xai-native")
    found = _seen_by(emitter, _at(emitter, "x_ai", truth))
    assert str(found.reported_cost_usd) == "0.0012345678"


WORKED_OUT = {
    "openlit": {"gen_ai.usage.cost": 0.0042},
    "pydantic-ai": {"operation.cost": 0.0042},
    "logfire": {"operation.cost": 0.0042},
    "litellm": {"gen_ai.cost.total_cost": 0.0042},
    "litellm-2": {"litellm.cost.total": 0.0042},
    "openinference-framework": {"llm.cost.total": 0.0042},
    "mlflow": {"mlflow.llm.cost": '{"input_cost": 0.0002, "output_cost": 0.004, "total_cost": 0.0042}'},
    "langfuse": {"langfuse.observation.cost_details": '{"input": 0.0002, "output": 0.004, "total": 0.0042}'},
    "claude-code-log": {"cost_usd": "0.0042"},
}


@pytest.mark.parametrize("dialect", WORKED_OUT)
def test_a_price_that_an_emitter_worked_out_is_kept_and_is_not_the_providers(dialect: str) -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == dialect)
    said = emitter.write(_at(emitter, emitter.providers[0], Truth("", "", 1, 0, 0, 1, 0))) | WORKED_OUT[dialect]
    found = dialects.recognise(make_span(said, emitter.scope, kind=emitter.kind, name=emitter.name))
    assert found is not None
    assert (found.dialect, found.emitter_cost_usd, found.reported_cost_usd) == (dialect, Decimal("0.0042"), None)


@pytest.mark.parametrize("said", ["-1", "nan", "a lot", 10**7, True])
def test_what_is_no_cost_is_not_kept(said: str | float) -> None:
    found = dialects.recognise(make_span({"gen_ai.usage.input_tokens": 1, "gen_ai.usage.cost": said}))
    assert found is not None
    assert found.emitter_cost_usd is None


def test_an_older_logfire_lacks_cached_tokens_and_says_so() -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == "logfire-anthropic-before-4.31")
    assert _seen_by(emitter, _at(emitter, "anthropic", Truth("", "", 9, 0, 0, 1, 0))).flags == (
        "cached_tokens_missing",
    )


@pytest.mark.parametrize("input_tokens", [10, 100])
def test_the_total_of_strands_tells_whether_input_has_cached_tokens(input_tokens: int) -> None:
    """Before and from 1.34: the provider's total has them in either case."""
    counts = {"input_tokens": input_tokens, "output_tokens": 5, "cache_read_input_tokens": 90, "total_tokens": 105}
    said = {f"gen_ai.usage.{name}": count for name, count in counts.items()} | {"gen_ai.system": "strands-agents"}
    found = dialects.recognise(make_span(said, kind=1))
    assert found is not None
    assert found.meters == {"input": 10, "cache_read": 90, "output": 5}


def test_litellm_tells_whose_key_it_was() -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == "litellm")
    said = emitter.write(_at(emitter, "openai", Truth("", "", 1, 0, 0, 1, 0)))
    whose = {"metadata.user_api_key_user_id": "ana", "metadata.user_api_key_team_id": "blue"}
    found = dialects.recognise(make_span(said | whose, emitter.scope))
    assert found is not None
    assert (found.attribution.user, found.attribution.org) == ("ana", "blue")


@pytest.mark.parametrize(
    ("model", "method", "status"),
    [
        ("cohere.command-r-v1:0", "InvokeModel", "estimated"),
        ("mistral.mistral-large-2402-v1:0", "InvokeModelWithResponseStream", "estimated"),
        ("cohere.command-r-v1:0", "Converse", "metered"),
        ("amazon.nova-pro-v1:0", "InvokeModel", "metered"),
    ],
)
def test_usage_that_botocore_makes_up_is_an_estimate(model: str, method: str, status: str) -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == "otel-botocore-invoke")
    said = emitter.write(Truth("aws.bedrock", model, 10, 0, 0, 5, 0)) | {"rpc.method": method}
    found = dialects.recognise(make_span(said, emitter.scope))
    assert found is not None
    assert (found.usage_status, found.usage_evidence is None) == (status, status == "metered")
