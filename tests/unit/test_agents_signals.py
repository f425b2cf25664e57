"""Coding agents send the same call as a log record and as a span: settling makes one call of both."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.emitters import EMITTERS, Truth
from tests.observed import make_span, observations_of, parents_of

from spanledger_collector.model import Call, ReceivedSpan
from spanledger_collector.settle import settle

PAIRS = {
    "claude-code": ("claude-code-log", Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 30, 0, "req_011CVexample1")),
    "codex": ("codex-log", Truth("openai", "gpt-5-mini", 40, 60, 0, 30, 20)),
    "gemini-cli": ("gemini-cli-log", Truth("gcp.gemini", "gemini-3-pro", 10, 60, 0, 30, 20)),
}


def _spans(agent: str, *, log_in_span: bool) -> list[ReceivedSpan]:
    """A span of a second, and the log record of the same call at its end."""
    record, truth = PAIRS[agent]
    of = {emitter.dialect: emitter for emitter in EMITTERS}
    span, log = of[agent], of[record]
    trace, parent = (1, 1) if log_in_span else (2, None)
    return [
        make_span(span.write(truth), span.scope, name=span.name, trace=1, span=1, start=0, end=2),
        make_span(
            log.write(truth), log.scope, name=log.name, trace=trace, span=2, parent=parent, start=0.5, end=1.5, kind=0
        ),
    ]


def _settled(spans: list[ReceivedSpan]) -> list[Call]:
    return settle(observations_of(spans), parents_of(spans))


@given(st.sampled_from(sorted(PAIRS)), st.booleans(), st.booleans())
def test_both_signals_are_one_call_in_either_order(agent: str, turned: bool, log_in_span: bool) -> None:
    assume(log_in_span or agent != "gemini-cli")  # whose span lacks the thoughts: only its place tells
    spans = _spans(agent, log_in_span=log_in_span)
    (call,) = _settled(spans[::-1] if turned else spans)
    _, truth = PAIRS[agent]
    assert len(call.sources) == 2
    whole = {meter: quantity for meter, quantity in call.meters.items() if quantity}
    assert whole.get("input") == truth.input
    assert whole.get("cache_read") == truth.cache_read
    assert whole.get("output", 0) + whole.get("reasoning", 0) == truth.whole_output


def test_a_session_of_calls_with_equal_counts_stays_as_many_calls() -> None:
    spans = _spans("claude-code", log_in_span=False)
    other = replace(
        spans[1],
        span_id=(3).to_bytes(8),
        trace_id=(3).to_bytes(16),
        attributes={**spans[1].attributes, "request_id": "req_011CVexample2"},
    )
    assert len(_settled([*spans, other])) == 2


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
