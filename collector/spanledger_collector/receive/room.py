"""Room for what is decoded: how much of it there is in memory at once, and whose turn it is to fill it."""

import asyncio
from collections import Counter, deque
from typing import Final

from spanledger_collector.received_spans import ReceivedSpans

__all__ = ["Place", "Room", "weight_of"]

_MOST: Final = 49_152
"""Units of weight, of one kilobyte each or less: twice as many as one client may have. With half of them a client that
sends 512 spans at a time has 16 requests decoded, which is what one sync takes."""
_EXPECTED: Final = 1024
"""What a request is thought to weigh until it is decoded."""
_ATTRIBUTES_PER_UNIT: Final = 8
_USUAL_ATTRIBUTES: Final = 32


def weight_of(spans: ReceivedSpans) -> int:
    """What decoded spans weigh: each 1, and 1 for eight attributes. Where they have very many, which are hardly ones
    that are known, each of these is another one: it takes the journal a third of the time of a span."""
    attributes = spans.attributes()
    unusual = max(0, attributes - _USUAL_ATTRIBUTES * len(spans))
    return len(spans) + attributes // _ATTRIBUTES_PER_UNIT + unusual


class Place:
    """What one request takes of a room."""

    def __init__(self, room: "Room", client: str) -> None:
        self._room = room
        self._client = client
        self._weight = 0
        self.weigh(_EXPECTED)

    def weigh(self, weight: int) -> None:
        """It weighs so much, as is known now."""
        self._room.take(self._client, weight - self._weight)
        self._weight = weight

    def leave(self) -> None:
        """Give it back."""
        self.weigh(0)
        self._room.let_in()


class Room:
    """Who comes when it is full, or has its share of it, waits; then the clients take turns, so that one who sends
    much keeps nobody else waiting for long. It is full when no more than the last one fits in. For one event loop."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.taken = 0
        self._taken_by: Counter[str] = Counter()
        self._resting = False
        self._called = False
        """Whether somebody was called who has not come yet: one at a time, as who comes begins to decode."""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Whose turn is next comes first."""

    async def enter(self, client: str) -> Place:
        """A place for a request of that client; waits for one."""
        if self._waiting or not self._is_open_to(client):
            await self._turn(client)
        return Place(self, client)

    async def rest(self) -> None:
        """After what took long: let all else in this loop have its turn before the next request gets a place."""
        self._resting = True
        try:
            await asyncio.sleep(0)
        finally:
            self._resting = False
            self.let_in()

    def take(self, client: str, weight: int) -> None:
        """So much more is taken by that client."""
        self.taken += weight
        self._taken_by[client] += weight
        if not self._taken_by[client]:
            del self._taken_by[client]

    def let_in(self) -> None:
        """Call the next one for whom there is room."""
        client = next(filter(self._is_open_to, self._waiting), None)
        if client is None:
            return
        line = self._waiting.pop(client)
        line.popleft().set_result(None)
        self._called = True
        if line:
            self._waiting[client] = line  # behind the others

    def _is_open_to(self, client: str) -> bool:
        if self._resting or self._called:
            return False
        return self.taken < self._most and self._taken_by[client] < self._most // 2

    async def _turn(self, client: str) -> None:
        loop = asyncio.get_running_loop()
        called: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(client, deque()).append(called)
        self.let_in()
        try:
            await called
        finally:
            if called.cancelled():
                self._give_up(client, called)
            else:
                self._called = False
                loop.call_soon(self.let_in)  # when this one has decoded, and all else in the loop had a turn

    def _give_up(self, client: str, called: asyncio.Future[None]) -> None:
        line = self._waiting[client]
        line.remove(called)
        if not line:
            del self._waiting[client]
