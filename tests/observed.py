"""Spans as emitters send them, for the tests of dialects and settling; and worlds of random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from hypothesis import strategies as st

from spanledger_collector import dialects
from spanledger_collector.facts import facts_in
from spanledger_collector.journal.reading import StoredReading, document_of
from spanledger_collector.ledger.handover import Numbered
from spanledger_collector.model import AttributeValue, Observation, ReceivedSpan, Scope
from spanledger_collector.observation_columns import columns_of
from spanledger_collector.settle.nodes import Identity, Link

__all__ = [
    "NATIVE",
    "OWN",
    "START_NS",
    "Seen",
    "links_of",
    "make_span",
    "observations_of",
    "streams",
    "whole_reading",
    "worlds",
]

OWN = Scope("spanledger", "0.1")
NATIVE = Scope("com.anthropic.sdk.python", "2.12.0")
START_NS = 1_790_000_000_000_000_000
SECOND_NS = 10**9


def make_span(
    attributes: Mapping[str, AttributeValue],
    scope: Scope = OWN,
    *,
    trace: int = 1,
    span: int = 1,
    parent: int | None = None,
    start: float = 0,
    end: float = 1,
    name: str = "chat",
    kind: int = 3,
    status: int = 0,
    resource: Mapping[str, AttributeValue] | None = None,
) -> ReceivedSpan:
    """A span with small numbers for ids and seconds after `START_NS` for times."""
    return ReceivedSpan(
        trace_id=trace.to_bytes(16),
        span_id=span.to_bytes(8),
        parent_span_id=None if parent is None else parent.to_bytes(8),
        name=name,
        kind=kind,
        started_ns=START_NS + round(start * SECOND_NS),
        ended_ns=START_NS + round(end * SECOND_NS),
        status=status,
        attributes=attributes,
        resource={"service.name": "shop", "service.instance.id": "one"} if resource is None else resource,
        scope=scope,
    )


def observations_of(spans: Sequence[ReceivedSpan]) -> list[Observation]:
    """What the dialects read in the spans."""
    return [found for span in spans if (found := dialects.recognise(span)) is not None]


def numbered(observations: Sequence[Observation], first: int = 0) -> Numbered:
    """Observations as settling takes them: numbered from `first` on, and in columns."""
    return Numbered(range(first, first + len(observations)), facts_in([columns_of(observations)]))


def whole_reading(stored: StoredReading) -> str:
    """The column `reading` as releases wrote it that put all of the observation there."""
    said = {name: value for name, value in document_of(stored).items() if value is not None}
    return msgspec.json.encode(said).decode()


def links_of(spans: Sequence[ReceivedSpan]) -> dict[Identity, Link]:
    """The parent and the time of every span."""
    return {(span.trace_id, span.span_id): Link(span.parent_span_id, span.started_ns, span.ended_ns) for span in spans}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a random emitter says of a random call."""

    scope: Scope
    operation: str | None
    model: str
    tokens: tuple[int, int] | None
    response_id: str | None
    user: str | None
    failed: bool

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """The attributes of its span; none at all for a span that is about something else."""
        if self.operation is None:
            return {"http.request.method": "POST"}
        said: dict[str, AttributeValue] = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": self.model,
            "gen_ai.response.id": self.response_id,
            "user.id": self.user,
            "error.type": "timeout" if self.failed else None,
        }
        if self.tokens is not None:
            said |= {"gen_ai.usage.input_tokens": self.tokens[0], "gen_ai.usage.output_tokens": self.tokens[1]}
        return {name: value for name, value in said.items() if value is not None}


_scopes = st.sampled_from([OWN, NATIVE, Scope("framework.one", "1"), Scope("framework.two", "1")])
_seen = st.builds(
    Seen,
    scope=_scopes,
    operation=st.sampled_from(["chat", "chat", "chat", "invoke_agent", "execute_tool", None]),
    model=st.sampled_from(["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "other-model"]),
    tokens=st.sampled_from([None, (100, 50), (100, 50), (200, 50), (0, 0)]),
    response_id=st.sampled_from([None, None, "msg_aaaaaaaaaa", "msg_bbbbbbbbbb", "chatcmpl-cccccccccc"]),
    user=st.sampled_from([None, "ann", "bob"]),
    failed=st.sampled_from([False, False, False, True]),
)
_DAY = 86400.0
_BEFORE_AN_EDGE = 399.9
"""Seconds after `START_NS`: what starts then and what starts a tenth later lie in two cells of settling."""
_starts = st.sampled_from([0.0, 0.5, 1.0, 3.0, 15.0, _BEFORE_AN_EDGE, 2 * _DAY])


@st.composite
def worlds(draw: st.DrawFn, *, most: int = 9) -> list[ReceivedSpan]:
    """Spans in up to three traces, nested or not, with everything that settling looks at drawn from few values, so that
    much of it coincides."""
    spans: list[ReceivedSpan] = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        trace = draw(st.integers(1, 3))
        parent = draw(st.none() | st.integers(1, number + 1))
        start = (
            draw(st.sampled_from([0.0, 0.5, 1.0, 3.0, 15.0, _BEFORE_AN_EDGE, 2 * _DAY])) + draw(st.integers(0, 3)) / 10
        )
        length = draw(st.sampled_from([0.0, 0.1, 1.0, 4.0, 60.0]))
        seen = draw(_seen)
        spans.append(
            make_span(
                seen.attributes,
                seen.scope,
                trace=trace,
                span=number,
                parent=None if parent == number else parent,
                start=start,
                end=start + length,
                kind=draw(st.sampled_from([1, 3])),
            )
        )
    return spans


_STREAM_SCOPES = (NATIVE, OWN, Scope("framework.one", "1"))


@st.composite
def streams(draw: st.DrawFn, *, most: int = 8) -> list[ReceivedSpan]:
    """Calls of equal usage at one time, each seen by up to three emitters, the outer ones a little longer; each span is
    a trace of its own."""
    spans: list[ReceivedSpan] = []
    named = draw(st.booleans())
    for number in range(draw(st.integers(2, most))):
        start, length = draw(st.integers(0, 15)) / 50, draw(st.sampled_from([0.02, 0.1, 0.3, 0.9]))
        for place, scope in enumerate(_STREAM_SCOPES):
            if not draw(st.sampled_from([True, True, False])):
                continue
            early, late = (draw(st.sampled_from([0.0, 0.001, 0.02, 0.1])) * place for _ in range(2))
            response_id = f"msg_{number:08}" if named and place == 0 else None
            seen = Seen(scope, "chat", "claude-sonnet-4-5", (100, 50), response_id, None, failed=False)
            trace = len(spans) + 1
            spans.append(
                make_span(
                    seen.attributes,
                    scope,
                    trace=trace,
                    span=trace,
                    start=1 + start - early,
                    end=1 + start + length + late,
                )
            )
    return spans
