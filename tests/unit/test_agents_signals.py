"""Coding agents send the same call as a log record and as a span: settling makes one call of both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.emitters import EMITTERS, Truth
from tests.observed import links_of, make_span, observations_of

from spanledger_collector import dialects
from spanledger_collector.model import AttributeValue, Call, ReceivedSpan, Scope
from spanledger_collector.settle import settle

PAIRS = {
    "claude-code": ("claude-code-log", Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 30, 0, "req_011CVexample1")),
    "codex": ("codex-log", Truth("openai", "gpt-5-mini", 40, 60, 0, 30, 20)),
}
TIMES = {"claude-code": (0, 2), "codex": (1.52, 1.53)}
"""When the span began and ended, in seconds; Codex begins it when the record at the end of the stream is written."""


def _spans(agent: str, *, log_in_span: bool) -> list[ReceivedSpan]:
    """A span of a call, and the log record of the same call at its end."""
    record, truth = PAIRS[agent]
    of = {emitter.dialect: emitter for emitter in EMITTERS}
    span, log = of[agent], of[record]
    trace, parent = (1, 1) if log_in_span else (2, None)
    (start, end), began = TIMES[agent], 1.5 if agent == "codex" else 0.5
    return [
        make_span(span.write(truth), span.scope, name=span.name, trace=1, span=1, start=start, end=end),
        make_span(
            log.write(truth), log.scope, name=log.name, trace=trace, span=2, parent=parent, start=began, end=1.5, kind=0
        ),
    ]


def _settled(spans: list[ReceivedSpan]) -> list[Call]:
    return settle(observations_of(spans), links_of(spans))


@given(st.sampled_from(sorted(PAIRS)), st.booleans(), st.booleans())
def test_both_signals_are_one_call_in_either_order(agent: str, turned: bool, log_in_span: bool) -> None:
    spans = _spans(agent, log_in_span=log_in_span)
    (call,) = _settled(spans[::-1] if turned else spans)
    _, truth = PAIRS[agent]
    assert len(call.sources) == 2
    whole = {meter: quantity for meter, quantity in call.meters.items() if quantity}
    assert whole.get("input") == truth.input
    assert whole.get("cache_read") == truth.cache_read
    assert whole.get("output", 0) + whole.get("reasoning", 0) == truth.whole_output


def test_the_spans_of_codex_alone_have_the_model_and_the_session() -> None:
    span, _ = _spans("codex", log_in_span=False)
    scope = span.scope
    turn = make_span({"conversation.id": "session"}, scope, name="run_turn", span=8, start=0, end=3, kind=1)
    named: dict[str, AttributeValue] = {"turn_id": "one", "model": "gpt-5-mini"}
    request = make_span(named, scope, name="try_run_sampling_request", span=9, parent=8, start=0.5, end=2, kind=1)
    (call,) = _settled([replace(span, parent_span_id=request.span_id), request, turn])
    assert (call.request_model, call.provider, call.attribution.session) == ("gpt-5-mini", "openai", "session")
    assert call.meters["cache_read"] == PAIRS["codex"][1].cache_read


@pytest.mark.parametrize(
    ("asked", "provider"),
    [
        ("firstParty", "anthropic"),
        ("bedrock", "aws.bedrock"),
        ("vertex", "gcp.vertex_ai"),
        ("foundry", "azure.ai.inference"),
        ("gateway", "anthropic"),
    ],
)
@pytest.mark.parametrize("dialect", ["claude-code", "claude-code-log"])
def test_claude_code_says_whom_it_asks(dialect: str, asked: str, provider: str) -> None:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == dialect)
    said = emitter.write(PAIRS["claude-code"][1]) | {"anthropic.provider": asked}
    (call,) = _settled([make_span(said, emitter.scope, name=emitter.name, kind=emitter.kind)])
    assert (call.provider, call.dialect) == (provider, dialect)


def test_a_session_of_calls_with_equal_counts_stays_as_many_calls() -> None:
    spans = _spans("claude-code", log_in_span=False)
    other = replace(
        spans[1],
        span_id=(3).to_bytes(8),
        trace_id=(3).to_bytes(16),
        attributes={**spans[1].attributes, "request_id": "req_011CVexample2"},
    )
    assert len(_settled([*spans, other])) == 2


@pytest.mark.parametrize("names", [0, 2], ids=["without counts", "with counts"])
def test_gemini_cli_is_counted_by_its_records_alone(names: int) -> None:
    """Its spans have counts where traces are switched on, and never the thoughts."""
    counts = {"gen_ai.usage.input_tokens": 70, "gen_ai.usage.output_tokens": 30}
    said = {"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-3-pro"}
    attributes: dict[str, AttributeValue] = {**said, **dict(list(counts.items())[:names])}
    span = make_span(attributes, Scope("gemini-cli", "v1"), name="llm_call", kind=1)
    truth = Truth("gcp.gemini", "gemini-3-pro", 10, 60, 0, 30, 20)
    log = next(emitter for emitter in EMITTERS if emitter.dialect == "gemini-cli-log")
    record = make_span(log.write(truth), log.scope, name=log.name, trace=2, span=2, kind=0)
    (call,) = _settled([span, record])
    assert call.meters["reasoning"] == truth.reasoning
    assert _settled([span]) == []


def test_the_last_part_of_a_stream_of_codex_is_no_call_of_its_own() -> None:
    """Codex 0.169 writes it beside the record with the counts, under the same name and kind."""
    part = {"event.name": "codex.sse_event", "event.kind": "response.completed", "duration_ms": "0", "model": "gpt-5"}
    assert not dialects.tells_usage("codex.sse_event", part)
    assert dialects.tells_usage("codex.sse_event", part | {"input_token_count": "7"})


def test_a_stream_that_failed_at_its_end_is_a_call_without_usage() -> None:
    codex = next(emitter for emitter in EMITTERS if emitter.dialect == "codex-log")
    failed = {
        "event.name": codex.name,
        "event.kind": "response.completed",
        "success": False,
        "error.type": "response_completed",
        "model": "gpt-5-mini",
    }
    (call,) = _settled([make_span(failed, codex.scope, name=codex.name, kind=0)])
    assert (call.usage_status, call.error_type, call.meters) == ("unmetered", "response_completed", {})
    assert call.provider == "openai"
