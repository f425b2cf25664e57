"""Pairs across two sides, where each may be in one at most: as many as there can be."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

__all__ = ["most_pairs"]

_L = TypeVar("_L", bound=Hashable)
_R = TypeVar("_R", bound=Hashable)


def most_pairs(wishes: Iterable[tuple[_L, _R]]) -> list[tuple[_L, _R]]:
    """Of possible pairs (left, right), the most wanted first, a greatest set in which nobody is twice.

    Pairs are taken as they come; where that leaves somebody over for whom others can make room by changing partners,
    they do, with as few changes as possible. What is given to some depends only on those that wishes connect them
    with, and on the order of these wishes.

    This is Hopcroft and Karp's algorithm (1973, "An n^5/2 algorithm for maximum matchings in bipartite graphs"): the
    time is that of looking at all wishes, at worst times the square root of the number of those who have any.
    """
    found = _Matching[_L, _R]()
    for left, right in wishes:
        found.add(left, right)
    while found.improve():
        pass
    return found.pairs()


class _Matching(Generic[_L, _R]):
    def __init__(self) -> None:
        self._wanted: defaultdict[_L, list[_R]] = defaultdict(list)
        self._right_of: dict[_L, _R] = {}
        self._left_of: dict[_R, _L] = {}

    def add(self, left: _L, right: _R) -> None:
        self._wanted[left].append(right)
        if left not in self._right_of and right not in self._left_of:
            self._pair([left], [right])

    def pairs(self) -> list[tuple[_L, _R]]:
        return list(self._right_of.items())

    def improve(self) -> bool:
        """Pair some of those left over, each by the fewest changes; whether there was any for whom that is possible."""
        depths = self._depths()
        unasked = {left: iter(self._wanted[left]) for left in depths}  # no wish is looked at twice in a round
        for left in [left for left, depth in depths.items() if depth == 0]:
            self._make_room(left, depths, unasked)
        return bool(depths)

    def _depths(self) -> Mapping[_L, int]:
        """How many others have changed before one on the left is asked to, up to where somebody can without asking
        anyone else; empty if nobody can."""
        asked = [left for left in self._wanted if left not in self._right_of]
        depths = dict.fromkeys(asked, 0)
        depth = 0
        while asked:
            depth += 1
            wanted = (right for left in asked for right in self._wanted[left])
            next_asked = dict.fromkeys(self._left_of.get(right) for right in wanted)
            if None in next_asked:
                return depths
            asked = [left for left in next_asked if left is not None and left not in depths]
            depths.update(dict.fromkeys(asked, depth))
        return {}

    def _make_room(self, left: _L, depths: Mapping[_L, int], unasked: Mapping[_L, Iterator[_R]]) -> None:
        """Go down from one to the next, back where it does not go on, until somebody wants one that is free."""
        lefts: list[_L] = [left]
        rights: list[_R] = []
        while lefts:
            for right in unasked[lefts[-1]]:
                holder = self._left_of.get(right)
                if holder is None:
                    self._pair(lefts, [*rights, right])
                    return
                if depths.get(holder) == len(lefts):
                    lefts.append(holder)
                    rights.append(right)
                    break
            else:
                lefts.pop()
                del rights[-1:]

    def _pair(self, lefts: Sequence[_L], rights: Sequence[_R]) -> None:
        """Pair each with the one at its place, whoever had that before."""
        for left, right in zip(lefts, rights, strict=True):
            self._right_of[left] = right
            self._left_of[right] = left
