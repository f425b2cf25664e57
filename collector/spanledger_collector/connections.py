"""Connections over HTTP: as many as there is room for, none of which may wait for ever with half a request.

The web server (uvicorn) limits neither by itself: a client that opens connections and says nothing would hold them
until no file descriptor is left.
"""

import asyncio
import resource
from asyncio import BaseTransport, TimerHandle, Transport
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Final, cast

from spanledger_collector.crowd import Counted, Crowd
from spanledger_collector.http_messages import HttpMessages

__all__ = ["ACCEPTED_AT_ONCE", "ConnectionLimits", "allow_files", "connection_maker"]

ACCEPTED_AT_ONCE: Final = 256
"""Connections that the event loop accepts before any of them is counted. As many may wait to be accepted."""

_REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OTHER_FILES = 256 + 4 * ACCEPTED_AT_ONCE
"""Besides connections: the ledger, libraries, what others open; and at two ports those that are too many, until they
are closed. A process that has none left cannot store anything either."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one port. `head_seconds` is what a client may take from its first byte, or from connecting, to the end
    of the request's head; `idle_seconds` what it may leave a connection unused between requests."""

    connections: int = 1000
    head_seconds: float = 10.0
    idle_seconds: float = 75.0


class _Limited(HttpMessages):
    """One connection."""

    limits: ConnectionLimits
    crowd: Crowd
    secured: "_Secured | None" = None
    """Over TLS, what is there before both sides agree."""
    _head_timer: TimerHandle | None = None

    @property
    def host(self) -> str:
        """Whose connection it is."""
        return self.client[0] if self.client else ""

    @property
    def counted(self) -> Counted:
        """What is counted of it."""
        return self.secured or self

    def connection_made(self, transport: Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's
        """Make room for it, or refuse it."""
        super().connection_made(transport)
        self._expect_head()
        if self.secured is None:
            self.crowd.enter(self)

    def data_received(self, data: bytes) -> None:
        """Watch how long the head of a request takes."""
        super().data_received(data)
        if self.is_serving or self.transport.is_closing():
            self._forget_head()
        elif self._head_timer is None and self.timeout_keep_alive_task is None:
            self._expect_head()

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - as asyncio's, of which uvicorn's is half
        """Whether to keep the connection of a client that sends no more: until it is answered, if it sent a whole
        request. Not over TLS, whose connection asyncio then ends."""
        answers = self.is_serving and not self.cycle.more_body and self.transport.get_extra_info("sslcontext") is None
        if answers:
            self.cycle.keep_alive = False
        return answers

    def on_response_complete(self) -> None:
        """It is idle from now on."""
        self.crowd.rest(self.counted)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._forget_head()
        self.crowd.leave(self.counted)
        super().connection_lost(exc)

    def refuse(self) -> None:
        """Ask the client to come again."""
        self.transport.write(_REFUSED)
        self.transport.close()

    def give_up(self) -> None:
        """Others need the room."""
        self.transport.close()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self.transport.close)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Secured(SSLProtocol):
    """A connection over TLS, which counts from its first moment. What asyncio does by itself tells nobody of it until
    both sides agree, and gives a client a minute for that: a few thousand who say nothing kept all others out.

    asyncio's class, which it does not document, has looked the same from Python 3.7 to 3.14.
    """

    host = ""
    _raw: BaseTransport

    def __init__(self, inner: _Limited, context: SSLContext, seconds: float) -> None:
        """The client has so many seconds to agree."""
        nobody: Any = None  # nobody waits for it
        limit: Any = seconds  # the stub wants whole ones
        loop = asyncio.get_running_loop()
        super().__init__(loop, inner, context, nobody, server_side=True, ssl_handshake_timeout=limit)
        self._inner = inner

    @property
    def is_serving(self) -> bool:
        """Whether a request came on it that is not answered yet."""
        return self._inner.is_serving

    def connection_made(self, transport: BaseTransport) -> None:
        """Make room for it, or refuse it."""
        super().connection_made(transport)
        self._raw = transport
        self.host = cast("tuple[str]", transport.get_extra_info("peername") or ("",))[0]
        self._inner.crowd.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It counts no more, whether or not it was ever agreed on."""
        super().connection_lost(exc)
        self._inner.crowd.leave(self)

    def give_up(self) -> None:
        """Others need the room."""
        cast("Transport", self._raw).abort()

    def refuse(self) -> None:
        """Before both sides agree there are no words for it."""
        self.give_up()


def connection_maker(limits: ConnectionLimits, tls: SSLContext | None) -> Callable[..., asyncio.BaseProtocol]:
    """What the web server should make of each connection to a port, by the arguments that it gives its own."""
    crowd = Crowd(limits.connections)

    def connection(**of_server: Any) -> asyncio.BaseProtocol:  # noqa: ANN401 - uvicorn's affair
        made = _Limited(**of_server)
        made.limits, made.crowd = limits, crowd
        if tls is None:
            return made
        made.secured = _Secured(made, tls, limits.head_seconds)
        return made.secured

    return connection


def allow_files(connections: int) -> None:
    """Let this process open as many files as it needs for its connections, if the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
