"""Spans that arrived together, as columns: how decoders hand them to the journal, whatever the transport.

An emitter writes the same attributes span after span. So the attributes of spans that are alike go on as one column of
values for each name, and what follows from the names is found once for all of them. To make, fill and free a mapping
for each span was a quarter of what decoding and reading took together, and 600 bytes of memory; now one is made where
somebody asks for a span.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope

__all__ = ["MANY", "MANY_ALIKE", "NO_SPANS", "Alike", "Column", "ReceivedSpans", "Skeletons", "rows_of"]

MANY: Final = 48
"""Spans in a request. Where there are fewer, sorting them into groups costs more than it saves."""
MANY_ALIKE: Final = 12
"""Spans of a group. What columns of fewer save for each is less than what they cost for all."""

Column = Sequence[AttributeValue]
"""An attribute's value in each span of a group."""


class Skeletons(NamedTuple):
    """All of spans but their attributes: a column for each field of `ReceivedSpan`. Those that came together share the
    objects of their resource and scope."""

    trace_id: Sequence[bytes]
    span_id: Sequence[bytes]
    parent_span_id: Sequence[bytes | None]
    name: Sequence[str]
    kind: Sequence[int]
    started_ns: Sequence[int]
    ended_ns: Sequence[int]
    status: Sequence[int]
    resource: Sequence[Attributes]
    scope: Sequence[Scope]

    def span(self, place: int, attributes: Attributes) -> ReceivedSpan:
        """One of the spans, which has these attributes."""
        return ReceivedSpan(  # in the order of its fields: names would cost three times as much
            self.trace_id[place],
            self.span_id[place],
            self.parent_span_id[place],
            self.name[place],
            self.kind[place],
            self.started_ns[place],
            self.ended_ns[place],
            self.status[place],
            attributes,
            self.resource[place],
            self.scope[place],
        )


_skeleton_of: Final = attrgetter(*Skeletons._fields)
_NO_SKELETONS: Final = Skeletons(*[()] * len(Skeletons._fields))


@dataclass(frozen=True, slots=True)
class Alike:
    """The attributes of spans with one scope, resource, kind, and names of attributes in one order: the `places` of
    the spans in the request, a column for each name, and names whose value is known to be the `same` in all."""

    names: tuple[str, ...]
    places: Sequence[int]
    columns: Sequence[Column]
    same: frozenset[str] = frozenset()

    def rows(self) -> list[dict[str, AttributeValue]]:
        """The attributes of each span."""
        return rows_of(dict(zip(self.names, self.columns, strict=True))) if self.names else [{} for _ in self.places]


@dataclass(frozen=True, slots=True)
class ReceivedSpans:
    """The spans of one request, in its order: their skeletons, and attributes in groups of those that are `alike`, or
    by the place of the span where there are not many such."""

    skeletons: Skeletons
    alike: Sequence[Alike]
    others: Mapping[int, Attributes]

    @classmethod
    def of(cls, spans: "Sequence[ReceivedSpan] | ReceivedSpans") -> "ReceivedSpans":
        """The same spans, in columns."""
        if isinstance(spans, ReceivedSpans):
            return spans
        if not spans:
            return NO_SPANS
        skeletons = Skeletons(*zip(*map(_skeleton_of, spans), strict=True))
        attributes = [span.attributes for span in spans]
        if len(spans) < MANY:
            return cls(skeletons, (), dict(enumerate(attributes)))
        # A decoder makes one object of a scope and of a resource for all that have it: no need to compare them.
        keys = zip(skeletons.kind, map(id, skeletons.scope), map(id, skeletons.resource), strict=True)
        alike, others = grouped(attributes, keys)
        return cls(skeletons, alike, others)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """The spans of several parts, one after the other."""
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else cls(_NO_SKELETONS, (), {})
        alike: list[Alike] = []
        others: dict[int, Attributes] = {}
        first = 0
        for part in parts:
            for group in part.alike:
                places = [first + place for place in group.places]
                alike.append(Alike(group.names, places, group.columns, group.same))
            others.update((first + place, attributes) for place, attributes in part.others.items())
            first += len(part)
        columns = zip(*[part.skeletons for part in parts], strict=True)
        skeletons = Skeletons(*[[*chain.from_iterable(column)] for column in columns])
        return cls(skeletons, alike, others)

    def __len__(self) -> int:
        return len(self.skeletons.trace_id)

    def __iter__(self) -> Iterator[ReceivedSpan]:
        attributes = {**self.others}
        for group in self.alike:
            attributes.update(zip(group.places, group.rows(), strict=True))
        return (self.skeletons.span(place, attributes[place]) for place in range(len(self)))

    def attributes(self) -> int:
        """How many attributes they have."""
        of_groups = sum(len(group.names) * len(group.places) for group in self.alike)
        return of_groups + sum(map(len, self.others.values()))

    def with_resources(self, resources: Sequence[Attributes]) -> "ReceivedSpans":
        """The spans with other resources: the same one where they had the same."""
        return ReceivedSpans(self.skeletons._replace(resource=resources), self.alike, self.others)


NO_SPANS: Final = ReceivedSpans(_NO_SKELETONS, (), {})


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """What columns say of each span, by their names."""
    rows = zip(*columns.values(), strict=True)
    match tuple(columns):  # for as many as most calls count: written out they take a third of the time
        case (one, two):
            return [{one: first, two: second} for first, second in rows]
        case (one, two, three):
            return [{one: first, two: second, three: third} for first, second, third in rows]
        case names:
            return [dict(zip(names, row, strict=True)) for row in rows]


def grouped(attributes: Sequence[Attributes], keys: Iterable[object]) -> tuple[list[Alike], dict[int, Attributes]]:
    """The groups of spans with these attributes, among those of which all else that matters to a group is the same by
    these keys; and by place the attributes of those that are in none."""
    found: dict[tuple[tuple[str, ...], object], list[int]] = {}
    for place, key in enumerate(zip(map(tuple, attributes), keys, strict=True)):
        if (places := found.get(key)) is None:
            found[key] = [place]
        else:
            places.append(place)
    alike = [
        Alike(names, places, [*zip(*[attributes[place].values() for place in places], strict=True)])
        for (names, _), places in found.items()
        if len(places) >= MANY_ALIKE
    ]
    others = {place: attributes[place] for places in found.values() if len(places) < MANY_ALIKE for place in places}
    return alike, others
