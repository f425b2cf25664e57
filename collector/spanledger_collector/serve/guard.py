"""Who may ask a port that has no login: on loopback, only what this machine itself names or opened.

Any web page can make a browser send requests to 127.0.0.1, and by DNS rebinding under a name of its own, so that the
browser lets the page read the answer. The `Host` header then carries that name; Fetch Metadata says `cross-site`.
"""

import ipaddress
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanledger._version import __version__
from spanledger_collector.serve.problems import problem
from spanledger_collector.sidecar import LEDGER_HEADER

__all__ = ["VERSION_HEADER", "Guard", "is_loopback"]

VERSION_HEADER = "spanledger-version"
"""On every answer: by it a client knows what it talks to."""


class Guard:
    """Middleware: refuses foreign `Host` headers when `on_loopback`, and names server and ledger on every answer."""

    def __init__(self, app: ASGIApp, *, on_loopback: bool, tag: str) -> None:
        self._app = app
        self._on_loopback = on_loopback
        self._names = {VERSION_HEADER: __version__, LEDGER_HEADER: tag}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._names)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._on_loopback and (reason := _foreign(Headers(scope=scope), scope["path"])):
            await problem(HTTPStatus.FORBIDDEN, reason, exit_code=1)(scope, receive, send_named)
        else:
            await self._app(scope, receive, send_named)


def is_loopback(host: str) -> bool:
    """Whether a host, as an address or as `localhost`, can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _foreign(headers: Headers, path: str) -> str | None:
    host = headers.get("host", "")
    if not is_loopback(_without_port(host)):
        return f"This server answers to 127.0.0.1 and localhost only, not to the name {host!r}."
    if headers.get("sec-fetch-site") == "cross-site" and path != "/":
        return "This server does not answer pages of other sites."
    return None


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
