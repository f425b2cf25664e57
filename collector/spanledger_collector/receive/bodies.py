"""Request bodies, held within a budget."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from spanledger_collector.errors import Overloaded, Throttled

__all__ = ["Budget", "Hold"]


class Hold:
    """What one request holds of a budget."""

    def __init__(self, budget: "Budget", client: str) -> None:
        self._budget = budget
        self._client = client
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more. Raises Overloaded and Throttled."""
        self._budget.take(self._client, size)
        self.size += size


class Budget:
    """Bytes of request bodies held at once, by requests being read, decoded or waiting for the journal.

    This is what bounds the memory of the server: a request holds its share until it is answered. One client may hold
    half of it, so that a slow or hostile one leaves room for others. For one event loop.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held_by: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """By all clients."""
        return self.held_by.total()

    def take(self, client: str, size: int) -> None:
        """Raises Overloaded when that is more than the rest, Throttled when it is more than the client's; takes nothing
        then."""
        if self.held + size > self.limit:
            raise Overloaded("The server has as much to store as it has memory for; send the same request again.")
        if self.held_by[client] + size > self.limit // 2:
            raise Throttled("You have as much waiting as one client may; send the same request again.")
        self.held_by[client] += size

    @contextmanager
    def hold(self, client: str) -> Generator[Hold, None, None]:
        """The share of a request of that client, given back at the end."""
        hold = Hold(self, client)
        try:
            yield hold
        finally:
            self.held_by[client] -= hold.size
            if not self.held_by[client]:
                del self.held_by[client]
