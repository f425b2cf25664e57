"""The one place that may swallow an exception: our own trouble must never become the application's.

Each kind of trouble is logged once, with its traceback, and counted from then on; `doctor` shows the counts.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

__all__ = ["guarded", "troubles", "went_well"]

_log = logging.getLogger("spanledger")
_counts: Counter[str] = Counter()

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")


def guarded(kind: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | None:
    """What `function` returns, or `None` after an exception, which is logged once for each `kind` and counted."""
    try:
        return function(*args, **kwargs)
    except Exception:  # noqa: BLE001  # the purpose of this module: instrumentation observes, it never breaks a call
        _note(kind)
        return None


def went_well(kind: str, function: Callable[[A, B], object], one: A, other: B, /) -> bool:
    """`guarded` for what is done in each call, or with each chunk of a stream: packing arguments would cost more than
    reading a chunk. Whether there was no exception."""
    try:
        function(one, other)
    except Exception:  # noqa: BLE001  # as above
        _note(kind)
        return False
    return True


def troubles() -> Mapping[str, int]:
    """How often each kind of trouble was swallowed in this process."""
    return dict(_counts)


def _note(kind: str) -> None:
    _counts[kind] += 1
    if _counts[kind] == 1:
        _log.warning("spanledger: trouble while it should %s; the application is not affected", kind, exc_info=True)
