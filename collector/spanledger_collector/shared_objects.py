"""What many have in common is one object: a resource of its spans, conditions of its calls. So what follows from it is
worked out once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["made_once"]

_Shared = TypeVar("_Shared")
_Made = TypeVar("_Made")


def made_once(make: Callable[[_Shared], _Made], shared: Sequence[_Shared]) -> list[_Made]:
    """What is made of each, once for what is the same object: to compare what objects say takes longer, and 1 is no
    less equal to True."""
    if len({*map(id, shared)}) == 1:  # as nearly always
        return [make(shared[0])] * len(shared)
    made = {key: make(one) for key, one in {id(one): one for one in shared}.items()}
    return [made[id(one)] for one in shared]
