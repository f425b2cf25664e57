"""Cohere: chat, embed, rerank and the rest, in both versions of the API; on Bedrock too, through the SDK's own clients.

Usage says two things: `tokens`, what the model worked with (inclusive of `cached_tokens`), and `billed_units`, what is
billed, which leaves out what Cohere adds to a prompt. Both are on the span: the tokens under the names of the
conventions, the billed ones as `billed_input` and `billed_output`. Numbers come as floats.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from spanledger import semconv
from spanledger._call import current_call, run, run_async
from spanledger._guard import guarded
from spanledger._http import Response, Route, observe_response, open_exchange, route_of, server_of
from spanledger._patching import PatchPoint, Sdk
from spanledger._skimming import skimming
from spanledger._wrapping import Args, observing, observing_async
from spanledger.content import COHERE_CHAT, COHERE_CHAT_V1, COHERE_GENERATE
from spanledger.hosts import provider_of_host
from spanledger.usage import count, get, put

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
    from concurrent.futures import Executor
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from spanledger._call import Call
    from spanledger._http import Body
    from spanledger._reading import Reading

__all__ = ["SDK"]

_METER_BY_BILLED_UNIT = {
    "input_tokens": "billed_input",
    "output_tokens": "billed_output",
    "search_units": "search_unit",
    "classifications": "classification",
    "images": "image",
    "pages": "page",
}
"""`image_tokens` and `text_tokens` are parts of the input tokens."""


class HttpClient(Protocol):
    """`HttpClient` of the SDK, or `AsyncHttpClient`."""

    def get_base_url(self, maybe_base_url: str | None) -> str: ...


def read_answer(answer: object, reading: Reading) -> None:
    """A whole answer, of whatever endpoint: usage is in `usage` (chat, version 2) or in `meta` (all others)."""
    _read_identity(answer, reading)
    if isinstance(reason := get(answer, "finish_reason"), str):
        reading.finish_reasons = [reason]
    _read_usage(get(answer, "usage") or get(answer, "meta"), reading)


def read_event(event: object, reading: Reading) -> None:
    """An event of a stream of version 2; the last one has usage and the reason to finish in its delta."""
    kind, delta = get(event, "type"), get(event, "delta")
    if kind == "message-start":
        _read_identity(event, reading)
    elif kind == "message-end":
        read_answer(delta, reading)
        reading.complete = True
    else:
        message = get(delta, "message")
        text = get(get(message, "content"), "text") or get(message, "tool_plan")
        reading.characters += len(text) if isinstance(text, str) else 0


def read_line(event: object, reading: Reading) -> None:
    """An event of a stream of version 1; the last one repeats the whole answer."""
    kind = get(event, "event_type")
    if kind == "stream-start":
        _read_identity(event, reading)
    elif kind == "stream-end":
        read_answer(get(event, "response"), reading)
        if isinstance(reason := get(event, "finish_reason"), str):
            reading.finish_reasons = [reason]
        reading.complete = True
    elif isinstance(text := get(event, "text"), str):
        reading.characters += len(text)


def _read_identity(answer: object, reading: Reading) -> None:
    for name in ("id", "generation_id", "response_id"):
        if isinstance(response_id := get(answer, name), str) and response_id:
            reading.response_id = response_id
            return


def _read_usage(usage: object, reading: Reading) -> None:
    billed, tokens = get(usage, "billed_units"), get(usage, "tokens")
    for unit, meter in _METER_BY_BILLED_UNIT.items():
        put(reading.usage, meter, get(billed, unit))
    put(reading.usage, "input_image", get(billed, "image_tokens"))
    if "billed_input" not in reading.usage and "input_image" in reading.usage:  # images, by tokens
        reading.usage["billed_input"] = reading.usage["input_image"] + (count(get(billed, "text_tokens")) or 0)
    for part in ("input", "output"):
        worked = count(get(tokens, f"{part}_tokens"))
        put(reading.usage, part, reading.usage.get(f"billed_{part}") if worked is None else worked)
    put(reading.usage, "cache_read", get(usage, "cached_tokens"))


class _Threads:
    """The executor of a client; what it runs has the context of who asked for it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def map(self, function: Callable[[object], object], items: Iterable[object]) -> Iterator[object]:
        here = copy_context()

        def run_here(item: object) -> object:
            return here.copy().run(function, item)

        return self._executor.map(run_here, items)


class _Client:
    """A client of version 1, which embeds texts from several threads."""

    def __init__(self, client: object) -> None:
        self._client = client
        self._executor = _Threads(cast("Executor", get(client, "_executor")))

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)


def _embed(wrapped: Callable[..., object], client: object, args: Args, kwargs: Mapping[str, object]) -> object:
    function = cast("Callable[..., object]", getattr(wrapped, "__func__"))  # noqa: B009  # it is a bound method
    return function(guarded("keep the context in threads", _Client, client) or client, *args, **kwargs)


@contextmanager
def _stream(
    wrapped: Callable[..., AbstractContextManager[Response]],
    client: HttpClient,
    args: Args,
    kwargs: Mapping[str, object],
) -> Generator[Response]:
    with ExitStack() as stack:
        call = guarded("open a call", _open, client, args, kwargs, stream=True)
        exchange = wrapped(*args, **kwargs)
        if call is None:
            yield stack.enter_context(exchange)
        else:
            yield run(call, _observe, lambda: stack.enter_context(exchange))


@asynccontextmanager
async def _async_stream(
    wrapped: Callable[..., AbstractAsyncContextManager[Response]],
    client: HttpClient,
    args: Args,
    kwargs: Mapping[str, object],
) -> AsyncGenerator[Response]:
    async with AsyncExitStack() as stack:
        call = guarded("open a call", _open, client, args, kwargs, stream=True)
        exchange = wrapped(*args, **kwargs)
        if call is None:
            yield await stack.enter_async_context(exchange)
        else:
            yield await run_async(call, _observe, lambda: stack.enter_async_context(exchange))


def _open(client: HttpClient, args: Args, kwargs: Mapping[str, object], *, stream: bool = False) -> Call | None:
    if kwargs.get("retries"):  # the SDK sends again by calling itself: still the same call
        if (call := current_call()) is not None:
            call.retries += 1
        return None
    path = args[0] if args else kwargs.get("path")
    route = route_of(_ROUTES, path) if isinstance(path, str) and kwargs.get("method") == "POST" else None
    if route is None:
        return None
    server = server_of(client.get_base_url(cast("str | None", kwargs.get("base_url"))))
    body = cast("Body", kwargs.get("json") or kwargs.get("data") or {})
    if route.operation == "embeddings" and isinstance(body.get("images"), list):
        route = replace(route, needs=("image",))  # images are billed as such, or as tokens besides
    return open_exchange(route, server, body, "cohere", stream=stream)


def _observe(call: Call, response: Response) -> None:
    """A response; the clients for other clouds have sent the request somewhere else than it was addressed to."""
    host = get(get(get(response, "request"), "url"), "host")
    if isinstance(host, str) and host != call.request.server_address:
        call.reading.attributes[semconv.SERVER_ADDRESS] = host
        call.reading.attributes[semconv.PROVIDER_NAME] = provider_of_host(host, call.request.provider)
    observe_response(call, response)


_LINES = skimming(read_line, b"stream-")
_ROUTES = (
    Route(re.compile(r"v2/chat$"), "chat", read_answer, skimming(read_event, b"message-"), content=COHERE_CHAT),
    Route(re.compile(r"v1/chat$"), "chat", read_answer, _LINES, content=COHERE_CHAT_V1),
    Route(re.compile(r"v1/(generate|summarize)$"), "text_completion", read_answer, _LINES, content=COHERE_GENERATE),
    Route(re.compile(r"/embed$"), "embeddings", read_answer, read_event, needs=("input",)),
    Route(re.compile(r"/rerank$"), "rerank", read_answer, read_event, needs=("search_unit",)),
    Route(re.compile(r"/classify$"), "classification", read_answer, read_event, needs=("classification",)),
    Route(re.compile(r"/parse$"), "parse", read_answer, read_event, needs=("page",)),
    Route(re.compile(r"/audio/transcriptions$"), "transcription", read_answer, read_event, needs=("second",)),
)
_MODULE = "cohere.core.http_client"

SDK = Sdk(
    distribution="cohere",
    supported=">=5.21,<8",
    points=(
        PatchPoint(_MODULE, "HttpClient.request", observing(_open, _observe)),
        PatchPoint(_MODULE, "AsyncHttpClient.request", observing_async(_open, _observe)),
        PatchPoint(_MODULE, "HttpClient.stream", _stream),
        PatchPoint(_MODULE, "AsyncHttpClient.stream", _async_stream),
        PatchPoint("cohere.client", "Client.embed", _embed),
    ),
)
