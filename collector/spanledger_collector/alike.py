"""Observations, or calls, that say the same in all that a price depends on, but for time and counts: models,
conditions, which meters they count. What follows from that is worked out once for all of them, and the rest in columns.

What has many values where there are many processes is no part of it: each kind costs as much as some calls."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import add, attrgetter
from typing import Any, Final, Generic, Self, TypeVar

from spanledger_collector.model import Call, Conditions, Observation, Quantity

__all__ = ["Alike", "added", "calls_alike", "observations_alike", "total"]

_Fact = TypeVar("_Fact", Call, Observation)
_Number = TypeVar("_Number", int, Quantity)

_Key = tuple[object, int, tuple[str, ...], tuple[str, ...]]
"""What they say, the number of their conditions, which meters they count, and of which of these anything."""

_of_conditions: Final = attrgetter(*(field.name for field in fields(Conditions)))


@dataclass(frozen=True, slots=True)
class Alike(Generic[_Fact]):
    """Facts that are alike, with what each of them counts of each meter, as columns. `places` say where the facts were;
    `nonzero` are the meters that all of them count something of: of the others none of them does."""

    places: Sequence[int]
    facts: Sequence[_Fact]
    counts: Mapping[str, Sequence[Quantity]]
    nonzero: tuple[str, ...]

    @property
    def first(self) -> _Fact:
        """One for all."""
        return self.facts[0]

    def at(self, kept: Sequence[int], places: Sequence[int]) -> Self:
        """The facts at the positions `kept` alone, which are at these places now."""
        counts = {meter: [column[one] for one in kept] for meter, column in self.counts.items()}
        return type(self)(places, [self.facts[one] for one in kept], counts, self.nonzero)


def total(counts: Mapping[str, Sequence[_Number]], meters: Container[str]) -> Sequence[_Number] | None:
    """What is counted of these meters together, row by row; None where none of them is."""
    return added([column for meter, column in counts.items() if meter in meters])


def added(columns: Sequence[Sequence[_Number]]) -> Sequence[_Number] | None:
    """The sum of columns, row by row; None of no columns."""
    found: Sequence[Any] | None = None
    for column in columns:
        found = column if found is None else [*map(add, found, column)]  # a fifth of what `sum` takes for each row
    return found


def calls_alike(calls: Sequence[Call]) -> Iterator[Alike[Call]]:
    """Calls by what they say."""
    said = [(one.provider, one.request_model, one.response_model, one.usage_status, one.flags) for one in calls]
    return _alike(calls, said)


def observations_alike(observations: Sequence[Observation]) -> Iterator[Alike[Observation]]:
    """Observations by what they say, which includes what they are to settling."""
    said = [
        (one.provider, one.request_model, one.response_model, one.usage_status, one.flags, one.role)
        for one in observations
    ]  # `attrgetter` takes twice the time, here and in `ledger.new_calls`
    return _alike(observations, said)


def _alike(facts: Sequence[_Fact], said: Sequence[tuple[object, ...]]) -> Iterator[Alike[_Fact]]:
    groups: defaultdict[_Key, list[tuple[int, _Fact, tuple[Quantity, ...]]]] = defaultdict(list)
    numbers: dict[tuple[object, ...], int] = {}
    by_id: dict[int, int] = {}  # many facts have one object, and to look into it takes as long as all else
    for place, (fact, word) in enumerate(zip(facts, said, strict=True)):
        meters, conditions = fact.meters, fact.conditions
        number = by_id.get(id(conditions))
        if number is None:
            number = by_id[id(conditions)] = numbers.setdefault(_of_conditions(conditions), len(numbers))
        names, counts = tuple(meters), tuple(meters.values())
        nonzero = names if all(counts) else tuple([name for name in names if meters[name]])
        groups[word, number, names, nonzero].append((place, fact, counts))
    for (_, _, names, nonzero), counted in groups.items():
        places, some, rows = zip(*counted, strict=True)
        columns = zip(*rows, strict=True)
        yield Alike(places, some, dict(zip(names, columns, strict=True)), nonzero)
