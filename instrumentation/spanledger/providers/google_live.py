"""Gemini's live API: a session over a socket, in which each turn of the model is a call.

Usage is said once for each turn, not summed over the session, and a turn that ends in a tool call is one of its own.
The message that ends a turn mostly has the usage; where it has not, the next one may.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, cast
from weakref import WeakKeyDictionary

from spanledger import semconv
from spanledger._call import open_call
from spanledger._guard import guarded
from spanledger._http import server_of
from spanledger._patching import PatchPoint
from spanledger._reading import Request, ending_of
from spanledger._wrapping import Args, argument
from spanledger.hosts import provider_of_host
from spanledger.providers.google_usage import LIVE, items, read_tier, read_usage
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from spanledger._call import Call
    from spanledger._reading import Reading

__all__ = ["LIVE_POINTS"]


class Live(Protocol):
    """`AsyncLive` of the SDK, the maker of sessions."""

    _api_client: object


def read_message(message: object, reading: Reading) -> None:
    """A message of the server: content, a tool call, or neither; usage with any of them."""
    content = get(message, "server_content")
    for part in items(get(get(content, "model_turn"), "parts")):
        text = get(part, "text")
        reading.characters += len(text) if isinstance(text, str) else 0
    queries = get(get(content, "grounding_metadata"), "web_search_queries")
    if isinstance(queries, list) and queries:
        reading.usage["web_search"] = len(cast("list[object]", queries))
    usage = get(message, "usage_metadata")
    read_usage(usage, reading, LIVE)
    read_tier(get(usage, "service_tier") or get(usage, "traffic_type"), reading)


class _Turns:
    """The turns of one session, one call after the other."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._call: Call | None = None
        self._over = False

    def message(self, message: object) -> None:
        content, usage = get(message, "server_content"), get(message, "usage_metadata")
        spoken = content is not None or get(message, "tool_call") is not None
        if self._over and (spoken or usage is None):
            self.end()
        if self._call is None:
            if not spoken and usage is None:
                return
            self._call = open_call(self._request, read_message, read_message)
        if self._call is not None:
            self._call.chunk(message)
        self._over = self._over or bool(get(content, "turn_complete")) or get(message, "tool_call") is not None
        if self._over and usage is not None:
            self.end()

    def end(self, error: BaseException | None = None) -> None:
        """The turn is over, or the session is."""
        call, over = self._call, self._over
        self._call, self._over = None, False
        if call is not None:
            call.finish(ending_of(error) if error is not None else "read" if over else "closed", error)


_sessions: WeakKeyDictionary[object, _Turns] = WeakKeyDictionary()


@asynccontextmanager
async def _connect(
    wrapped: Callable[..., AbstractAsyncContextManager[object]], live: Live, args: Args, kwargs: Mapping[str, object]
) -> AsyncGenerator[object]:
    async with wrapped(*args, **kwargs) as session:
        guarded("watch a live session", _watch, live, argument(args, kwargs, 0, "model"), session)
        try:
            yield session
        finally:
            if (turns := _sessions.pop(session, None)) is not None:
                guarded("end a live turn", turns.end)


async def _receive(
    wrapped: Callable[..., Awaitable[object]], session: object, args: Args, kwargs: Mapping[str, object]
) -> object:
    turns = _sessions.get(session)
    if turns is None:
        return await wrapped(*args, **kwargs)
    try:
        message = await wrapped(*args, **kwargs)
    except Exception as error:
        guarded("end a live turn", turns.end, error)
        raise
    guarded("read a live message", turns.message, message)
    return message


def _watch(live: Live, model: object, session: object) -> None:
    client = cast("object", getattr(live, "_api_client"))  # noqa: B009  # private, so no type declares it
    vertex, location = bool(get(client, "vertexai")), get(client, "location")
    server = server_of(str(get(get(client, "_http_options"), "base_url") or ""))
    request = Request(
        operation="realtime_inference",
        provider=provider_of_host(server.host, "gcp.vertex_ai" if vertex else "gcp.gemini"),
        model=model.removeprefix("models/") if isinstance(model, str) else None,
        server_address=server.host or None,
        server_port=server.port,
        stream=True,
        attributes={semconv.REGION: location} if vertex and isinstance(location, str) else {},
    )
    _sessions[session] = _Turns(request)


LIVE_POINTS = (
    PatchPoint("google.genai.live", "AsyncLive.connect", _connect),
    PatchPoint("google.genai.live", "AsyncSession._receive", _receive),
)
