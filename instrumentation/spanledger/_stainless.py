"""Driver for the SDKs that Stainless generates (OpenAI, Anthropic and others): they all send through one method.

`SyncAPIClient.request(cast_to, options, *, stream, stream_cls)` and its asynchronous twin serve every resource, helper,
platform client and subclass; retries happen inside. The URL path says which operation it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from spanledger._bodies import observe_body
from spanledger._call import Call, current_call, open_call, run, run_async
from spanledger._capturing import keep_content
from spanledger._fetched import Fetching, open_fetch
from spanledger._guard import guarded
from spanledger._http import server_of_url
from spanledger._patching import PatchPoint
from spanledger._reading import Request
from spanledger._stream_usage import asking_for_usage, may_ask
from spanledger._streams import observe_items
from spanledger.hosts import provider_of_host

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from spanledger._http import Server, Url
    from spanledger._reading import Reader
    from spanledger._streams import HttpResponse
    from spanledger.content import Format

__all__ = ["Client", "Endpoint", "Fetching", "Options", "Platform", "StainlessSdk", "observe_result", "request_points"]

Body = Mapping[str, object]

_NO_BODY: Final[Body] = {}

_REMEMBERED: Final = 512
"""Kinds of requests that are known without looking again: URLs of fetches and names of models are many."""


class Client(Protocol):
    """A client of such an SDK."""

    @property
    def base_url(self) -> Url: ...


class Options(Protocol):
    """`FinalRequestOptions` of such an SDK: one request before it is built."""

    method: str
    url: str
    json_data: object
    extra_json: object
    headers: object


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One kind of billed request, known by the end of its path. `needs`: the meters that make a call metered.

    `usage_chunk`: streams carry usage only when asked to, in a chunk that this recognises. `content`: how it says what
    was asked and answered.
    """

    suffix: str
    operation: str
    read_response: Reader
    read_chunk: Reader
    read_request: Callable[[Body], Mapping[str, AttributeValue]] | None = None
    needs: tuple[str, ...] = ("input", "output")
    usage_chunk: Callable[[object], bool] | None = None
    content: Format | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Platform:
    """Where a client's calls run: who bills when the host does not say, and what else a price depends on."""

    provider: str
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True, eq=False)
class StainlessSdk:
    """What differs between these SDKs. `provider` bills when neither the host nor the `platform` of a client says who
    does."""

    provider: str
    endpoints: tuple[Endpoint, ...]
    fetchings: tuple[Fetching, ...] = ()
    traces_natively: Callable[[Client, Options], bool] = lambda _client, _options: False
    platform: Callable[[Client, Server], Platform | None] = lambda _client, _server: None


def request_points(package: str, sdk: StainlessSdk) -> tuple[PatchPoint, ...]:
    """The patch points that every SDK of this make has."""
    module = f"{package}._base_client"
    return (
        PatchPoint(module, "SyncAPIClient.request", _sync_request(sdk)),
        PatchPoint(module, "AsyncAPIClient.request", _async_request(sdk)),
        PatchPoint(module, "SyncAPIClient._sleep_for_retry", _retry),
        PatchPoint(module, "AsyncAPIClient._sleep_for_retry", _retry),
    )


Wrapped = Callable[..., object]
Args = tuple[object, ...]
Kwargs = Mapping[str, object]


def _sync_request(sdk: StainlessSdk) -> Callable[[Wrapped, Client, Args, Kwargs], object]:
    def request(wrapped: Wrapped, client: Client, args: Args, kwargs: Kwargs) -> object:
        call = guarded("open a call", _open, sdk, client, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        if call.hides is not None:
            args, kwargs = _asking(call, args, kwargs)
        return run(call, observe_result, lambda: wrapped(*args, **kwargs))

    return request


def _async_request(sdk: StainlessSdk) -> Callable[[Wrapped, Client, Args, Kwargs], Awaitable[object]]:
    async def request(wrapped: Wrapped, client: Client, args: Args, kwargs: Kwargs) -> object:
        coroutine_function = cast("Callable[..., Awaitable[object]]", wrapped)
        call = guarded("open a call", _open, sdk, client, args, kwargs)
        if call is None:
            return await coroutine_function(*args, **kwargs)
        if call.hides is not None:
            args, kwargs = _asking(call, args, kwargs)
        return await run_async(call, observe_result, lambda: coroutine_function(*args, **kwargs))

    return request


def _retry(wrapped: Wrapped, _client: Client, args: Args, kwargs: Kwargs) -> object:
    """The SDK waits before it sends again: still the same call."""
    if (call := current_call()) is not None:
        call.retries += 1
    return wrapped(*args, **kwargs)


def _open(sdk: StainlessSdk, client: Client, args: Args, kwargs: Kwargs) -> Call | None:
    options = _options(args, kwargs)
    kind = _kind_of(sdk, options.method, options.url)
    if kind is None:
        return None
    stream = bool(kwargs.get("stream"))
    if isinstance(kind, Endpoint):
        return _open_endpoint(sdk, kind, client, options, stream=stream)
    return open_fetch(_request(sdk, client, _NO_BODY, stream=stream), kind.finding(_path_of(options.url)))


@lru_cache(maxsize=_REMEMBERED)
def _kind_of(sdk: StainlessSdk, method: str, url: str) -> Endpoint | Fetching | None:
    """Which kind of request this is, if it is one to observe."""
    method, path = method.lower(), _path_of(url)
    if method == "post":
        for endpoint in sdk.endpoints:
            if path.endswith(endpoint.suffix):
                return endpoint
    for fetching in sdk.fetchings:
        if method == fetching.method and fetching.path.search(path):
            return fetching
    return None


def _path_of(url: str) -> str:
    return url.partition("?")[0]


def _open_endpoint(
    sdk: StainlessSdk, endpoint: Endpoint, client: Client, options: Options, *, stream: bool
) -> Call | None:
    body = _body(options)
    request = _request(sdk, client, body, stream=stream, endpoint=endpoint)
    adopts = sdk.traces_natively(client, options)
    call = open_call(request, endpoint.read_response, endpoint.read_chunk, adopts=adopts)
    if call is None:
        return None
    if call.settings.capture is not None:
        keep_content(call, endpoint.content, body)
    # Only a stream that is observed can have a chunk hidden, and only a span that records is observed.
    if request.stream and endpoint.usage_chunk is not None and call.recording:
        call.hides = endpoint.usage_chunk if may_ask(request, options, call.settings) else None
    return call


def _options(args: Args, kwargs: Kwargs) -> Options:
    return cast("Options", args[1] if len(args) > 1 else kwargs["options"])


def _asking(call: Call, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Arguments that ask for the usage chunk which the call will hide; if that fails, as they are."""
    options = guarded("ask for usage", asking_for_usage, _options(args, kwargs))
    if options is None:
        call.hides = None
        return args, kwargs
    if len(args) > 1:
        return (args[0], options, *args[2:]), kwargs
    return args, {**kwargs, "options": options}


def _body(options: Options) -> Body:
    sent, more = _object(options.json_data), options.extra_json
    return sent if more is None else {**sent, **_object(more)}


def _object(json: Any) -> Body:  # noqa: ANN401  # whatever the SDK is about to send
    return json if type(json) is dict or isinstance(json, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]


def _request(
    sdk: StainlessSdk, client: Client, body: Body, *, stream: bool, endpoint: Endpoint | None = None
) -> Request:
    """What is known before a request; without an endpoint it is one that fetches, whose operation its answer tells."""
    server = server_of_url(_url_of(client))
    request = _request_without_body(
        sdk,
        endpoint,
        sdk.platform(client, server),
        server,
        _model_in(body),
        stream or body.get("stream") is True,
    )
    said = endpoint.read_request(body) if endpoint is not None and endpoint.read_request is not None else None
    return replace(request, attributes={**request.attributes, **said}) if said else request


def _model_in(body: Body) -> str | None:
    model = body.get("model")
    if type(model) is str:
        return model
    return str.__str__(model) if isinstance(model, str) else None  # what is sent of a member of an enumeration


@lru_cache(maxsize=_REMEMBERED)
def _request_without_body(  # noqa: PLR0917  # a cache takes arguments by position in half the time
    sdk: StainlessSdk,
    endpoint: Endpoint | None,
    platform: Platform | None,
    server: Server,
    model: str | None,
    stream: bool,
) -> Request:
    """What all requests of this kind share. Most have nothing more to say, so that it is made once for all of them."""
    return Request(
        operation=endpoint.operation if endpoint is not None else "fetch_response",
        provider=provider_of_host(server.host, platform.provider if platform is not None else sdk.provider),
        model=model,
        server_address=server.host or None,
        server_port=server.port,
        stream=stream,
        needs=endpoint.needs if endpoint is not None else (),
        attributes=platform.attributes if platform is not None else {},
    )


def _url_of(client: Client) -> Url:
    """The base URL of a client. In OpenAI's SDK the property imports a module each time, which costs more than all that
    is done here; what it gives is this field, in every SDK of this make."""
    url: Url | None = getattr(client, "_base_url", None)
    return url if url is not None else client.base_url


def observe_result(call: Call, result: object) -> None:
    """What `request` returned: a stream of events or of JSON lines, a raw response, bytes, or a parsed answer, which
    ends the call."""
    if _is_model(type(result)):
        call.response(result)
        call.finish("read")
        return
    fields = getattr(result, "__dict__", {})
    if "_raw_iterator" in fields:
        observe_items(result, call)
    elif "http_response" in fields:
        observe_body(cast("HttpResponse", fields["http_response"]), call)
    elif call.request.stream and hasattr(result, "_iterator"):
        observe_items(result, call)
    elif hasattr(type(result), "iter_bytes"):
        observe_body(cast("HttpResponse", fields.get("response", result)), call)
    else:
        call.response(result)
        call.finish("read")


@lru_cache(maxsize=256)
def _is_model(kind: type) -> bool:
    """Whether objects of this class are parsed answers; what is no model of pydantic 2 may be one too."""
    return hasattr(kind, "__pydantic_fields__")
