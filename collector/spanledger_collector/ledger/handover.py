"""Observations on their way from the journal's writer to settling, in memory: a short cut that spares reading them
again.

The journal in the file is the truth. Here may be less than there (after a restart, or when settling is far behind),
never anything else: what is put here is durable already, and whoever misses a number reads the file.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from spanledger_collector.facts import Facts, facts_in
from spanledger_collector.model import Observation
from spanledger_collector.observation_columns import ObservationColumns, count_of, joined, part_of

__all__ = ["Handover", "Numbered"]

_MOST: Final = 32_000
"""Observations that are kept at most: about 25 MB. Settling this far behind reads the file, in larger pieces, which
takes half as long again. What a pass is at counts too."""
_FEW: Final = 32
"""Parts of fewer observations, as small requests leave, are joined: their columns take more memory than what is in
them."""


class Numbered(NamedTuple):
    """Observations with their numbers, which go up."""

    numbers: Sequence[int]
    told: Facts[Observation]

    def at(self, places: Sequence[int]) -> Self:
        """Those at these places, in their order."""
        return self._replace(numbers=[self.numbers[place] for place in places], told=self.told.at(places))


class _Part(NamedTuple):
    """Some observations of a commit, numbered from `first` on."""

    first: int
    columns: ObservationColumns

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + count_of(self.columns)


class Handover:
    """A bounded queue between two threads; `put` belongs to the one that writes the journal, `take` to the other."""

    def __init__(self, most: int = _MOST, *, few: int = _FEW) -> None:
        self._most = most
        self._few = few
        self._parts: deque[_Part] = deque()
        self._count = 0
        self._end = 0
        self._lock = threading.Lock()

    def put(self, first: int, parts: Sequence[ObservationColumns]) -> None:
        """Offer the observations of a commit, in the order of their numbers from `first` on; too many are left out."""
        if sum(map(count_of, parts)) < len(parts) * self._few:
            parts = [joined(parts)]
        with self._lock:
            self._end = first
            for columns in parts:
                kept = min(count_of(columns), self._most - self._count)
                if kept:
                    self._parts.append(_Part(self._end, part_of(columns, 0, kept)))
                    self._count += kept
                self._end += count_of(columns)

    def offered(self, number: int) -> bool:
        """Whether the observation of that number was put here, or left out."""
        return number < self._end

    def take(self, after: int, most: int) -> Numbered:
        """The observations that follow the number `after`, so many at most, or all if these are a quarter more; none if
        the next one is not here. What came before is forgotten: `after` is settled. What is returned stays until it
        is."""
        found: list[ObservationColumns] = []
        following = after + 1
        with self._lock:
            while self._parts and self._parts[0].end <= following:
                self._count -= count_of(self._parts.popleft().columns)
            last = following + most
            if self._end <= last + most // 4:  # a pass of the few that are left over would cost as much as 500 of them
                last = self._end
            for part in self._parts:
                end = min(part.end, last)
                if part.first > following or end <= following:
                    break
                found.append(part_of(part.columns, following - part.first, end - part.first))
                following = end
        return Numbered(range(after + 1, following), facts_in(found))
