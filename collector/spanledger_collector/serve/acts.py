"""Actions in a running server, which owns the ledger file: one at a time, while nothing is settled."""

import asyncio
from collections.abc import Callable

from spanledger_collector.ledger.actions import REPRICE, Action
from spanledger_collector.ledger.queries import Arguments, Document, check_arguments
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook

__all__ = ["Acts"]


class Acts:
    """Runs actions on the ledger of a server. `read_book` reads the prices in force now, which may be others than when
    the server started."""

    def __init__(self, ledger: Ledger, settler: Settler, read_book: Callable[[], PriceBook]) -> None:
        self._ledger = ledger
        self._settler = settler
        self._read_book = read_book

    async def run(self, action: Action, arguments: Arguments) -> Document:
        """What the action answers. Raises BadQuery, BadPrices, MemoryTooSmall and duckdb.Error; then the ledger is as
        it was."""
        check_arguments(action, arguments)
        return await asyncio.to_thread(self._run, action, arguments)

    def _run(self, action: Action, arguments: Arguments) -> Document:
        with self._settler.paused():
            book = self._read_book() if action is REPRICE else self._settler.book
            document = action.run(self._ledger, book, arguments)
            if document.get("applied"):
                self._settler.use(book)
            return document
