"""Driver for the SDKs that Speakeasy generates (Mistral, Gemini's interactions): they all send through one method.

`BaseSDK.do_request(hook_ctx, request, ..., stream, retry_config)` and its asynchronous twin serve every resource; they
take the request as it is sent and return the response before it is parsed. Retries happen inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from spanledger._capturing import capturing
from spanledger._fetched import Fetching, open_fetch
from spanledger._http import (
    Body,
    Url,
    body_of,
    count_attempt,
    observe_response,
    open_exchange,
    route_of,
    server_of_url,
)
from spanledger._patching import PatchPoint
from spanledger._reading import Request
from spanledger._wrapping import Args, Open, argument, observing, observing_async
from spanledger.hosts import provider_of_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanledger._call import Call
    from spanledger._http import Route

__all__ = ["SpeakeasySdk", "request_points"]


_NO_BODY: Body = {}


class SentRequest(Protocol):
    """The parts of `httpx.Request` that are used."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> Url: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SpeakeasySdk:
    """One generated package. `provider` bills when the host does not say who does. `async_apart`: the asynchronous half
    has classes of its own. `adopts`: it may make a span for each request by itself, which then stands for the call."""

    package: str
    provider: str
    routes: tuple[Route, ...]
    async_apart: bool = False
    adopts: bool = False
    since: str | None = None
    fetchings: tuple[Fetching, ...] = ()


def request_points(sdk: SpeakeasySdk) -> tuple[PatchPoint, ...]:
    """The patch points that every SDK of this make has."""
    prefix = "Async" if sdk.async_apart else ""
    module, hooks = f"{sdk.package}.basesdk", f"{sdk.package}._hooks"
    points = [
        PatchPoint(module, "BaseSDK.do_request", observing(_opening(sdk), observe_response), sdk.since),
        PatchPoint(
            module, f"{prefix}BaseSDK.do_request_async", observing_async(_opening(sdk), observe_response), sdk.since
        ),
        PatchPoint(f"{hooks}.sdkhooks", "SDKHooks.before_request", count_attempt, sdk.since),
    ]
    if sdk.async_apart:
        points.append(PatchPoint(f"{hooks}.asyncsdkhooks", "AsyncSDKHooks.before_request", count_attempt, sdk.since))
    return tuple(points)


def _opening(sdk: SpeakeasySdk) -> Open:
    return lambda _instance, args, kwargs: _open(sdk, args, kwargs)


def _open(sdk: SpeakeasySdk, args: Args, kwargs: Mapping[str, object]) -> Call | None:
    request = cast("SentRequest", argument(args, kwargs, 1, "request"))
    route = route_of(sdk.routes, request.url.path) if request.method == "POST" else None
    if route is None:
        return _open_fetch(sdk, request)
    sent_as_json = "json" in request.headers.get("content-type", "")  # a form has files that only the sending reads
    whole = route.read_request is not None or (route.content is not None and capturing())
    body = body_of(request.content, whole=whole) if sent_as_json else _NO_BODY
    stream = argument(args, kwargs, 3, "stream") is True
    return open_exchange(route, server_of_url(request.url), body, sdk.provider, stream=stream, adopts=sdk.adopts)


def _open_fetch(sdk: SpeakeasySdk, request: SentRequest) -> Call | None:
    """A request for the answer of an earlier call, if it is one."""
    for fetching in sdk.fetchings:
        if request.method.lower() == fetching.method and fetching.path.search(request.url.path):
            host, port = server_of_url(request.url)
            shared = Request("fetch_response", provider_of_host(host, sdk.provider), None, host or None, port)
            return open_fetch(shared, fetching.find)
    return None
