"""Bloom filters of keys: what they do not know was never put into them."""

from collections.abc import Sequence
from threading import Lock
from typing import Final

from rbloom import Bloom

__all__ = ["CrowdedFilter", "GrowingFilter", "Key"]

Key = int
"""What is known of the identity of a span: 64 bits in which spans differ, in one trace or in several."""

_FEWEST: Final = 1_000_000
_MORE: Final = 3_000_000
_MOST: Final = 16_000_000
"""Keys for which there is room at first, is added at least, and is at most, at 5.4 bytes each: from 5 to 87 MB. With
more the filter errs more often. With more than is needed nearly every page of it is touched all the same."""
_ROOM: Final = 5
_ERRORS: Final = 2**-6
"""A filter made to err so often asks for six bits of each key, which is quick; with room for five times as many keys
it takes less than one new key in 100,000 for a known one."""
_AT_ONCE: Final = 1024
"""Keys that are put together, in a millisecond: so that other threads get their turn."""
_MOST_CROWDED: Final = 128_000_000
"""Keys for which there is room, at 1.1 bytes each: 138 MB."""


class GrowingFilter:
    """A filter that hardly errs and makes room as keys come, up to a size. Several threads may add, one of them ask."""

    def __init__(self, expected: int = 0) -> None:
        """Begins with room for so many keys at least, and never with little."""
        self.count = 0
        self._adding = Lock()
        self._room = min(max(_FEWEST, expected), _MOST)
        self._filters = [_roomy(self._room)]

    def suspects(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that it may know; it knows no other one."""
        places = [place for known in self._filters for place, key in enumerate(keys) if key in known]
        return places if len(self._filters) == 1 else sorted(set(places))

    def add(self, keys: Sequence[Key]) -> None:
        """Know these keys too."""
        with self._adding:
            self.count += len(keys)
            if self.count > self._room and self._room < _MOST:
                more = min(max(self._room, _MORE), _MOST - self._room)
                self._filters.append(_roomy(more))
                self._room += more
            _put(self._filters[-1], keys)


class CrowdedFilter:
    """A filter of 1.1 bytes for each key, up to a size, which takes one new key in 64 for a known one when it is full.
    One thread may add, another one ask."""

    def __init__(self, wanted: int) -> None:
        """Has room for so many keys, if that is not too much."""
        self._room = min(wanted, _MOST_CROWDED)
        self._count = 0
        self._filter = Bloom(self._room, _ERRORS)

    def serves(self, keys: int) -> bool:
        """Whether it is as good as a new one for so many keys, or nearly: it may be full, or know much that is gone."""
        return self._count < 2 * keys and (self._count <= self._room or self._room == _MOST_CROWDED)

    def suspects(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that it may know; it knows no other one."""
        known = self._filter
        return [place for place, key in enumerate(keys) if key in known]

    def add(self, keys: Sequence[Key]) -> None:
        """Know these keys too."""
        self._count += len(keys)
        _put(self._filter, keys)


def _roomy(room: int) -> Bloom:
    return Bloom(_ROOM * room, _ERRORS)


def _put(known: Bloom, keys: Sequence[Key]) -> None:
    for start in range(0, len(keys), _AT_ONCE):
        known.update(keys[start : start + _AT_ONCE])  # pyright: ignore[reportUnknownMemberType] - its stub leaves open of what
