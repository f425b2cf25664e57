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
    keys = [*map(id, shared)]
    if len({*keys}) == 1:  # as nearly always
        return [make(shared[0])] * len(keys)
    made = {key: make(one) for key, one in dict(zip(keys, shared, strict=True)).items()}
    return [*map(made.__getitem__, keys)]
