"""The line before the journal: what is synced together is taken from each client in turn, so that who sends little
waits for a sync or two, whatever others send."""

from collections import deque
from threading import Condition
from typing import Final, Generic, TypeVar

__all__ = ["Line"]

_SPANS_PER_SYNC: Final = 4096
"""Enough to make a sync cheap per span, few enough to keep the wait of the next request small. Half of it where several
clients wait: one of them may have sent little, and waits for what goes with it."""
_SPANS_PER_TURN: Final = 512
"""What a client may have in before it is another one's turn; its last request may go beyond."""

_Item = TypeVar("_Item")


class Line(Generic[_Item]):
    """Requests that wait, by client. Any thread may `put`, one thread takes."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._closed = False
        self._waiting: dict[str, deque[tuple[int, _Item]]] = {}
        """Of each client its requests and how many spans they have, in the order in which they came. Whose turn is next
        comes first."""

    @property
    def closed(self) -> bool:
        """Whether nothing more is let in."""
        return self._closed

    def put(self, client: str, spans: int, item: _Item) -> bool:
        """Have a request of so many spans wait; False if nothing is let in any more."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.setdefault(client, deque()).append((spans, item))
            self._changed.notify()
            return True

    def close(self) -> None:
        """Let nothing more in."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def wait(self) -> bool:
        """Wait until there is something to take; False when it is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return bool(self._waiting)

    def take(self) -> list[_Item]:
        """What is to be synced next: of what waits now as much as goes into one sync."""
        found: list[_Item] = []
        with self._changed:
            room = _SPANS_PER_SYNC if len(self._waiting) < 2 else _SPANS_PER_SYNC // 2
            while self._waiting and room > 0:
                client = next(iter(self._waiting))
                requests = self._waiting.pop(client)
                room -= _take_turn(requests, min(room, _SPANS_PER_TURN), found)
                if requests:
                    self._waiting[client] = requests  # behind the others
        return found


def _take_turn(requests: deque[tuple[int, _Item]], room: int, found: list[_Item]) -> int:
    """Move requests of a client while there is room; how many spans they have."""
    taken = 0
    while requests and taken < room:
        spans, item = requests.popleft()
        found.append(item)
        taken += spans
    return taken
