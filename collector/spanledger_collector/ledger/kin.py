"""Which spans of a trace lie in one another: only those may tell of the same call by their place."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

__all__ = ["Parents", "SpanKey", "kin"]

SpanKey = tuple[int, int, int]
"""Both halves of the trace id, and the span id."""

Parents = Mapping[SpanKey, int]
"""The span ids of parents, as far as they are known."""


class _Placed(Protocol):
    @property
    def trace_hi(self) -> int: ...
    @property
    def trace_lo(self) -> int: ...
    @property
    def span(self) -> int: ...


_Row = TypeVar("_Row", bound=_Placed)


def kin(near: Iterable[_Row], of: Iterable[SpanKey], parents: Parents) -> list[_Row]:
    """Of the rows near those that lie in one of the other spans, or around one of them."""
    others = set(of)
    above = {key for other in others for key in _above(other, parents)}
    return [
        row
        for row in near
        if (key := (row.trace_hi, row.trace_lo, row.span)) in above or not others.isdisjoint(_above(key, parents))
    ]


def _above(key: SpanKey, parents: Parents) -> Iterator[SpanKey]:
    """What a span lies in, nearest first."""
    trace_hi, trace_lo, _ = key
    seen = {key}
    while (parent := parents.get(key)) is not None:
        key = trace_hi, trace_lo, parent
        if key in seen:
            return
        seen.add(key)
        yield key
