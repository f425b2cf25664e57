"""The one place that may swallow an exception: our own trouble must never become the application's.

Each kind of trouble is logged once, with its traceback, and counted from then on; `doctor` shows the counts.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

__all__ = ["guarded", "guarded_reading", "troubles"]

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


def guarded_reading(kind: str, read: Callable[[A, B], object], answer: A, reading: B, /) -> None:
    """`guarded` for what is done with each chunk of a stream: packing arguments would cost more than reading it."""
    try:
        read(answer, reading)
    except Exception:  # noqa: BLE001  # as above
        _note(kind)


def troubles() -> Mapping[str, int]:
    """How often each kind of trouble was swallowed in this process."""
    return dict(_counts)


def _note(kind: str) -> None:
    _counts[kind] += 1
    if _counts[kind] == 1:
        _log.warning("spanledger: trouble while it should %s; the application is not affected", kind, exc_info=True)
