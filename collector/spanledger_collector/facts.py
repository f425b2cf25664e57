"""Observations or calls, many at a time: column by column as they are asked for, and one as an object where one is
looked at.

Nearly all that settling does with new observations it does with one field of all, and most of them never become
objects.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Generic, TypeVar

from spanledger_collector.model import Observation
from spanledger_collector.observation_columns import ObservationColumns, count_of, observation_of

__all__ = ["Every", "Facts", "facts_in", "facts_of", "in_one_run"]

_Fact = TypeVar("_Fact")
_ColumnOf = Callable[[str], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Every:
    """A column in which all rows have one value. To extend other columns by it takes no look at each row."""

    value: Any
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.value, self.rows)

    def __contains__(self, value: object) -> bool:
        return bool(self.rows) and value == self.value


def in_one_run(column: Sequence[Any] | Every) -> Sequence[Any] | Every:
    """A column that is not empty, as one run where all rows have one value: to see that takes a tenth of what it takes
    to write each."""
    if isinstance(column, Every):
        return column
    first = column[0]
    return Every(first, len(column)) if column[-1] == first and column.count(first) == len(column) else column


class Facts(Generic[_Fact]):
    """So many facts, of which few are looked at."""

    def __init__(self, count: int, column: _ColumnOf, fact: Callable[[_ColumnOf, int], _Fact]) -> None:
        """`column` makes the column of a field (`attribution.user` is one too), `fact` the one at a place, of columns:
        it must not refer to these facts, which would then be in memory until the garbage collector finds them."""
        self._count = count
        self._make = column
        self._fact = fact
        self._columns: dict[str, Sequence[Any]] = {}
        self._said: dict[str, Sequence[Any] | Every] = {}

    def __len__(self) -> int:
        return self._count

    def fact(self, place: int) -> _Fact:
        """The one at a place."""
        return self._fact(self.column, place)

    def column(self, name: str) -> Sequence[Any]:
        """What each of them says in a field; made when it is first asked for."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._make(name)
        return found

    def said(self, name: str) -> Sequence[Any] | Every:
        """The same, as `Every` where all of them say one thing. There must be some."""
        found = self._said.get(name)
        if found is None:
            found = self._said[name] = in_one_run(self.column(name))
        return found

    def at(self, places: Sequence[int]) -> "Facts[_Fact]":
        """Those at these places, in their order."""

        def column(name: str) -> Sequence[Any]:
            whole = self.column(name)
            return [whole[place] for place in places]

        return Facts(len(places), column, lambda _, place: self.fact(places[place]))


def facts_of(objects: Sequence[_Fact]) -> Facts[_Fact]:
    """Facts that are objects already."""
    return Facts(len(objects), lambda name: [*map(attrgetter(name), objects)], lambda _, place: objects[place])


def facts_in(parts: Sequence[ObservationColumns]) -> Facts[Observation]:
    """Observations in columns, in parts one after the other."""

    def column(name: str) -> Sequence[Any]:
        return [*chain.from_iterable([part[name] for part in parts])]

    return Facts(sum(map(count_of, parts)), column, observation_of)
