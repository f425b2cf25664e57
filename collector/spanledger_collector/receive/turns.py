"""Turns of reading: how many messages may be on their way into memory at once, while nobody knows yet how large they
will be."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from spanledger_collector.errors import Overloaded, Throttled

__all__ = ["Turns"]

_WAITING: Final = 1000
_WAITING_PER_CLIENT: Final = 100
_SECONDS: Final = 8.0
"""As long somebody waits for a turn: less than exporters wait for an answer."""


class Turns:
    """Each reader has a turn; who comes when all are taken waits a while. One client may have half of them, so that a
    slow or hostile one leaves turns for others. For one event loop."""

    def __init__(self, at_once: int) -> None:
        """So many at once, and never less than two."""
        self._free = asyncio.Semaphore(max(2, at_once))
        self._share = max(1, at_once // 2)
        self._free_of: dict[str, asyncio.Semaphore] = {}
        self._here: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncGenerator[None]:
        """A turn of that client. Raises Overloaded and Throttled: the client should come again."""
        self._refuse_crowds(client)
        self._here[client] += 1
        own = self._free_of.setdefault(client, asyncio.Semaphore(self._share))
        try:
            await self._wait(own, Throttled("You are sending as much as one client may; send the same request again."))
            try:
                await self._wait(self._free, Overloaded("The server is receiving as much as it has memory for."))
                try:
                    yield
                finally:
                    self._free.release()
            finally:
                own.release()
        finally:
            self._here[client] -= 1
            if not self._here[client]:
                del self._here[client], self._free_of[client]

    def _refuse_crowds(self, client: str) -> None:
        if self._here[client] >= _WAITING_PER_CLIENT:
            raise Throttled("You have as many requests waiting as one client may; send the same request again.")
        if self._here.total() >= _WAITING:
            raise Overloaded("As many requests are waiting as the server has room for; send the same request again.")

    @staticmethod
    async def _wait(turns: asyncio.Semaphore, otherwise: Exception) -> None:
        if not turns.locked():
            await turns.acquire()  # returns at once
            return
        try:
            async with asyncio.timeout(_SECONDS):
                await turns.acquire()
        except TimeoutError:
            raise otherwise from None
