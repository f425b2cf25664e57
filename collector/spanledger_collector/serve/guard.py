"""Who may ask the web port: this machine where only it can, and whoever has an admin key where others can too.

On loopback there is no login, only what this machine itself names or opened: any web page can make a browser send
requests to 127.0.0.1, and by DNS rebinding under a name of its own, so that the browser lets the page read the answer.
The `Host` header then carries that name; Fetch Metadata says `cross-site`. Beyond loopback a key is asked for, as a
bearer token or as the password of a browser's login, by everything but the two paths that say whether it lives.
"""

import ipaddress
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanledger._version import __version__
from spanledger_collector.keys import KeyRing, presented_key
from spanledger_collector.serve.problems import problem
from spanledger_collector.sidecar import LEDGER_HEADER

__all__ = ["VERSION_HEADER", "Guard", "is_loopback"]

VERSION_HEADER = "spanledger-version"
"""On every answer: by it a client knows what it talks to."""


_OPEN_PATHS = ("/healthz", "/readyz")
_CHALLENGE = {"www-authenticate": 'Bearer realm="SpanLedger", Basic realm="SpanLedger", charset="UTF-8"'}
"""RFC 9110, section 11.6.1: both ways in which a key is taken."""


class Guard:
    """Middleware: lets in whom it should, and names server and ledger on every answer."""

    def __init__(self, app: ASGIApp, *, on_loopback: bool, keys: KeyRing | None, tag: str) -> None:
        self._app = app
        self._on_loopback = on_loopback
        self._keys = keys
        self._names = {VERSION_HEADER: __version__, LEDGER_HEADER: tag}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._names)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            refusal = self._refusal(Headers(scope=scope), scope["path"])
            await (refusal or self._app)(scope, receive, send_named)

    def _refusal(self, headers: Headers, path: str) -> Response | None:
        reason = (_foreign_host(headers) if self._on_loopback else None) or _foreign_page(headers, path)
        if reason is not None:
            return problem(HTTPStatus.FORBIDDEN, reason, exit_code=1)
        if self._on_loopback or path in _OPEN_PATHS:
            return None
        reason = self._without_key(headers.get("authorization", ""))
        if reason is None:
            return None
        answer = problem(HTTPStatus.UNAUTHORIZED, reason, exit_code=1)
        answer.headers.update(_CHALLENGE)
        return answer

    def _without_key(self, authorization: str) -> str | None:
        """Why not, for who is not let in."""
        make = "`spanledger keys add NAME --admin`, run beside the ledger, makes one."
        if self._keys is None:
            return f"Other machines can reach this server, so that it asks for a key, and it has none yet. {make}"
        presented = presented_key(authorization)
        if presented is None:
            return f"This server asks for a key: --key KEY or SPANLEDGER_KEY, in a browser as the password. {make}"
        if self._keys.find(presented, "admin") is None:
            return f"This server does not know that key as one for reading. {make}"
        return None


def is_loopback(host: str) -> bool:
    """Whether a host, as an address or as `localhost`, can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _foreign_host(headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not is_loopback(_without_port(host)):
        return f"This server answers to 127.0.0.1 and localhost only, not to the name {host!r}."
    return None


def _foreign_page(headers: Headers, path: str) -> str | None:
    """A browser that has logged in would send the login along."""
    if headers.get("sec-fetch-site") == "cross-site" and path != "/":
        return "This server does not answer pages of other sites."
    return None


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
