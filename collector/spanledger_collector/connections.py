"""Connections over HTTP: as many as there is room for, none of which may wait for ever with half a request.

The web server (uvicorn) limits neither by itself: a client that opens connections and says nothing would hold them
until no file descriptor is left.
"""

import asyncio
import resource
from asyncio import TimerHandle, Transport
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from spanledger_collector.http_messages import HttpMessages

__all__ = ["ConnectionLimits", "allow_files", "limited_protocol"]

_REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OTHER_FILES = 256
"""Besides connections: the ledger, libraries, what others open."""


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
    _head_timer: TimerHandle | None = None
    _since = 0.0
    """When it connected, or was last answered."""

    @property
    def host(self) -> str:
        """Whose connection it is."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport: Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's
        """Make room for it, or refuse it."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._expect_head()
        if len(self.connections) > self.limits.connections:
            _make_room(self, cast("Iterable[_Limited]", self.connections))

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
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._forget_head()
        super().connection_lost(exc)

    def refuse(self) -> None:
        """Ask the client to come again."""
        self.transport.write(_REFUSED)
        self.transport.close()

    def waits_longer_than(self) -> tuple[bool, float]:
        """By this the first one is the first to be given up: idle before serving, then the one from longest ago."""
        return self.is_serving, self._since

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self.transport.close)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def limited_protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """What the web server should make of each connection to a port."""
    return type("Limited", (_Limited,), {"limits": limits})


def _make_room(newcomer: _Limited, connections: Iterable[_Limited]) -> None:
    """Close a connection of whoever has most of them: what is cut off is sent again. A newcomer of that host is refused
    if nothing of its is idle."""
    living = [each for each in connections if not each.transport.is_closing()]
    ((greediest, _),) = Counter(each.host for each in living).most_common(1)
    theirs = [each for each in living if each.host == greediest and each is not newcomer]
    first = min(theirs, key=_Limited.waits_longer_than, default=newcomer)
    if first is newcomer or (first.is_serving and newcomer.host == greediest):
        newcomer.refuse()
    else:
        first.transport.close()


def allow_files(connections: int) -> None:
    """Let this process open as many files as it needs for its connections, if the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
