"""The spans of a request in groups that are alike but for the values of their attributes: what follows from the names
alone is found once for each group, and the values are looked at in columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from msgspec import Meta, ValidationError, convert

from spanledger_collector.dialects.counts import LARGEST_COUNT, LONGEST_FACT
from spanledger_collector.dialects.shapes import Names
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope

__all__ = ["MANY_ALIKE", "Column", "Columns", "Group", "grouped", "rows_of"]

_T = TypeVar("_T")
MANY_ALIKE: Final = 12
"""Spans of a group. What looking at fewer in columns saves for each is less than what it costs for all."""

Column = Sequence[AttributeValue]
"""An attribute's value in each span of a group."""
_Texts = list[Annotated[str, Meta(min_length=1, max_length=LONGEST_FACT)]]
_Counts = list[Annotated[int, Meta(ge=0, lt=LARGEST_COUNT)]]
_Simple = list[str | int | bool]


class Columns(dict[str, Column]):
    """The columns of a group by the attribute's name. Their values are checked by msgspec, which takes a quarter of the
    time that Python does, and what was found to be simple is not checked for that again."""

    def __init__(self, columns: Iterable[tuple[str, Column]]) -> None:
        super().__init__(columns)
        self._simple: set[str] = set()

    def are_texts(self, name: str) -> bool:
        """Whether all values of an attribute are texts that say something (`counts.is_usable`)."""
        return self._are(_Texts, name)

    def are_counts(self, name: str) -> bool:
        """Whether all are whole numbers that count something."""
        return self._are(_Counts, name)

    def are_simple(self, name: str) -> bool:
        """Whether all are of types for which JSON has a word, whatever their values are."""
        return name in self._simple or self._are(_Simple, name)

    def _are(self, kind: type, name: str) -> bool:
        try:
            convert(self[name], kind)
        except ValidationError:
            return False
        self._simple.add(name)
        return True


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
        return Columns(zip(self.names, zip(*[own.values() for own in self.attributes], strict=True), strict=True))


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
