"""Two emitters at once, as people run them: every real call is counted once, with what each of them knows."""

from dataclasses import dataclass
from dataclasses import replace as changed
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.emitters import EMITTERS, Emitter, Truth
from tests.observed import links_of, make_span, observations_of

from spanledger_collector.model import AttributeValue, Call, ReceivedSpan, Scope
from spanledger_collector.settle import settle

_ANTHROPIC = Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 50, 0)
_OPENAI = Truth("openai", "gpt-5-mini", 40, 60, 0, 30, 20, "chatcmpl-0123456789abcdef")


def _emitter(scope: str) -> Emitter:
    return next(emitter for emitter in EMITTERS if emitter.scope.name == scope)


NATIVE = _emitter("com.anthropic.sdk.python")
PLATFORM = _emitter("com.anthropic.claude-platform")
OTEL_ANTHROPIC = _emitter("opentelemetry.instrumentation.genai.anthropic")
OTEL_OPENAI = _emitter("opentelemetry.instrumentation.genai.openai")
OTEL_LANGCHAIN = _emitter("opentelemetry.instrumentation.genai.langchain")
OLLM_ANTHROPIC = _emitter("opentelemetry.instrumentation.anthropic")
OLLM_OPENAI = _emitter("opentelemetry.instrumentation.openai.v1")
OLLM_LANGCHAIN = _emitter("opentelemetry.instrumentation.langchain")
OI_ANTHROPIC = _emitter("openinference.instrumentation.anthropic")
OI_OPENAI = changed(OI_ANTHROPIC, scope=Scope("openinference.instrumentation.openai", "1"))
OI_LANGCHAIN = _emitter("openinference.instrumentation.langchain")
OWN = _emitter("spanledger")
OPENLIT = _emitter("openlit.instrumentation.anthropic")


@dataclass(frozen=True)
class Pair:
    """Two emitters over one call: the outer one's span is the parent, or lies in a trace of its own."""

    outer: Emitter
    inner: Emitter
    truth: Truth
    same_trace: bool = True
    outputs_hidden: bool = False


PAIRS = {
    "the Claude API itself below native": Pair(NATIVE, PLATFORM, _ANTHROPIC),
    "the Claude API itself beside native, on AWS": Pair(NATIVE, PLATFORM, _ANTHROPIC, same_trace=False),
    "genai-anthropic over native": Pair(OTEL_ANTHROPIC, NATIVE, _ANTHROPIC),
    "OpenInference-anthropic over native": Pair(OI_ANTHROPIC, NATIVE, _ANTHROPIC),
    "OpenInference-anthropic over native, outputs hidden": Pair(OI_ANTHROPIC, NATIVE, _ANTHROPIC, outputs_hidden=True),
    "OpenLLMetry-anthropic beside native": Pair(OLLM_ANTHROPIC, NATIVE, _ANTHROPIC, same_trace=False),
    "genai-langchain over native": Pair(OTEL_LANGCHAIN, NATIVE, _ANTHROPIC),
    "OpenLLMetry-langchain beside native": Pair(OLLM_LANGCHAIN, NATIVE, _ANTHROPIC, same_trace=False),
    "OpenInference-langchain beside native": Pair(OI_LANGCHAIN, NATIVE, _ANTHROPIC, same_trace=False),
    "OpenInference-langchain beside native, outputs hidden": Pair(
        OI_LANGCHAIN, NATIVE, _ANTHROPIC, same_trace=False, outputs_hidden=True
    ),
    "OpenInference-langchain beside OpenInference-openai": Pair(OI_LANGCHAIN, OI_OPENAI, _OPENAI, same_trace=False),
    "OpenInference-langchain beside OpenInference-openai, outputs hidden": Pair(
        OI_LANGCHAIN, OI_OPENAI, _OPENAI, same_trace=False, outputs_hidden=True
    ),
    "genai-openai over OpenInference-openai": Pair(OTEL_OPENAI, OI_OPENAI, _OPENAI),
    "OpenInference-openai over genai-openai": Pair(OI_OPENAI, OTEL_OPENAI, _OPENAI),
    "genai-openai over OpenLLMetry-openai": Pair(OTEL_OPENAI, OLLM_OPENAI, _OPENAI),
    "our own over OpenLLMetry-openai": Pair(OWN, OLLM_OPENAI, _OPENAI),
    "our own within OpenInference-langchain": Pair(OI_LANGCHAIN, OWN, _OPENAI),
    "our own beside OpenLIT": Pair(OPENLIT, OWN, _ANTHROPIC, same_trace=False),
}


def _span(
    emitter: Emitter, truth: Truth, *, span: int, times: tuple[float, float], trace: int = 1, parent: int | None = None
) -> ReceivedSpan:
    start, end = times
    return make_span(
        emitter.write(truth),
        emitter.scope,
        trace=trace,
        span=span,
        parent=parent,
        start=start,
        end=end,
        kind=emitter.kind,
        name=emitter.name,
    )


def _spans(pair: Pair) -> list[ReceivedSpan]:
    outer = _span(pair.outer, pair.truth, span=1, times=(0, 3))
    if pair.outputs_hidden:
        shown = {name: value for name, value in outer.attributes.items() if not name.startswith("output.")}
        outer = replace(outer, attributes=shown)
    outer = replace(outer, attributes={**outer.attributes, "user.id": "ann"})
    trace, parent = (1, 2) if pair.same_trace else (2, None)
    between = make_span({}, trace=1, span=2, parent=1, start=0.5, end=2.9)
    inner = _span(pair.inner, pair.truth, trace=trace, span=3, parent=parent, times=(1, 2.8))
    return [outer, between, inner]


def _settled(spans: list[ReceivedSpan]) -> list[Call]:
    return settle(observations_of(spans), links_of(spans))


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_one_call_with_what_both_know(pair: Pair) -> None:
    (call,) = _settled(_spans(pair))
    truth = pair.truth
    assert sum(call.meters.values()) == truth.total
    assert call.meters["input"] == truth.input
    assert call.meters["cache_read"] == truth.cache_read
    assert call.response_id == truth.response_id
    assert call.attribution.user == "ann"
    assert call.provider == truth.provider
    assert {source.part for source in call.sources} == {"usage", "merged"}
    assert len(call.sources) == 2


ANY_TWO = [
    (one, other)
    for one, other in permutations(EMITTERS, 2)
    if one.dialect != other.dialect and set(one.providers) & set(other.providers)
]
_counts = st.tuples(*[st.integers(0, 3) | st.integers(0, 200_000)] * 5).filter(any)


@settings(max_examples=200)
@given(st.sampled_from(ANY_TWO), st.booleans(), _counts)
def test_any_two_emitters_tell_of_one_call_what_both_can_express(
    two: tuple[Emitter, Emitter], same_trace: bool, counts: tuple[int, int, int, int, int]
) -> None:
    outer, inner = two
    provider = min(set(outer.providers) & set(inner.providers))
    lacking = dict.fromkeys(outer.lacks | inner.lacks, 0)
    truth = changed(Truth(provider, "model-1", *counts), **lacking)
    assume(truth.total)
    (call,) = _settled(_spans(Pair(outer, inner, truth, same_trace=same_trace)))
    written = call.meters.get("cache_write", 0) + call.meters.get("cache_write_5m", 0)
    said = {**call.meters, "cache_write": written}
    expected = {name: getattr(truth, name) for name in ("input", "cache_read", "cache_write", "output", "reasoning")}
    assert {name: said.get(name, 0) for name in expected} == expected


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_two_calls_after_another_stay_two(pair: Pair) -> None:
    first = _spans(pair)
    second = [
        replace(
            span,
            trace_id=span.trace_id[:-1] + bytes([span.trace_id[-1] + 100]),
            started_ns=span.started_ns + 10**10,
            ended_ns=span.ended_ns + 10**10,
            attributes=_with_id(span, "msg_fedcba9876543210", pair.truth.response_id),
        )
        for span in first
    ]
    calls = _settled([*first, *second])
    assert len(calls) == 2
    assert sum(sum(call.meters.values()) for call in calls) == 2 * pair.truth.total


def _with_id(span: ReceivedSpan, new: str, old: str) -> dict[str, AttributeValue]:
    return {
        name: value.replace(old, new) if isinstance(value, str) else value for name, value in span.attributes.items()
    }


def test_a_guess_is_flagged_and_a_shared_id_is_not() -> None:
    (guessed,) = _settled(_spans(PAIRS["OpenInference-langchain beside native, outputs hidden"]))
    (known,) = _settled(_spans(PAIRS["OpenInference-langchain beside native"]))
    assert "probable_duplicate" in guessed.flags
    assert known.flags == ()


def test_parallel_calls_with_the_same_counts_and_no_ids_are_paired_one_to_one() -> None:
    pair = PAIRS["OpenInference-langchain beside OpenInference-openai, outputs hidden"]
    spans = [
        replace(
            span,
            trace_id=bytes([number, *span.trace_id[1:]]),
            started_ns=span.started_ns + number * 10**7,
            ended_ns=span.ended_ns + number * 10**7,
            attributes={name: value for name, value in span.attributes.items() if name != "output.value"},
        )
        for number in range(5)
        for span in _spans(pair)
    ]
    calls = _settled(spans)
    assert len(calls) == 5
    assert all(len(call.sources) == 2 for call in calls)


def test_one_emitter_makes_no_duplicates_however_alike_its_calls_are() -> None:
    spans = [
        replace(
            _span(OI_OPENAI, _OPENAI, trace=number, span=1, times=(0, 3)),
            attributes={k: v for k, v in OI_OPENAI.write(_OPENAI).items() if k != "output.value"},
        )
        for number in range(1, 6)
    ]
    assert len(_settled(spans)) == 5


def test_the_time_to_live_is_taken_from_whoever_knows_it() -> None:
    pair = PAIRS["OpenLLMetry-anthropic beside native"]
    split = {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 30}
    outer, _, inner = _spans(pair)
    (call,) = _settled([outer, replace(inner, attributes={**inner.attributes, **split})])
    assert call.meters == {"input": 10, "cache_read": 60, "cache_write_1h": 30, "output": 50, "reasoning": 0}
    (call,) = _settled([replace(outer, attributes={**outer.attributes, **split}), inner])
    assert call.meters == {"input": 10, "cache_read": 60, "cache_write_1h": 30, "output": 50, "reasoning": 0}


def test_what_is_counted_beside_tokens_is_taken_from_whoever_counted_it() -> None:
    outer, _, inner = _spans(PAIRS["genai-anthropic over native"])
    (call,) = _settled([replace(outer, attributes={**outer.attributes, "spanledger.usage.web_search": 2}), inner])
    assert call.meters["web_search"] == 2
