"""Driver for SDKs that show us the HTTP exchange itself: a request with a JSON body, a response of httpx or its like.

A route says which requests are billed, by the end of their path, and how to read what comes back. What differs from SDK
to SDK is only where the exchange can be seen (`_speakeasy`, `providers.cohere`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from spanledger._bodies import observe_body
from spanledger._call import current_call, open_call
from spanledger._capturing import keep_content
from spanledger._reading import Request
from spanledger._streams import HttpResponse
from spanledger.hosts import provider_of_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.util.types import AttributeValue

    from spanledger._call import Call
    from spanledger._reading import Reader
    from spanledger.content import Format

__all__ = [
    "Body",
    "Response",
    "Route",
    "Server",
    "Url",
    "body_of",
    "count_attempt",
    "document_of",
    "observe_response",
    "open_exchange",
    "route_of",
    "server_of",
    "server_of_url",
]

Body = Mapping[str, object]

_VECTOR = re.compile(rb"\[[-+.,0-9eE\s]{32,}\]")
"""A JSON array of nothing but numbers, as embeddings are full of."""

_LONG = 16 * 1024
"""Bytes from which an answer is worth being rid of its vectors before it is parsed."""

_ATTEMPTS = "attempts"
_LEADING_MODEL = re.compile(rb'\s*\{\s*"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class Url(Protocol):
    """The parts of `httpx.URL` that are used."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def scheme(self) -> str: ...
    @property
    def path(self) -> str: ...


class Server(NamedTuple):
    """Where a request goes."""

    host: str
    port: int


class Response(HttpResponse, Protocol):
    """A response of httpx or its like, with its status."""

    status_code: int


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of billed request, known by its path (a regular expression that ends where the path does).

    `needs`: the meters that make a call metered. `read_request` gives what a price may depend on besides the model.
    `read_chunk` gets bytes (see `skimming`) wherever the response of a stream is observed. `content`: how it says what
    was asked and answered.
    """

    path: re.Pattern[str]
    operation: str
    read_response: Reader
    read_chunk: Reader
    needs: tuple[str, ...] = ("input", "output")
    read_request: Callable[[Body], Mapping[str, AttributeValue]] | None = None
    content: Format | None = None


def route_of(routes: tuple[Route, ...], path: str) -> Route | None:
    """The route of a request by its path; `None` for one that is not billed."""
    return next((route for route in routes if route.path.search(path)), None)


@lru_cache(maxsize=64)
def server_of(url: str) -> Server:
    """The server of a base URL as text."""
    parts = urlsplit(url)
    return Server(parts.hostname or "", parts.port or _default_port(parts.scheme))


def server_of_url(url: Url) -> Server:
    """The server of a URL of httpx or its like. A client has one, which is taken apart once."""
    known = _servers.get(id(url))
    if known is not None and known[0] is url:
        return known[1]
    server = Server(url.host, url.port or _default_port(url.scheme))
    if len(_servers) >= _REMEMBERED:
        _servers.clear()
    _servers[id(url)] = (url, server)
    return server


_REMEMBERED = 64
_servers: dict[int, tuple[Url, Server]] = {}
"""By identity, as such URLs are compared by their text; each is held, so that its identity is not given to another."""


def _default_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def open_exchange(
    route: Route, server: Server, body: Body, default_provider: str, *, stream: bool, adopts: bool = False
) -> Call | None:
    """The call that a request starts, or `None` when nothing should be observed (see `open_call`).

    `default_provider` bills when the host does not say who does.
    """
    model = body.get("model")
    request = Request(
        operation=route.operation,
        provider=provider_of_host(server.host, default_provider),
        model=model if isinstance(model, str) else None,
        server_address=server.host or None,
        server_port=server.port,
        stream=stream,
        needs=route.needs,
        attributes=route.read_request(body) if route.read_request is not None else {},
    )
    call = open_call(request, route.read_response, route.read_chunk, adopts=adopts)
    keep_content(call, route.content, body)
    return call


def count_attempt(
    wrapped: Callable[..., object], _instance: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Wrapper for what an SDK does before each sending; whatever follows the first is a retry within the same call."""
    if (call := current_call()) is not None:
        call.retries = call.reading.raw.get(_ATTEMPTS, 0)
        call.reading.raw[_ATTEMPTS] = call.retries + 1
    return wrapped(*args, **kwargs)


def body_of(content: bytes, *, whole: bool) -> Body:
    """The JSON object that is sent, or only its `model` where that is enough and comes first: prompts may be long."""
    if not whole and (leading := _LEADING_MODEL.match(content)):
        return {"model": json.loads(leading[1])}
    body = json.loads(content)
    return cast("Body", body) if isinstance(body, dict) else {}


def document_of(content: bytes) -> object:
    """A JSON answer, without the long arrays of numbers in it: nothing is counted in these, and parsing them would take
    as long as the SDK takes for it."""
    return json.loads(_VECTOR.sub(b"[]", content) if len(content) > _LONG else content)


def observe_response(call: Call, response: Response) -> None:
    """A response: an error of the provider, an answer that is there already, or a body that is about to be read."""
    if response.status_code >= 400:
        call.reading.error_type = str(response.status_code)
        call.finish("failed")
    elif response.is_closed and "json" in response.headers.get("content-type", ""):
        call.response(document_of(response.content))
        call.finish("read")
    else:
        observe_body(response, call, parsed=False)
