"""Twins: one call that two emitters of a process tell of without a common id, one of them without usage."""

from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.emitters import EMITTERS, Truth
from tests.observed import NATIVE, OWN, START_NS, links_of, make_span, observations_of

from spanledger_collector.model import AttributeValue, Call, ReceivedSpan, Scope
from spanledger_collector.settle import settle
from spanledger_collector.settle.twins import CELL_NS

_FRAMEWORK = Scope("pydantic-ai", "2")
_OTHER = Scope("opentelemetry.instrumentation.anthropic", "0.62.4")
_EDGE = (CELL_NS - START_NS % CELL_NS) / 10**9
"""Seconds after `START_NS` at which one cell of time ends and the next begins."""


def _chat(
    scope: Scope = OWN,
    *,
    tokens: tuple[int, int] | None = (100, 50),
    answer: str | None = None,
    more: dict[str, AttributeValue] | None = None,
    resource: dict[str, AttributeValue] | None = None,
    trace: int = 1,
    span: int = 1,
    parent: int | None = None,
    start: float = 0,
    end: float = 1,
) -> ReceivedSpan:
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
    }
    if tokens is not None:
        said |= {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    if answer is not None:
        said["gen_ai.response.id"] = answer
    return make_span(
        said | (more or {}), scope, trace=trace, span=span, parent=parent, start=start, end=end, resource=resource
    )


def _settled(*spans: ReceivedSpan) -> list[Call]:
    return settle(observations_of(spans), links_of(spans))


def _between(span: int, parent: int) -> ReceivedSpan:
    return make_span({}, span=span, parent=parent, end=3)


def test_an_emitter_that_could_not_read_the_usage_tells_of_the_same_call() -> None:
    metered = _chat(NATIVE, trace=1, answer="msg_aaaaaaaa", start=0.01, end=0.99)
    bare = _chat(_OTHER, trace=2, tokens=None, start=0, end=0.3, more={"user.id": "ann"})
    (call,) = _settled(metered, bare)
    assert (call.usage_status, call.attribution.user, call.flags) == ("metered", "ann", ("probable_duplicate",))
    assert call.call_id == _settled(metered)[0].call_id


def test_counts_of_zero_are_no_usage() -> None:
    bare = _chat(_OTHER, trace=2, tokens=(0, 0))
    (alone,) = _settled(bare)
    assert (alone.usage_status, alone.meters, alone.flags) == ("unmetered", {}, ("zero_usage",))
    (call,) = _settled(_chat(NATIVE, trace=1), bare)
    assert (call.usage_status, len(call.sources)) == ("metered", 2)
    (believed,) = _settled(_chat(NATIVE, tokens=(0, 0)))
    assert (believed.usage_status, believed.meters) == ("metered", {"input": 0, "output": 0})


@pytest.mark.parametrize("other", [{}, {"gen_ai.usage.output_tokens": 0}])
def test_no_output_and_an_output_of_zero_are_the_same_counts(other: dict[str, AttributeValue]) -> None:
    """Of embeddings some emitters tell an output of zero, others none."""
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 500,
    }
    spans = make_span(said, OWN), make_span(said | other, _OTHER, trace=2)
    (call,) = _settled(*spans)
    assert (call.meters["input"], len(call.sources)) == (500, 2)


BESIDE = {
    "another model": _chat(_OTHER, trace=2, tokens=None, more={"gen_ai.request.model": "claude-opus-4-5"}),
    "another process": _chat(_OTHER, trace=2, tokens=None, resource={"service.name": "shop"}),
    "another time": _chat(_OTHER, trace=2, tokens=None, start=1.2, end=2),
    "neither beginning nor ending with it": _chat(_OTHER, trace=2, tokens=None, start=4, end=5),
    "mostly after it": _chat(_OTHER, trace=2, tokens=None, start=9.5, end=14),
    "another piece of work": _chat(_OTHER, trace=2, parent=7, tokens=None),
    "one that failed": _chat(_OTHER, trace=2, tokens=None, more={"error.type": "timeout"}),
    "another answer": _chat(_OTHER, trace=2, tokens=None, answer="msg_bbbbbbbb"),
    "the same emitter": _chat(NATIVE, trace=2, tokens=None),
}


@pytest.mark.parametrize("bare", BESIDE.values(), ids=BESIDE)
def test_what_may_be_another_call_stays_one(bare: ReceivedSpan) -> None:
    end = 10.0 if bare.started_ns >= START_NS + 4 * 10**9 else 1.0
    metered = _chat(NATIVE, parent=9, answer="msg_aaaaaaaa", end=end)
    assert sorted(call.usage_status for call in _settled(metered, bare)) == ["metered", "unmetered"]


def _numbered(started_ns: int, *, version: int = 7) -> bytes:
    """A UUID of that time."""
    number = (started_ns // 10**6).to_bytes(6) + bytes([version << 4 | 0xA, 0xBC, 0x8D])
    return number + bytes(range(7))


_RUN, _INNER_RUN = _numbered(START_NS - 5 * 10**9), _numbered(START_NS)


@pytest.mark.parametrize(
    ("trace_id", "parent", "calls"),
    [
        pytest.param(_RUN, _RUN[:8], 1, id="of a run"),
        pytest.param(_RUN, _INNER_RUN[:8], 1, id="of a run in a run"),
        pytest.param(_numbered(START_NS, version=4), _INNER_RUN[:8], 2, id="of no run"),
        pytest.param(_RUN, _numbered(START_NS, version=4)[:8], 2, id="with a parent"),
        pytest.param(_RUN, _numbered(START_NS - 10**15)[:8], 2, id="with a parent of another time"),
    ],
)
def test_a_call_whose_parent_is_no_span_but_the_number_of_a_run(trace_id: bytes, parent: bytes, calls: int) -> None:
    wrapper = _chat(Scope("langsmith", ""), parent=9, tokens=None, more={"error.type": "NotFound"})
    call = _chat(OWN, trace=2, tokens=None, start=0.01, end=0.99, more={"error.type": "NotFound"})
    call = replace(call, trace_id=trace_id, parent_span_id=parent)
    assert len(_settled(wrapper, call)) == calls


def test_of_two_runs_in_a_run_each_made_a_call() -> None:
    inner = _numbered(START_NS - 10**9)
    for parent, calls in ((inner, 2), (_INNER_RUN, 1)):
        spans = _chat(OWN, span=1), _chat(_OTHER, span=2, tokens=None)
        parents = _INNER_RUN[:8], parent[:8]
        made = [replace(span, trace_id=_RUN, parent_span_id=run) for span, run in zip(spans, parents, strict=True)]
        assert len(_settled(*made)) == calls


def test_a_wrapper_that_has_the_model_of_a_failed_request_among_its_parameters() -> None:
    said: dict[str, AttributeValue] = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.message.format": '"anthropic"',
        "model": '"claude-haiku-4-5"',
        "error.type": "NotFound",
    }
    wrapper = make_span(said, Scope("mlflow.tracing.provider", ""), trace=2)
    (call,) = _settled(wrapper, _chat(OWN, tokens=None, start=0.01, end=0.99, more={"error.type": "NotFound"}))
    assert (call.error_type, len(call.sources)) == ("NotFound", 2)


def test_of_two_branches_of_a_trace_each_made_a_call() -> None:
    spans = (_between(1, 9), _between(2, 1), _between(3, 1))
    metered = _chat(NATIVE, span=4, parent=2)
    assert len(_settled(*spans, metered, _chat(_OTHER, span=5, parent=3, tokens=None))) == 2
    (call,) = _settled(*spans, metered, _chat(_OTHER, span=5, parent=1, tokens=None))
    assert len(call.sources) == 2


def test_what_could_be_either_of_two_is_neither() -> None:
    metered = [_chat(NATIVE, trace=n, answer=f"msg_{n}aaaaaaa", start=n / 100) for n in (1, 2)]
    bare = [_chat(_OTHER, trace=n, tokens=None, start=n / 100 - 0.02) for n in (3, 4)]
    assert len(_settled(*metered, bare[0])) == 3
    assert len(_settled(metered[0], *bare)) == 3
    assert [len(call.sources) for call in _settled(*metered, *bare)] == [2, 2]


def test_a_span_that_saw_other_usage_of_the_same_emitter_takes_no_part() -> None:
    one_call = (_chat(NATIVE, trace=1, answer="msg_aaaaaaaa"), _chat(_OTHER, trace=2, answer="msg_aaaaaaaa"))
    calls = _settled(*one_call, _chat(_OTHER, trace=3, tokens=None))
    assert sorted(len(call.sources) for call in calls) == [1, 2]


def test_a_framework_that_hands_on_a_stream_before_it_is_asked_for() -> None:
    handed = [_chat(_FRAMEWORK, trace=n, tokens=None, start=n / 100, end=n / 100 + 0.001) for n in (1, 2)]
    asked = [_chat(OWN, trace=n + 2, answer=f"msg_{n}aaaaaaa", start=n / 100 + 0.002, end=1) for n in (1, 2)]
    calls = _settled(*handed, *asked)
    assert [[source.trace_id[-1] for source in call.sources] for call in calls] == [[3, 1], [4, 2]]
    late = replace(asked[0], started_ns=asked[0].started_ns + 2 * 10**8)
    assert len(_settled(handed[0], late)) == 2
    backwards = _chat(OWN, trace=1, tokens=None, end=0.001), _chat(_FRAMEWORK, trace=2, start=0.002)
    assert len(_settled(*backwards)) == 2


AT_AN_EDGE = {
    "one without usage": (_chat(NATIVE), _chat(_OTHER, tokens=None)),
    "both without usage": (_chat(NATIVE, tokens=None), _chat(_OTHER, tokens=None)),
    "both failed": tuple(_chat(scope, tokens=None, more={"error.type": "timeout"}) for scope in (NATIVE, _OTHER)),
}


@pytest.mark.parametrize("pair", AT_AN_EDGE.values(), ids=AT_AN_EDGE)
def test_twins_on_the_two_sides_of_an_edge_are_one_call(pair: tuple[ReceivedSpan, ReceivedSpan]) -> None:
    spans = [
        replace(span, trace_id=trace.to_bytes(16), started_ns=_at(start), ended_ns=_at(1))
        for trace, span, start in zip((1, 2), pair, (-0.001, 0.001), strict=True)
    ]
    (call,) = _settled(*spans)
    assert len(call.sources) == 2


def _at(seconds_after_the_edge: float) -> int:
    return START_NS + round((_EDGE + seconds_after_the_edge) * 10**9)


@dataclass(frozen=True, slots=True)
class _Real:
    """A call as it really was: in a thread, after the one before it, `seen` by a second emitter in some way."""

    thread: int
    gap: int
    length: int
    seen: str


_real = st.builds(
    _Real,
    thread=st.integers(0, 3),
    gap=st.sampled_from([0, 1, 5, 400]),
    length=st.sampled_from([3, 20, 20, 900]),
    seen=st.sampled_from(["", "outside", "inside", "bare outside", "bare inside", "bare", "zeros"]),
)


@given(st.lists(_real, min_size=1, max_size=10), st.booleans(), st.randoms(use_true_random=False))
def test_calls_that_are_alike_in_all_are_never_taken_for_one(reals: list[_Real], traced: bool, chance: Random) -> None:
    """One emitter meters every call; another sees some, with or without usage. All counts are equal, and many calls
    are made at once: still each call of the first is counted once, and no two of one emitter are joined."""
    spans = _seen(reals, traced=traced)
    chance.shuffle(spans)
    calls = _settled(*spans)
    assert sum(call.usage_status == "metered" for call in calls) == len(reals)
    for call in calls:
        emitters = [span.scope.name for span in spans if _is_source(span, call)]
        assert len(emitters) == len(set(emitters))


def _seen(reals: list[_Real], *, traced: bool) -> list[ReceivedSpan]:
    """The spans, all times in milliseconds; `traced`: in a trace of its thread, else each its own root."""
    now = dict.fromkeys(range(4), 0)
    spans: list[ReceivedSpan] = []
    for number, real in enumerate(reals, 1):
        start = now[real.thread] + real.gap
        now[real.thread] = end = start + real.length
        first, second = number * 2, number * 2 + 1
        whole = _chat(NATIVE, span=first, trace=first, answer=f"msg_{number:08}", start=start / 1000, end=end / 1000)
        out = 1 if "outside" in real.seen else -1 if "inside" in real.seen else 0
        counted = None if "bare" in real.seen else (0, 0) if real.seen == "zeros" else (100, 50)
        seen = _chat(
            _OTHER, span=second, trace=second, tokens=counted, start=(start - out) / 1000, end=(end + out) / 1000
        )
        told = [whole, seen] if real.seen else [whole]
        trace = (500 + real.thread).to_bytes(16)
        spans += [replace(span, trace_id=trace, parent_span_id=b"above it") if traced else span for span in told]
    return spans


def _is_source(span: ReceivedSpan, call: Call) -> bool:
    return any((span.trace_id, span.span_id) == (source.trace_id, source.span_id) for source in call.sources)


@given(st.lists(st.sampled_from([3, 20, 900]), min_size=1, max_size=8))
def test_calls_one_after_another_are_each_joined_with_their_twin(lengths: list[int]) -> None:
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    reals = [_Real(0, 0, end - start, "bare inside") for start, end in pairwise(ends)]
    calls = _settled(*_seen(reals, traced=False))
    assert [len(call.sources) for call in calls] == [2] * len(lengths)


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 900), st.booleans()), min_size=1, max_size=8),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_equal_calls_of_a_coding_agent_in_one_second_stay_as_many(
    calls: list[tuple[int, int, bool]], in_span: bool, chance: Random
) -> None:
    """Claude Code writes a record of every request and, where that is switched on, a span; without request ids only
    counts and times connect the two."""
    spans: list[ReceivedSpan] = []
    for number, (start, length, has_span) in enumerate(calls, 1):
        end = (start + length) / 1000
        record = _by_agent("claude-code-log", span=99 + number, trace=99 + number, start=start / 1000, end=end)
        if has_span:
            spans.append(_by_agent("claude-code", span=number, trace=number, start=start / 1000, end=end + 0.001))
        if has_span and in_span:
            record = replace(record, trace_id=number.to_bytes(16), parent_span_id=number.to_bytes(8))
        spans.append(record)
    chance.shuffle(spans)
    settled = _settled(*spans)
    assert len(settled) == len(calls)
    assert sum(len(call.sources) for call in settled) == len(spans)


def _by_agent(dialect: str, *, span: int, trace: int, start: float, end: float) -> ReceivedSpan:
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == dialect)
    said = emitter.write(Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 30, 0))
    said = {name: value for name, value in said.items() if name != "request_id"}
    return make_span(said, emitter.scope, name=emitter.name, trace=trace, span=span, start=start, end=end, kind=0)
