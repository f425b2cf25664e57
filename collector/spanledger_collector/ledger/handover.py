"""Observations on their way from the journal's writer to settling, in memory: a short cut that spares reading them
again.

The journal in the file is the truth. Here may be less than there (after a restart, or when settling is far behind),
never anything else: what is put here is durable already, and whoever misses a number reads the file.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from spanledger_collector.model import Observation

__all__ = ["Handover"]

_MOST: Final = 32_000
"""Observations that are kept at most: about 55 MB. Settling this far behind reads the file, in larger pieces, which
takes half as long again. What a pass is at counts too."""


class _Commit(NamedTuple):
    """The observations of one commit, numbered from `first` on."""

    first: int
    observations: Sequence[Observation]

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + len(self.observations)


class Handover:
    """A bounded queue between two threads; `put` belongs to the one that writes the journal, `take` to the other."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._commits: deque[_Commit] = deque()
        self._count = 0
        self._end = 0
        self._lock = threading.Lock()

    def put(self, first: int, observations: Sequence[Observation]) -> None:
        """Offer the observations of a commit, in the order of their numbers from `first` on; too many are left out."""
        with self._lock:
            self._end = first + len(observations)
            kept = observations[: self._most - self._count]
            if kept:
                self._commits.append(_Commit(first, kept))
                self._count += len(kept)

    def offered(self, number: int) -> bool:
        """Whether the observation of that number was put here, or left out."""
        return number < self._end

    def take(self, after: int, most: int) -> list[tuple[int, Observation]]:
        """The observations that follow the number `after`, with their numbers, so many at most; none if the next one is
        not here. What came before is forgotten: `after` is settled. What is returned stays until it is."""
        found: list[tuple[int, Observation]] = []
        with self._lock:
            while self._commits and self._commits[0].end <= after + 1:
                self._count -= len(self._commits.popleft().observations)
            following = after + 1
            for commit in self._commits:
                if commit.first > following or len(found) == most:
                    break
                some = commit.observations[following - commit.first :][: most - len(found)]
                found.extend(enumerate(some, following))
                following += len(some)
        return found
