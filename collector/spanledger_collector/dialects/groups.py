"""The spans of a request in groups that are alike but for the values of their attributes: what follows from the names
alone is found once for each group, and the values are looked at in columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from spanledger_collector.dialects.shapes import Names
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope

__all__ = ["MANY_ALIKE", "Column", "Columns", "Group", "grouped", "rows_of"]

_T = TypeVar("_T")
MANY_ALIKE: Final = 12
"""Spans of a group. What looking at fewer in columns saves for each is less than what it costs for all."""

Column = Sequence[AttributeValue]
"""An attribute's value in each span of a group."""
Columns = Mapping[str, Column]
"""Columns by the attribute's name."""


@dataclass(frozen=True, slots=True)
class Group:
    """Spans with one scope, resource, kind, and names of attributes in one order; and their `places` in the request."""

    names: Names
    places: Sequence[int]
    spans: Sequence[ReceivedSpan]
    attributes: Sequence[Attributes]

    @property
    def scope(self) -> Scope:
        """The scope of all."""
        return self.spans[0].scope

    @property
    def resource(self) -> Attributes:
        """The resource of all."""
        return self.spans[0].resource

    @property
    def kind(self) -> int:
        """The kind of all."""
        return self.spans[0].kind

    def column(self, name: str) -> Column:
        """The values of one attribute."""
        return [own[name] for own in self.attributes]

    def columns(self) -> Columns:
        """The values of all attributes."""
        return dict(zip(self.names, zip(*[own.values() for own in self.attributes], strict=True), strict=True))


def rows_of(columns: Mapping[str, Sequence[_T]]) -> list[dict[str, _T]]:
    """What columns say of each span, by their names."""
    rows = zip(*columns.values(), strict=True)
    match tuple(columns):  # for as many as most calls count: written out they take a third of the time
        case (one, two):
            return [{one: first, two: second} for first, second in rows]
        case (one, two, three):
            return [{one: first, two: second, three: third} for first, second, third in rows]
        case names:
            return [dict(zip(names, row, strict=True)) for row in rows]


def grouped(spans: Sequence[ReceivedSpan]) -> tuple[list[Group], list[int]]:
    """The groups of a request's spans, and the places of those that are in none."""
    attributes = [span.attributes for span in spans]
    # A decoder makes one object of a scope and of a resource for all that have it: no need to compare what they say.
    scopes, resources = [id(span.scope) for span in spans], [id(span.resource) for span in spans]
    keys = zip(map(tuple, attributes), scopes, resources, [span.kind for span in spans], strict=True)
    found: dict[tuple[Names, int, int, int], list[int]] = {}
    for place, key in enumerate(keys):
        if (places := found.get(key)) is None:
            found[key] = [place]
        else:
            places.append(place)
    groups = [
        Group(key[0], places, [spans[place] for place in places], [attributes[place] for place in places])
        for key, places in found.items()
        if len(places) >= MANY_ALIKE
    ]
    return groups, [place for places in found.values() if len(places) < MANY_ALIKE for place in places]
