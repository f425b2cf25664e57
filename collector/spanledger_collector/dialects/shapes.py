"""What follows from the names of a span's attributes alone, worked out once for each set of names.

An emitter writes the same attributes span after span. What a dialect reads of them, and what the journal keeps, is
looked up by the names in their order.
"""

from collections.abc import Callable, Hashable, Mapping
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

__all__ = ["ByNames", "Names", "Values", "values_of"]

Names = tuple[str, ...]
Values = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""Takes what stands under some names out of a mapping that has them: the values of attributes, or columns of them."""
_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)

_SHAPES: Final = 1024
_LONGEST: Final = 8192
"""Characters of all names together. Both numbers bound what a hostile client can make us remember: 8 MB."""


class ByNames(dict[tuple[_K, Names], _T], Generic[_K, _T]):
    """The answers of a function, which this decorates, to `[key, names]`; remembered but for sets of names that are too
    large to be an emitter's. A mapping, because a look-up in one is half as dear as a call."""

    def __init__(self, work_out: Callable[[_K, Names], _T]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, asked: tuple[_K, Names]) -> _T:
        found = self._work_out(*asked)
        if len("".join(asked[1])) <= _LONGEST:
            if len(self) >= _SHAPES:
                self.clear()
            self[asked] = found
        return found


def values_of(names: Names) -> Values:
    """What takes the values of these names."""
    if len(names) > 1:
        return itemgetter(*names)  # gives a tuple for several names only
    return lambda attributes: tuple([attributes[name] for name in names])
