"""Attribution: who or what spends, kept in OpenTelemetry context: it nests, crosses `await` and ends with its block.

    with spanledger.attribution(user="u-17", feature="summarise"):
        client.chat.completions.create(...)

It is not sent anywhere by itself: only with `propagate=True` does it also go into baggage, for other services.
A thread starts without it; `in_this_context` gives it to the function that the thread runs.
Baggage that arrives from elsewhere counts as attribution too, for the keys that the settings allow.
"""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar, cast

from opentelemetry import baggage, context

from spanledger import semconv
from spanledger._context_keys import BAGGAGE_KEY, baggage_in
from spanledger._settings import BAGGAGE_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

__all__ = ["attribution", "attribution_attributes", "in_this_context", "without_attribution_baggage"]

_ATTRIBUTES = context.create_key("spanledger-attribution")
_SCOPE = context.create_key("spanledger-attribution-scope")

_NOBODY: Final[Mapping[str, str]] = {}

_ATTRIBUTE_BY_FIELD = {
    "user": semconv.USER_ID,
    "org": semconv.ORG,
    "session": semconv.SESSION_ID,
    "workflow": semconv.WORKFLOW_NAME,
    "feature": semconv.FEATURE,
}

P = ParamSpec("P")
R = TypeVar("R")


class attribution:  # noqa: N801  # used like a function: `with attribution(...)`, `@attribution(...)`
    """Attribute every LLM call made inside to whatever is named; inner blocks win for each name they give.

    `with`, `async with` and, for functions and coroutine functions, a decorator. Names given as `None` change nothing.
    Other keyword arguments become free dimensions (`spanledger.dim.<name>`). Values are turned into text.
    `propagate=True` also puts the names into OpenTelemetry baggage, for other services; LLM hosts never receive them.
    """

    def __init__(
        self,
        *,
        user: object = None,
        org: object = None,
        session: object = None,
        workflow: object = None,
        feature: object = None,
        propagate: bool = False,
        **dims: object,
    ) -> None:
        named = {"user": user, "org": org, "session": session, "workflow": workflow, "feature": feature}
        given = {_ATTRIBUTE_BY_FIELD[field]: value for field, value in named.items()}
        given |= {semconv.DIMENSION_PREFIX + name: value for name, value in dims.items()}
        self._given = {name: str(value) for name, value in given.items() if value is not None}
        self._propagate = propagate

    def __enter__(self) -> Self:
        outer = cast("Mapping[str, str]", context.get_value(_ATTRIBUTES) or {})
        # The token that undoes this block lies in the context that the block makes, so that one object may be used by
        # several tasks at a time, or inside itself.
        token: list[Token[Context]] = []
        inner = context.set_value(_SCOPE, token, context.set_value(_ATTRIBUTES, {**outer, **self._given}))
        if self._propagate:
            for name, value in self._given.items():
                inner = baggage.set_baggage(name, value, inner)
        token.append(context.attach(inner))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token = cast("list[Token[Context]] | None", context.get_value(_SCOPE))
        if token:
            context.detach(token.pop())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if iscoroutinefunction(function):

            @wraps(function)
            async def attributed_async(*args: P.args, **kwargs: P.kwargs) -> object:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", attributed_async)

        @wraps(function)
        def attributed(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return attributed


def in_this_context(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which will run in the OpenTelemetry context of now: attribution, the current span, baggage.

        executor.submit(spanledger.in_this_context(ask), question)
        list(executor.map(spanledger.in_this_context(ask), questions))

    For threads only: tasks, and `asyncio.to_thread`, have the context already. Where all threads of a process should
    have it, the package `opentelemetry-instrumentation-threading` does the same for every thread and pool.
    """
    captured = context.get_current()

    @wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        token = context.attach(captured)
        try:
            return function(*args, **kwargs)
        finally:
            context.detach(token)

    return within


def attribution_attributes(
    within: Context | None = None, baggage_keys: Iterable[str] = BAGGAGE_KEYS
) -> Mapping[str, str]:
    """The span attributes that say who spends in the context `within` (default: the current one).

    What `attribution(...)` says wins over baggage.
    """
    if within is None:
        within = context.get_current()
    stated: Mapping[str, str] = cast("Any", within).get(_ATTRIBUTES, _NOBODY)
    if BAGGAGE_KEY not in within:
        return stated
    carried = baggage_in(within)
    return {**{key: str(value) for key, value in carried.items() if _allowed(key, baggage_keys)}, **stated}


def without_attribution_baggage(within: Context, baggage_keys: Iterable[str] = BAGGAGE_KEYS) -> Context:
    """`within` without the baggage entries that are attribution: what may be active while an LLM host is called."""
    for key in baggage_in(within) if BAGGAGE_KEY in within else ():
        if _allowed(key, baggage_keys):
            within = baggage.remove_baggage(key, within)
    return within


def _allowed(key: str, patterns: Iterable[str]) -> bool:
    return any(key == pattern or (pattern[-1:] == "*" and key.startswith(pattern[:-1])) for pattern in patterns)
