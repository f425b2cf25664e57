"""What follows from the names of a span's attributes alone, worked out once for each set of names.

An emitter writes the same attributes span after span. What a dialect reads of them, and what the journal keeps, is
looked up by the names in their order.
"""

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

__all__ = ["Names", "by_names"]

Names = tuple[str, ...]
_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)

_SHAPES: Final = 1024
_LONGEST: Final = 8192
"""Characters of all names together. Both numbers bound what a hostile client can make us remember: 8 MB."""


def by_names(work_out: Callable[[_K, Names], _T]) -> Callable[[_K, Names], _T]:
    """The function with its answers remembered, but for sets of names that are too large to be an emitter's."""
    remembered: dict[tuple[_K, Names], _T] = {}

    def look_up(key: _K, names: Names) -> _T:
        found = remembered.get((key, names))
        return found if found is not None else remember(key, names)

    def remember(key: _K, names: Names) -> _T:
        found = work_out(key, names)
        if len("".join(names)) <= _LONGEST:
            if len(remembered) >= _SHAPES:
                remembered.clear()
            remembered[key, names] = found
        return found

    return look_up
