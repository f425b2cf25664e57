"""Which spans of a trace lie in one another: only those may tell of the same call by their place.

`settle.nodes.Ancestry` says the same of observations that are read.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from spanledger_collector.settle.nodes import overlap

__all__ = ["Placed", "SpanKey", "Spans", "kin"]

SpanKey = tuple[int, int, int]
"""Both halves of the trace id, and the span id."""


class Placed(NamedTuple):
    """The span id of a span's parent, and its start and end (ns)."""

    parent: int | None
    started_ns: int
    ended_ns: int


Spans = Mapping[SpanKey, Placed]
"""Spans, as far as they are known."""


class _Identified(Protocol):
    @property
    def trace_hi(self) -> int: ...
    @property
    def trace_lo(self) -> int: ...
    @property
    def span(self) -> int: ...


_Row = TypeVar("_Row", bound=_Identified)


def kin(near: Iterable[_Row], of: Iterable[SpanKey], spans: Spans) -> list[_Row]:
    """Of the rows near those that lie in one of the other spans, or around one of them."""
    others = set(of)
    above = {key for other in others for key in _above(other, spans)}
    return [
        row
        for row in near
        if (key := (row.trace_hi, row.trace_lo, row.span)) in above or not others.isdisjoint(_above(key, spans))
    ]


def _above(key: SpanKey, spans: Spans) -> Iterator[SpanKey]:
    """What a span lies in, nearest first, as long as all overlap one another."""
    trace_hi, trace_lo, _ = key
    seen = {key}
    known = spans.get(key)
    if known is None:
        return
    parent, last_start, first_end = known
    while parent is not None:
        key = trace_hi, trace_lo, parent
        known = spans.get(key)
        if known is None or key in seen or not overlap(known.started_ns, known.ended_ns, last_start, first_end):
            return
        yield key
        seen.add(key)
        parent = known.parent
        last_start, first_end = max(last_start, known.started_ns), min(first_end, known.ended_ns)
