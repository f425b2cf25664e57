"""Google Gemini: models, chats, embeddings, images, caches and interactions, on the Gemini API and on Vertex AI.

Models, chats and caches go through four methods of `BaseApiClient`, which take a path and return the body as it was
sent: what the SDK's types leave out (`serviceTier`) is still there. Interactions go through an SDK within the SDK,
which two generators have made over time. The live API is in `google_live`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, cast

from spanledger import semconv
from spanledger._call import run, run_async
from spanledger._guard import guarded
from spanledger._http import Route, count_attempt, document_of, open_exchange, route_of, server_of
from spanledger._patching import PatchPoint, Sdk
from spanledger._speakeasy import SpeakeasySdk, argument
from spanledger._speakeasy import request_points as speakeasy_points
from spanledger._stainless import Endpoint, StainlessSdk
from spanledger._stainless import request_points as stainless_points
from spanledger._streams import AsyncItems, Items
from spanledger.providers.google_live import LIVE_POINTS
from spanledger.providers.google_usage import INTERACTION, REST, items, read_tier, read_usage
from spanledger.usage import count, get, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from spanledger._call import Call
    from spanledger._http import Body
    from spanledger._reading import Reading

__all__ = ["SDK"]

Args = tuple[object, ...]

_SEARCHES = "searches of candidate "


class ApiClient(Protocol):
    """`BaseApiClient` of the SDK."""

    vertexai: bool | None
    location: str | None


class HttpBody(Protocol):
    """`HttpResponse` of the SDK: a body as text."""

    body: str | None


def read_content(answer: object, reading: Reading) -> None:
    """An answer of `generateContent`, or a chunk of a streamed one."""
    if isinstance(response_id := get(answer, "responseId"), str):
        reading.response_id = response_id
    if isinstance(model := get(answer, "modelVersion"), str):
        reading.response_model = model
    blocked = get(get(answer, "promptFeedback"), "blockReason")
    reasons = [get(candidate, "finishReason") for candidate in items(get(answer, "candidates"))]
    reading.finish_reasons = [str(reason) for reason in (*reasons, blocked) if reason]
    _read_searches(answer, reading)
    usage = get(answer, "usageMetadata")
    read_usage(usage, reading, REST)
    read_tier(get(usage, "serviceTier") or get(usage, "trafficType"), reading)


def read_content_chunk(chunk: object, reading: Reading) -> None:
    """A chunk; the one that says why the model stopped has the final counts."""
    answer = _document(chunk)
    read_content(answer, reading)
    for candidate in items(get(answer, "candidates")):
        for part in items(get(get(candidate, "content"), "parts")):
            text = get(part, "text")
            reading.characters += len(text) if isinstance(text, str) else 0
    reading.complete = bool(reading.finish_reasons) and "output" in reading.usage


def _read_searches(answer: object, reading: Reading) -> None:
    """Queries that the model had searched on the web; the last chunk that names them names all of them."""
    for index, candidate in enumerate(items(get(answer, "candidates"))):
        queries = get(get(candidate, "groundingMetadata"), "webSearchQueries")
        if isinstance(queries, list) and queries:
            reading.raw[f"{_SEARCHES}{index}"] = len(cast("list[object]", queries))
    searches = sum(quantity for name, quantity in reading.raw.items() if name.startswith(_SEARCHES))
    if searches:
        reading.usage["web_search"] = searches


def read_embeddings(answer: object, reading: Reading) -> None:
    """Embeddings. On Vertex AI the older models give statistics for each, and no sum."""
    usage = get(answer, "usageMetadata")
    read_usage(usage, reading, REST)
    statistics = [get(get(item, "embeddings"), "statistics") for item in items(get(answer, "predictions"))]
    counts = [count(get(entry, "token_count")) for entry in statistics]
    if counts and None not in counts:
        reading.usage["input"] = sum(counted for counted in counts if counted is not None)
    reading.usage.pop("output", None)


def read_predictions(answer: object, reading: Reading) -> None:
    """What `predict` returns: images, or embeddings. Images that a filter held back are not billed."""
    predictions = list(items(get(answer, "predictions")))
    if any(get(prediction, "embeddings") is not None for prediction in predictions):
        read_embeddings(answer, reading)
    else:
        images = [one for one in predictions if get(one, "bytesBase64Encoded") or get(one, "gcsUri")]
        reading.usage["image"] = len(images)


def read_cache(answer: object, reading: Reading) -> None:
    """A prompt that was put into the cache on its own, without an answer."""
    if isinstance(name := get(answer, "name"), str):
        reading.response_id = name
    if isinstance(model := get(answer, "model"), str):
        reading.response_model = model.removeprefix("models/")
    put(reading.usage, "cache_write", get(get(answer, "usageMetadata"), "totalTokenCount"))


def read_operation(answer: object, reading: Reading) -> None:
    """Work that goes on at the provider (videos): how much it will be is not known."""
    if isinstance(name := get(answer, "name"), str):
        reading.response_id = name


def read_interaction(answer: object, reading: Reading) -> None:
    """An interaction, whole or as the last event of a stream repeats it."""
    if isinstance(interaction_id := get(answer, "id"), str):
        reading.response_id = interaction_id
    if isinstance(model := get(answer, "model"), str):
        reading.response_model = model
    if isinstance(status := get(answer, "status"), str):
        reading.finish_reasons = [status]
    usage = get(answer, "usage")
    read_usage(usage, reading, INTERACTION)
    for tool in items(get(usage, "grounding_tool_count")):
        if get(tool, "type") == "google_search":
            put(reading.usage, "web_search", get(tool, "count"))
    read_tier(get(answer, "service_tier"), reading)


def read_interaction_event(event: object, reading: Reading) -> None:
    """An event of a streamed interaction."""
    interaction = get(event, "interaction")
    if interaction is not None:
        read_interaction(interaction, reading)
        reading.complete = reading.complete or get(interaction, "usage") is not None
    text = get(get(event, "delta"), "text")
    reading.characters += len(text) if isinstance(text, str) else 0


def _document(response: object) -> object:
    body = get(response, "body")
    return document_of(body.encode()) if isinstance(body, str) and body else None


def read_place(body: Body) -> dict[str, str]:
    """The region of Vertex AI, on which prices depend."""
    location = body.get("location")
    return {semconv.REGION: location} if isinstance(location, str) else {}


_ROUTES = tuple(
    Route(re.compile(path), operation, read_response, read_chunk, needs, read_place)
    for path, operation, read_response, read_chunk, needs in (
        (r":(streamG|g)enerateContent$", "generate_content", read_content, read_content_chunk, ("input", "output")),
        (r":(embedContent|batchEmbedContents)$", "embeddings", read_embeddings, read_embeddings, ("input",)),
        (r"(^|/)cachedContents$", "create_cache", read_cache, read_cache, ("cache_write",)),
        (r":predictLongRunning$", "video_generation", read_operation, read_operation, ("second",)),
        (r":predict$", "image_generation", read_predictions, read_predictions, ("image",)),
    )
)
_EMBEDDING_PREDICT = Route(
    re.compile(r":predict$"), "embeddings", read_predictions, read_predictions, ("input",), read_place
)
_MODEL_IN_PATH = re.compile(r"^(?:models/|publishers/google/models/)?(?P<model>.*):\w+$")


def _request(wrapped: Callable[..., HttpBody], client: ApiClient, args: Args, kwargs: Mapping[str, object]) -> HttpBody:
    call = guarded("open a call", _open, client, args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    return run(call, _observe, lambda: wrapped(*args, **kwargs))


async def _async_request(
    wrapped: Callable[..., Awaitable[HttpBody]], client: ApiClient, args: Args, kwargs: Mapping[str, object]
) -> HttpBody:
    call = guarded("open a call", _open, client, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    return await run_async(call, _observe, lambda: wrapped(*args, **kwargs))


def _stream(
    wrapped: Callable[..., Iterator[object]], client: ApiClient, args: Args, kwargs: Mapping[str, object]
) -> Iterator[object]:
    """A generator, as the original: nothing is sent, and nothing is a call, before the first item is asked for."""
    call = guarded("open a call", _open, client, args, kwargs, stream=True)
    chunks = wrapped(*args, **kwargs)
    if call is None:
        yield from chunks
        return
    observed = Items(chunks, call)
    try:
        yield run(call, _observe_stream, lambda: next(observed))
        yield from observed
    except StopIteration:  # the first item was not there
        return
    except GeneratorExit:
        call.finish("closed")
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
    return AsyncItems(await run_async(call, _observe_stream, lambda: wrapped(*args, **kwargs)), call)


def _open(client: ApiClient, args: Args, kwargs: Mapping[str, object], *, stream: bool = False) -> Call | None:
    method, path = argument(args, kwargs, 0, "http_method"), argument(args, kwargs, 1, "path")
    if not isinstance(path, str) or str(method).lower() != "post":
        return None
    path = path.partition("?")[0]
    route = route_of(_ROUTES, path)
    if route is None:
        return None
    sent = argument(args, kwargs, 2, "request_dict")
    if route.operation == "image_generation" and any(get(one, "content") for one in items(get(sent, "instances"))):
        route = _EMBEDDING_PREDICT
    in_path = _MODEL_IN_PATH.match(path)
    model = in_path["model"] if in_path is not None else str(get(sent, "model") or "").removeprefix("models/")
    provider = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
    body = {"model": model or None, "location": client.location if client.vertexai else None}
    server = server_of(_base_url(client, argument(args, kwargs, 3, "http_options")))
    return open_exchange(route, server, body, provider, stream=stream)


def _base_url(client: ApiClient, options: object) -> str:
    own = get(options, "base_url") or get(options, "baseUrl")
    return str(own or get(get(client, "_http_options"), "base_url") or "")


def _observe(call: Call, response: HttpBody) -> None:
    answer = _document(response)
    for part in items(answer) or [answer]:  # a list: a stream that was not asked for as events
        call.response(part)
    call.finish("read")


def _observe_stream(_call: Call, _chunks: object) -> None:
    """The items are observed one by one."""


_INTERACTION = (read_interaction, read_interaction_event)
_GENERATED_LATER = SpeakeasySdk(
    "google.genai._gaos",
    "gcp.gemini",
    (Route(re.compile(r"/interactions$"), "generate_content", *_INTERACTION),),
    async_apart=True,
)
_GENERATED_FIRST = StainlessSdk("gcp.gemini", (Endpoint("interactions", "generate_content", *_INTERACTION),))
_CLIENT = "google.genai._api_client"

SDK = Sdk(
    distribution="google-genai",
    supported=">=1.30,<4",
    points=(
        PatchPoint(_CLIENT, "BaseApiClient.request", _request),
        PatchPoint(_CLIENT, "BaseApiClient.async_request", _async_request),
        PatchPoint(_CLIENT, "BaseApiClient.request_streamed", _stream),
        PatchPoint(_CLIENT, "BaseApiClient.async_request_streamed", _async_stream),
        PatchPoint(_CLIENT, "BaseApiClient._request_once", count_attempt),
        PatchPoint(_CLIENT, "BaseApiClient._async_request_once", count_attempt),
        *speakeasy_points(_GENERATED_LATER),
        *stainless_points("google.genai._interactions", _GENERATED_FIRST),
        *LIVE_POINTS,
    ),
)
