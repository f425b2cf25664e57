"""Ollama: chat, generate and embed of a local server, or of Ollama's own cloud.

Counts are in the answer, or in the last line of a stream (`done: true`). `prompt_eval_count` is left out when the whole
prompt was cached: then the input is unknown, not zero, and the call is metered by its output.

A stream is a generator that sends its request when it is first asked for an item. What the application gets is a
generator too, around that one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, cast

from spanledger._call import run, run_async
from spanledger._guard import guarded
from spanledger._http import Body, Route, Url, open_exchange, route_of, server_of_url
from spanledger._patching import PatchPoint, Sdk
from spanledger._streams import AsyncItems, Items
from spanledger.content import OLLAMA_CHAT, OLLAMA_GENERATE
from spanledger.usage import get, put

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping

    from spanledger._call import Call
    from spanledger._reading import Reading

__all__ = ["SDK"]


class HttpClient(Protocol):
    """The client of httpx inside a client of Ollama."""

    @property
    def base_url(self) -> Url: ...


class _Named(Protocol):
    """A generator of either kind."""

    __name__: str
    __qualname__: str


def read_answer(answer: object, reading: Reading) -> None:
    """A whole answer, or the last line of a stream, which has the same fields."""
    if isinstance(model := get(answer, "model"), str):
        reading.response_model = model
    if isinstance(reason := get(answer, "done_reason"), str):
        reading.finish_reasons = [reason]
    put(reading.usage, "input", get(answer, "prompt_eval_count"))
    put(reading.usage, "output", get(answer, "eval_count"))


def read_embedding(answer: object, reading: Reading) -> None:
    """Embeddings: only input is counted (not at all by the older endpoint)."""
    read_answer(answer, reading)
    reading.usage.pop("output", None)


def read_line(line: object, reading: Reading) -> None:
    """A line of a stream."""
    message = get(line, "message")
    for holder, field in ((message, "content"), (message, "thinking"), (line, "response"), (line, "thinking")):
        if isinstance(text := get(holder, field), str):
            reading.characters += len(text)
    if get(line, "done") is True:
        read_answer(line, reading)
        reading.complete = True


def read_scores(answer: object, reading: Reading) -> None:
    """An answer of a System One model, the only one whose usage has a place of its own."""
    read_answer(answer, reading)
    put(reading.usage, "input", get(get(answer, "usage"), "input_tokens"))
    put(reading.usage, "output", get(get(answer, "usage"), "output_tokens"))


Args = tuple[object, ...]


def _request(wrapped: Callable[..., object], client: object, args: Args, kwargs: Mapping[str, object]) -> object:
    call = guarded("open a call", _open, client, args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    if call.request.stream:
        inner = cast("Generator[object]", wrapped(*args, **kwargs))
        return _named_like(inner, _stream(call, Items(inner, call)))
    return run(call, _observe, lambda: wrapped(*args, **kwargs))


async def _async_request(
    wrapped: Callable[..., Awaitable[object]], client: object, args: Args, kwargs: Mapping[str, object]
) -> object:
    call = guarded("open a call", _open, client, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    if call.request.stream:
        inner = cast("AsyncGenerator[object]", await wrapped(*args, **kwargs))
        return _named_like(inner, _async_stream(call, AsyncItems(inner, call)))
    return await run_async(call, _observe, lambda: wrapped(*args, **kwargs))


def _open(client: object, args: Args, kwargs: Mapping[str, object]) -> Call | None:
    """`_request(cls, method, path, *, json, stream)`."""
    path = args[2] if len(args) > 2 else None
    route = route_of(_ROUTES, path) if isinstance(path, str) else None
    if route is None:
        return None
    server = server_of_url(cast("HttpClient", get(client, "_client")).base_url)
    body = cast("Body", kwargs.get("json") or {})
    return open_exchange(route, server, body, "ollama", stream=kwargs.get("stream") is True)


def _observe(call: Call, answer: object) -> None:
    call.response(answer)
    call.finish("read")


def _stream(call: Call, lines: Items) -> Generator[object]:
    """What `lines` give. The SDK sends its request when it is asked for the first of them."""
    inner = cast("Generator[object]", lines)
    try:
        try:
            guarded("enter a call", call.enter)
            line = next(lines)
        finally:
            guarded("leave a call", call.leave)
        while True:
            yield line
            line = next(lines)
    except StopIteration:
        return
    except GeneratorExit:
        call.finish("closed")
        raise
    finally:
        inner.close()


async def _async_stream(call: Call, lines: AsyncItems) -> AsyncGenerator[object]:
    """The same, asynchronously."""
    inner = cast("AsyncGenerator[object]", lines)
    try:
        try:
            guarded("enter a call", call.enter)
            line = await anext(lines)
        finally:
            guarded("leave a call", call.leave)
        while True:
            yield line
            line = await anext(lines)
    except StopAsyncIteration:
        return
    except GeneratorExit:
        call.finish("closed")
        raise
    finally:
        await inner.aclose()


def _named_like(inner: object, outer: object) -> object:
    """A generator is shown by its name."""
    shown, original = cast("_Named", outer), cast("_Named", inner)
    shown.__name__, shown.__qualname__ = original.__name__, original.__qualname__
    return outer


_ROUTES = (
    Route(re.compile(r"^/api/chat$"), "chat", read_answer, read_line, needs=("output",), content=OLLAMA_CHAT),
    Route(
        re.compile(r"^/api/generate$"),
        "text_completion",
        read_answer,
        read_line,
        needs=("output",),
        content=OLLAMA_GENERATE,
    ),
    Route(re.compile(r"^/api/embed(dings)?$"), "embeddings", read_embedding, read_line, needs=("input",)),
    Route(re.compile(r"^/v1/systemone$"), "classification", read_scores, read_line),
)

SDK = Sdk(
    distribution="ollama",
    supported=">=0.4,<1",
    points=(
        PatchPoint("ollama._client", "Client._request", _request),
        PatchPoint("ollama._client", "AsyncClient._request", _async_request),
    ),
)
