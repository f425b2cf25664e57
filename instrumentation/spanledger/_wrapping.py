"""Wrappers for functions that make a call and return its answer, synchronous or not, whatever the SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from spanledger._call import run, run_async
from spanledger._guard import guarded

if TYPE_CHECKING:
    from spanledger._call import Call

__all__ = ["Args", "Kwargs", "Observe", "Open", "argument", "observing", "observing_async"]

Args = tuple[object, ...]
Kwargs = Mapping[str, object]

Open = Callable[[Any, Args, Kwargs], "Call | None"]
"""Opens the call that a function is about to make, from its instance and arguments; `None`: not one to observe."""

Observe = Callable[["Call", Any], None]
"""Observes what the function returned."""


def argument(args: Args, kwargs: Kwargs, position: int, name: str) -> object:
    """An argument of a call that may be given by position or by name; `None` when it is not given."""
    return args[position] if len(args) > position else kwargs.get(name)


def observing(open_call: Open, observe: Observe) -> Callable[..., object]:
    """A wrapper for a function that returns its answer."""

    def wrapper(wrapped: Callable[..., object], instance: object, args: Args, kwargs: Kwargs) -> object:
        call = guarded("open a call", open_call, instance, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        return run(call, observe, lambda: wrapped(*args, **kwargs))

    return wrapper


def observing_async(open_call: Open, observe: Observe) -> Callable[..., Awaitable[object]]:
    """A wrapper for a coroutine function that returns its answer."""

    async def wrapper(
        wrapped: Callable[..., Awaitable[object]], instance: object, args: Args, kwargs: Kwargs
    ) -> object:
        call = guarded("open a call", open_call, instance, args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        return await run_async(call, observe, lambda: wrapped(*args, **kwargs))

    return wrapper
