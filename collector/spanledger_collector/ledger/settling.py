"""Settling: new observations become calls; settled ones are looked at again where new ones concern them."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Final

from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.passes import Passes
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook

__all__ = ["OBSERVATIONS_PER_PASS", "Settler"]

OBSERVATIONS_PER_PASS: Final = 8_192
"""As many as wait, up to so many, or a quarter more if these are all: a pass costs as much as some 500 of them, and
takes 4 kB of memory for each. More than a row group, so that calls are written into the file at once
(`ledger.store.ROWS_PER_GROUP`)."""


class Settler:
    """Settles one ledger with one price book. `settle_pending` belongs to one thread; `pending` may be asked by any."""

    def __init__(
        self,
        ledger: Ledger,
        book: PriceBook,
        handover: Handover | None = None,
        *,
        observations_per_pass: int = OBSERVATIONS_PER_PASS,
    ) -> None:
        """`handover` has what need not be read from the journal's file."""
        self._ledger = ledger
        self._book = book
        self._handover = handover or Handover()
        self._limit = observations_per_pass
        self._spans_ns = 0
        self._turn = threading.Lock()
        self._kept: Passes | None = None
        self._keeps = False

    @property
    def book(self) -> PriceBook:
        """The book that prices what is settled."""
        return self._book

    @contextmanager
    def paused(self) -> Generator[None]:
        """Nothing is settled within the block, so that something else may change calls. Waits until it is so."""
        with self._turn:
            yield

    @contextmanager
    def kept_ready(self) -> Generator[None]:
        """Within the block, each `settle_pending` goes on with what the one before made to settle with."""
        self._keeps = True
        try:
            yield
        finally:
            with self._turn:
                self._keeps = False
                self._forget()

    def use(self, book: PriceBook) -> None:
        """Price by another book from now on; only while `paused`."""
        self._book = book
        self._forget()

    def settle_pending(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Settle all that the journal holds and the ledger does not show yet; how many observations that was.

        `stopping` is asked before each pass whether to leave the rest for another time. Raises duckdb.Error; what is
        done by then is done, the rest stays pending.
        """
        with self._turn:
            return self._settle_pending(stopping)

    def _settle_pending(self, stopping: Callable[[], bool]) -> int:
        passes = self._kept or Passes(self._ledger, self._book, self._handover, self._limit, self._spans_ns)
        self._kept = passes
        settled, good = 0, False
        try:
            while not stopping():
                settled += passes.run()
                if passes.at_end:
                    break
            good = True
        finally:
            self._spans_ns = passes.spans_ns
            if not good or not self._keeps:
                self._forget()
        return settled

    def _forget(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def pending(self) -> int:
        """How many observations the ledger does not show yet."""
        return self._count("settling.pending")

    def set_aside(self) -> int:
        """How many observations could not be settled and wait for a rebuild."""
        return self._count("settling.count_set_aside")

    def _count(self, name: str) -> int:
        with closing(self._ledger.cursor()) as cursor:
            ((count,),) = cursor.execute(query(name)).fetchall()
            return int(count)
