"""Observations and calls that are alike in all that a price depends on, save the time and how much was counted: what
follows from what they say is worked out once for all of them, and column by column.

A pass of settling takes a few thousand observations of a dozen kinds or so. What of a fact there are many of where
there are many processes is no part of it: each kind costs as much as some calls."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import add, attrgetter
from typing import Any, Final, Generic, Self, TypeVar

from spanledger_collector.facts import Every, Facts
from spanledger_collector.model import Call, Conditions, Observation, Quantity

__all__ = ["Alike", "added", "calls_alike", "observations_alike", "total"]

_Fact = TypeVar("_Fact", Call, Observation)
_Number = TypeVar("_Number", int, Quantity)

_SAID: Final = ("provider", "request_model", "response_model", "usage_status", "flags")
_of_conditions: Final = attrgetter(*(field.name for field in fields(Conditions)))


@dataclass(frozen=True, slots=True)
class Alike(Generic[_Fact]):
    """Those `of` facts at some `places` that are alike, with what each of them counts of each meter, as columns.
    `nonzero` are the meters that all of them count something of: of the others none of them does."""

    of: Facts[_Fact]
    places: Sequence[int]
    counts: Mapping[str, Sequence[Quantity]]
    nonzero: tuple[str, ...]

    @property
    def first(self) -> _Fact:
        """One for all."""
        return self.of.fact(self.places[0])

    def column(self, name: str) -> Sequence[Any] | Every:
        """What each of them says in a field; in one run if all facts, of whatever kind, say one thing there."""
        whole = self.of.said(name)
        if isinstance(whole, Every):
            return Every(whole.value, len(self.places))
        return [whole[place] for place in self.places]

    def at(self, kept: Sequence[int]) -> Self:
        """Those at the positions `kept` among them."""
        counts = {meter: [column[one] for one in kept] for meter, column in self.counts.items()}
        return type(self)(self.of, [self.places[one] for one in kept], counts, self.nonzero)

    def without(self, places: Container[int]) -> Self:
        """Those that are not at these places; all alike if none is."""
        kept = [position for position, place in enumerate(self.places) if place not in places]
        return self if len(kept) == len(self.places) else self.at(kept)


def total(counts: Mapping[str, Sequence[_Number]], meters: Container[str]) -> Sequence[_Number] | None:
    """What is counted of these meters together, row by row; None where none of them is."""
    return added([column for meter, column in counts.items() if meter in meters])


def added(columns: Sequence[Sequence[_Number]]) -> Sequence[_Number] | None:
    """The sum of columns, row by row; None of no columns."""
    found: Sequence[Any] | None = None
    for column in columns:
        found = column if found is None else [*map(add, found, column)]  # a fifth of what `sum` takes for each row
    return found


def calls_alike(calls: Facts[Call]) -> Iterator[Alike[Call]]:
    """Calls by what they say."""
    return _alike(calls, _SAID)


def observations_alike(observations: Facts[Observation]) -> Iterator[Alike[Observation]]:
    """Observations by what they say, which includes what they are to settling."""
    return _alike(observations, (*_SAID, "role"))


def _alike(facts: Facts[_Fact], said: Sequence[str]) -> Iterator[Alike[_Fact]]:
    if not len(facts):
        return
    meters: Sequence[Mapping[str, Quantity]] = facts.column("meters")
    columns = [column for name in said if not isinstance(column := facts.said(name), Every)]
    conditions = _numbered(facts.column("conditions"))
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, key in enumerate(zip(map(tuple, meters), *conditions, *columns, strict=True)):
        groups[key].append(place)
    for places in groups.values():
        yield from _by_zeros(facts, places, [meters[place] for place in places])


def _numbered(conditions: Sequence[Conditions]) -> list[Sequence[int]]:
    """A column of numbers that are equal where the conditions are; none where all are."""
    ids = [*map(id, conditions)]
    distinct = dict(zip(ids, conditions, strict=True))  # many have one object, and to look into each takes long
    numbers: dict[tuple[object, ...], int] = {}
    of_id = {one: numbers.setdefault(_of_conditions(each), len(numbers)) for one, each in distinct.items()}
    return [] if len(numbers) == 1 else [[*map(of_id.__getitem__, ids)]]


def _by_zeros(
    facts: Facts[_Fact], places: Sequence[int], meters: Sequence[Mapping[str, Quantity]]
) -> Iterator[Alike[_Fact]]:
    """Facts that are alike and count the same meters, by which of them they count anything of."""
    names = tuple(meters[0])
    whole = Alike(facts, places, {name: [each[name] for each in meters] for name in names}, names)
    with_zeros = [name for name, column in whole.counts.items() if not all(column)]
    if not with_zeros:
        yield whole
        return
    groups: defaultdict[tuple[bool, ...], list[int]] = defaultdict(list)
    for position, counted in enumerate(zip(*[map(bool, whole.counts[name]) for name in with_zeros], strict=True)):
        groups[counted].append(position)
    for counted, kept in groups.items():
        zeros = {name for name, anything in zip(with_zeros, counted, strict=True) if not anything}
        yield replace(whole.at(kept), nonzero=tuple([name for name in names if name not in zeros]))
