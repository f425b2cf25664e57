"""Request bodies, held within a budget."""

from collections.abc import Generator
from contextlib import contextmanager

from spanledger_collector.errors import Overloaded

__all__ = ["Budget", "Hold"]


class Hold:
    """What one request holds of a budget."""

    def __init__(self, budget: "Budget") -> None:
        self._budget = budget
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more. Raises Overloaded."""
        self._budget.take(size)
        self.size += size


class Budget:
    """Bytes of request bodies held at once, by requests being read, decoded or waiting for the journal.

    This is what bounds the memory of the server: a request holds its share until it is answered. For one event loop.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Raises Overloaded when that is more than the rest; takes nothing then."""
        if self.held + size > self.limit:
            raise Overloaded("The server has as much to store as it has memory for; send the same request again.")
        self.held += size

    @contextmanager
    def hold(self) -> Generator[Hold, None, None]:
        """A request's share, given back at the end."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.held -= hold.size
