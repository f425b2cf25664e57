"""Google Gemini: models, chats, embeddings, images, caches and interactions, on the Gemini API and on Vertex AI.

Models, chats and caches go through four methods of `BaseApiClient`, which take a path and return the body as it was
sent: what the SDK's types leave out (`serviceTier`) is still there. Interactions are in `google_interactions`, the live
API in `google_live`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from spanledger import semconv
from spanledger._call import run, run_async
from spanledger._decoding import Decoding
from spanledger._fetched import open_fetch
from spanledger._guard import guarded
from spanledger._http import Route, count_attempt, document_of, open_exchange, route_of, server_of
from spanledger._patching import PatchPoint, Sdk
from spanledger._reading import Request
from spanledger._skimming import characters
from spanledger._streams import AsyncItems, Items
from spanledger._wrapping import Args, argument, observing, observing_async
from spanledger.content import GEMINI_GENERATE
from spanledger.hosts import provider_of_host
from spanledger.providers.google_answers import (
    read_cache,
    read_content,
    read_embeddings,
    read_operation,
    read_predictions,
)
from spanledger.providers.google_batches import BATCHES, answers_in_file, answers_of_batch, file_of_answers
from spanledger.providers.google_interactions import INTERACTION_POINTS
from spanledger.providers.google_live import LIVE_POINTS
from spanledger.providers.google_usage import items
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from spanledger._call import Call
    from spanledger._http import Body
    from spanledger._reading import Ending, Reading

__all__ = ["SDK"]

_SAID_LAST = ('"webSearchQueries"', '"finishReason"', '"usageMetadata"')


class ApiClient(Protocol):
    """`BaseApiClient` of the SDK."""

    vertexai: bool | None
    location: str | None


class _Stream(Decoding):
    """The chunks of an answer on their way to the SDK. Each is cumulative and comes as text: what is kept, and parsed
    at the end, is the first, and the last with each of some words."""

    __slots__ = ("_kept",)

    def __init__(self, call: Call) -> None:
        super().__init__(call, self._keep)
        self._kept: dict[str, str] = {}

    def _keep(self, call: Call, chunk: object) -> None:
        body = cast("HttpBody", chunk).body or ""
        call.chunk(body)
        call.reading.characters += characters(body)
        self._kept.setdefault("", body)
        for word in _SAID_LAST:
            if word in body:
                self._kept.pop(word, None)
                self._kept[word] = body

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        guarded("read the chunks of an answer", self._read)
        super().finish(how, error)

    def _read(self) -> None:
        reading, last = self._call.reading, ""
        for last in dict.fromkeys(self._kept.values()):
            read_content(json.loads(last), reading)
        reading.complete = "finishReason" in last and "output" in reading.usage


class HttpBody(Protocol):
    """`HttpResponse` of the SDK: a body as text."""

    body: str | None


def _document(response: object) -> object:
    body = get(response, "body")
    return document_of(body.encode()) if isinstance(body, str) and body else None


_NOTHING: Body = {}


def read_nothing(_chunk: object, _reading: Reading) -> None:
    """A chunk of a stream counts; what it says is read at the end."""


def read_place(body: Body) -> dict[str, str]:
    """The region of Vertex AI, on which prices depend."""
    location = body.get("location")
    return {semconv.REGION: location} if isinstance(location, str) else {}


_ROUTES = tuple(
    Route(re.compile(path), operation, read_response, read_nothing, needs, read_place, *content)
    for path, operation, read_response, needs, *content in (
        (r":(streamG|g)enerateContent$", "generate_content", read_content, ("input", "output"), GEMINI_GENERATE),
        (r":(embedContent|batchEmbedContents)$", "embeddings", read_embeddings, ("input",)),
        (r"(^|/)cachedContents$", "create_cache", read_cache, ("cache_write",)),
        (r":predictLongRunning$", "video_generation", read_operation, ("second",)),
        (r":predict$", "image_generation", read_predictions, ("image",)),
    )
)
_EMBEDDING_PREDICT = replace(_ROUTES[-1], operation="embeddings", needs=("input",))
_MODEL_IN_PATH = re.compile(r"^(?:models/|publishers/google/models/)?(?P<model>.*):\w+$")


def _stream(
    wrapped: Callable[..., Iterator[object]], client: ApiClient, args: Args, kwargs: Mapping[str, object]
) -> Iterator[object]:
    """A generator, as the original: nothing is sent, and nothing is a call, before the first item is asked for."""
    call = guarded("open a call", _open, client, args, kwargs, stream=True)
    chunks = wrapped(*args, **kwargs)
    if call is None:
        yield from chunks
        return
    watching = _Stream(call)
    observed = Items(chunks, watching)
    try:
        yield run(call, _observe_stream, lambda: next(observed))
        yield from observed
    except StopIteration:  # the first item was not there
        return
    except GeneratorExit:
        watching.finish("closed")
        raise


async def _async_stream(
    wrapped: Callable[..., Awaitable[AsyncIterator[object]]],
    client: ApiClient,
    args: Args,
    kwargs: Mapping[str, object],
) -> AsyncIterator[object]:
    call = guarded("open a call", _open, client, args, kwargs, stream=True)
    if call is None:
        return await wrapped(*args, **kwargs)
    return AsyncItems(await run_async(call, _observe_stream, lambda: wrapped(*args, **kwargs)), _Stream(call))


def _open(client: ApiClient, args: Args, kwargs: Mapping[str, object], *, stream: bool = False) -> Call | None:
    method, path = str(argument(args, kwargs, 0, "http_method")).lower(), argument(args, kwargs, 1, "path")
    path = path.partition("?")[0] if isinstance(path, str) else ""
    if method == BATCHES.method and BATCHES.path.search(path):
        return _open_fetch(client, argument(args, kwargs, 3, "http_options"))
    route = route_of(_ROUTES, path) if method == "post" else None
    if route is None:
        return None
    sent = argument(args, kwargs, 2, "request_dict")
    if route.operation == "image_generation" and any(get(one, "content") for one in items(get(sent, "instances"))):
        route = _EMBEDDING_PREDICT
    in_path = _MODEL_IN_PATH.match(path)
    model = in_path["model"] if in_path is not None else str(get(sent, "model") or "").removeprefix("models/")
    provider = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
    asked = cast("Body", sent) if isinstance(sent, dict) else _NOTHING
    body = {**asked, "model": model or None, "location": client.location if client.vertexai else None}
    server = server_of(_base_url(client, argument(args, kwargs, 3, "http_options")))
    return open_exchange(route, server, body, provider, stream=stream)


def _open_fetch(client: ApiClient, options: object) -> Call | None:
    host, port = server_of(_base_url(client, options))
    shared = Request("fetch_response", provider_of_host(host, "gcp.gemini"), None, host or None, port)
    return open_fetch(shared, BATCHES.find)


def _open_file(client: ApiClient, args: Args, kwargs: Mapping[str, object]) -> Call | None:
    """The download of a file, if it is known to hold answers."""
    path = argument(args, kwargs, 0, "path")
    name = file_of_answers(path.partition("?")[0]) if isinstance(path, str) else None
    call = _open_fetch(client, kwargs.get("http_options")) if name is not None else None
    if call is not None:
        call.reading.response_id = name
    return call


def _observe_file(call: Call, downloaded: object) -> None:
    for found in answers_in_file(call.reading.response_id or "", downloaded):
        call.response(found)
    call.finish("read")


def _base_url(client: ApiClient, options: object) -> str:
    own = get(options, "base_url") or get(options, "baseUrl")
    return str(own or get(get(client, "_http_options"), "base_url") or "")


def _observe(call: Call, response: HttpBody) -> None:
    answer = _document(response)
    for part in items(answer) or answers_of_batch(answer) or [answer]:  # a list: a stream not asked for as events
        call.response(part)
    call.finish("read")


def _observe_stream(_call: Call, _chunks: object) -> None:
    """The chunks are observed one by one."""


_CLIENT = "google.genai._api_client"

SDK = Sdk(
    distribution="google-genai",
    supported=">=1.30,<4",
    points=(
        PatchPoint(_CLIENT, "BaseApiClient.request", observing(_open, _observe)),
        PatchPoint(_CLIENT, "BaseApiClient.async_request", observing_async(_open, _observe)),
        PatchPoint(_CLIENT, "BaseApiClient.request_streamed", _stream),
        PatchPoint(_CLIENT, "BaseApiClient.async_request_streamed", _async_stream),
        PatchPoint(_CLIENT, "BaseApiClient.download_file", observing(_open_file, _observe_file)),
        PatchPoint(_CLIENT, "BaseApiClient.async_download_file", observing_async(_open_file, _observe_file)),
        PatchPoint(_CLIENT, "BaseApiClient._request_once", count_attempt),
        PatchPoint(_CLIENT, "BaseApiClient._async_request_once", count_attempt),
        *INTERACTION_POINTS,
        *LIVE_POINTS,
    ),
)
