"""Spans that arrived together, as columns: how decoders hand them to the journal, whatever the transport.

An emitter writes the same attributes span after span. So the attributes of spans that are alike go on as one column of
values for each name, and what follows from the names is found once for all of them. To make, fill and free a mapping
for each span was a quarter of what decoding and reading took together, and 600 bytes of memory; now one is made where
somebody asks for a span.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope

__all__ = [
    "MANY",
    "MANY_ALIKE",
    "NO_SPANS",
    "Alike",
    "Column",
    "ReceivedSpans",
    "Skeletons",
    "grouped",
    "places_by",
    "rows_of",
]

_K = TypeVar("_K", bound=Hashable)
MANY: Final = 40
"""Spans of one scope. Where there are fewer, looking for groups costs more than it saves."""
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

    def spans(self, places: Sequence[int], attributes: Iterable[Attributes]) -> list[ReceivedSpan]:
        """The spans at these places, which ascend, with their attributes."""
        # One column after the other, and the records by `map`: a third of what it takes span by span.
        own: list[Any] = [*self]
        if len(places) < len(self.trace_id):
            own = [[column[place] for place in places] for column in self]
        return [*map(ReceivedSpan, *own[:_BEFORE_ATTRIBUTES], attributes, *own[_BEFORE_ATTRIBUTES:])]


_BEFORE_ATTRIBUTES: Final = ReceivedSpan.__struct_fields__.index("attributes")
_skeleton_of: Final = attrgetter(*Skeletons._fields)
_NO_SKELETONS: Final = Skeletons(*[()] * len(Skeletons._fields))


class Alike(Struct, frozen=True):
    """The attributes of spans with one scope, resource, kind, and names of attributes in one order: the `places` of
    the spans in the request, a column for each name, and names whose value is known to be the `same` in all. What came
    as a mapping for each span is kept as that too."""

    names: tuple[str, ...]
    places: Sequence[int]
    columns: Sequence[Column]
    same: frozenset[str] = frozenset()
    mappings: Sequence[Attributes] | None = None

    def rows(self) -> Sequence[Attributes]:
        """The attributes of each span."""
        if self.mappings is not None:
            return self.mappings
        return rows_of(dict(zip(self.names, self.columns, strict=True))) if self.names else [{} for _ in self.places]


class ReceivedSpans(Struct, frozen=True):
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
        alike, others = grouped(range(len(spans)), attributes, keys)
        return cls(skeletons, alike, others)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """The spans of several parts, one after the other."""
        if len(parts) < 2:
            return parts[0] if parts else cls(_NO_SKELETONS, (), {})
        alike: list[Alike] = []
        others: dict[int, Attributes] = {}
        first = 0
        for part in parts:
            for group in part.alike:
                places = [first + place for place in group.places]
                alike.append(replace(group, places=places))
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
        places = range(len(self))
        return iter(self.skeletons.spans(places, map(attributes.__getitem__, places)))

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


def places_by(keys: Iterable[_K]) -> dict[_K, list[int]]:
    """Where each key stands."""
    found: dict[_K, list[int]] = {}
    for place, key in enumerate(keys):
        if (places := found.get(key)) is None:
            found[key] = [place]
        else:
            places.append(place)
    return found


def grouped(
    places: Sequence[int], attributes: Sequence[Attributes], keys: Iterable[Hashable]
) -> tuple[list[Alike], dict[int, Attributes]]:
    """Groups of the spans at these places, which have these attributes, among those of which all else that matters to
    a group is the same by these keys; and by place the attributes of those that are in none."""
    alike: list[Alike] = []
    others: dict[int, Attributes] = {}
    for (names, _), found in places_by(zip(map(tuple, attributes), keys, strict=True)).items():
        within, own = [places[each] for each in found], [attributes[each] for each in found]
        if len(found) < MANY_ALIKE:
            others.update(zip(within, own, strict=True))
        else:
            columns = [*zip(*[each.values() for each in own], strict=True)]
            alike.append(Alike(names, within, columns, mappings=own))
    return alike, others
