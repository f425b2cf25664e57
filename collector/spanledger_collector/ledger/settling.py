"""Settling, step by step: new observations become calls, and settled ones are looked at again where these concern them.

A pass takes a bounded number of observations from the journal, everything that may tell of the same calls, settles it
and writes what changed, together with how far it came, in one transaction. A pass that does not happen to end is done
again.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb

from spanledger_collector.journal.reading import decode_reading
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.neighbours import INDEX, IndexRow, Neighbourhood, Neighbours, index_row
from spanledger_collector.ledger.revisions import Revisions, transaction
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Observation
from spanledger_collector.pricing import PriceBook
from spanledger_collector.settle import settle

__all__ = ["OBSERVATIONS_PER_PASS", "Settler"]

OBSERVATIONS_PER_PASS: Final = 4000


class Settler:
    """Settles one ledger with one price book. `settle_pending` belongs to one thread; `pending` may be asked by any."""

    def __init__(self, ledger: Ledger, book: PriceBook, *, observations_per_pass: int = OBSERVATIONS_PER_PASS) -> None:
        self._ledger = ledger
        self._book = book
        self._limit = observations_per_pass
        self._spans_ns = 0
        self._turn = threading.Lock()

    @property
    def book(self) -> PriceBook:
        """The book that prices what is settled."""
        return self._book

    @contextmanager
    def paused(self) -> Generator[None]:
        """Nothing is settled within the block, so that something else may change calls. Waits until it is so."""
        with self._turn:
            yield

    def use(self, book: PriceBook) -> None:
        """Price by another book from now on; only while `paused`."""
        self._book = book

    def settle_pending(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Settle all that the journal holds and the ledger does not show yet; how many observations that was.

        `stopping` is asked before each pass whether to leave the rest for another time. Raises duckdb.Error; what is
        done by then is done, the rest stays pending.
        """
        with self._turn:
            return self._settle_pending(stopping)

    def _settle_pending(self, stopping: Callable[[], bool]) -> int:
        with closing(self._ledger.cursor()) as cursor, closing(_Passes(cursor, self._book, self._limit)) as passes:
            passes.spans_ns = self._spans_ns
            settled, count = 0, self._limit
            while count == self._limit and not stopping():
                count = passes.run()
                settled += count
            self._spans_ns = passes.spans_ns
            return settled

    def pending(self) -> int:
        """How many observations the ledger does not show yet."""
        with closing(self._ledger.cursor()) as cursor:
            ((count,),) = cursor.execute(query("settling.pending")).fetchall()
            return int(count)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a pass starts from: the observations `after` the last settled one, and settled ones above which spans
    came."""

    after: int
    fresh: dict[int, Observation]
    rows: list[IndexRow]
    linked: list[IndexRow]

    @property
    def id_keys(self) -> set[int]:
        """The response ids of the new observations."""
        return {row.id_key for row in self.rows if row.id_key is not None}


class _Passes:
    """A cursor with what it needs to run passes. `spans_ns` is when the last span arrived that was considered."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, book: PriceBook, limit: int) -> None:
        self.spans_ns = 0
        self._cursor = cursor
        self._limit = limit
        self._index = Inserter(cursor, INDEX)
        self._neighbours = Neighbours(cursor, self._index)
        self._revisions = Revisions(cursor, self._index, book)
        self._books = BookRecorder(cursor, book)

    def close(self) -> None:
        """Let go of the last batches, before the cursor closes."""
        for part in (self._revisions, self._books, self._index):
            part.close()

    def run(self) -> int:
        """One pass: how many new observations it settled. Fewer than the limit were all there were."""
        work, spans_ns = self._next()
        if work.fresh or work.linked:
            self._settle(work, spans_ns)
        self.spans_ns = spans_ns
        return len(work.fresh)

    def _next(self) -> tuple[_Work, int]:
        ((seq, spans_ns),) = self._cursor.execute(query("settling.settled")).fetchall()
        linked, spans_ns = self._neighbours.linked(max(spans_ns, self.spans_ns))
        readings = self._cursor.execute(query("settling.next_readings"), {"seq": seq, "limit": self._limit}).fetchall()
        fresh = {number: decode_reading(text) for number, text in readings}
        rows = [row for number, observation in fresh.items() if (row := index_row(number, observation)) is not None]
        return _Work(seq, fresh, rows, linked), spans_ns

    def _settle(self, work: _Work, spans_ns: int) -> None:
        try:
            self._attempt(work, spans_ns, seen=set())
        except duckdb.ConstraintException:
            seen = self._seen_before(work)
            if not seen:
                raise
            self._attempt(work, spans_ns, seen=seen)

    def _attempt(self, work: _Work, spans_ns: int, *, seen: set[int]) -> None:
        """Settle and write, whole or not at all. `seen` are response ids that came before, at another time.

        Raises duckdb.ConstraintException when there are such ids and `seen` does not have them: asking for every id
        whether it came before would mean to search the whole index for each.
        """
        hood = self._neighbours.of(work.rows, work.linked, seen)
        observations = self._neighbours.observations(hood.rows.values(), work.fresh)
        calls = settle(observations, self._neighbours.parents(list(hood.rows.values())))
        known = [row for number, row in hood.rows.items() if number not in work.fresh]
        with transaction(self._cursor):
            self._remember_ids(work, known, hood)
            self._books.record()
            self._revisions.write(calls, known)
            self._index.insert(work.rows)
            progress = {"seq": str(max(work.fresh, default=work.after)), "spans_ns": str(spans_ns)}
            self._cursor.execute(query("settling.note"), progress)

    def _remember_ids(self, work: _Work, known: Iterable[IndexRow], hood: Neighbourhood) -> None:
        new = work.id_keys - {row.id_key for row in known} - hood.repeated
        self._cursor.execute(query("settling.add_response_keys"), {"keys": sorted(new)})
        repeated = hood.disjoint_ids() - hood.known_repeated
        if repeated:
            self._cursor.execute(query("settling.add_repeated_keys"), {"keys": sorted(repeated)})

    def _seen_before(self, work: _Work) -> set[int]:
        found = self._cursor.execute(query("settling.seen_keys"), {"keys": sorted(work.id_keys)}).fetchall()
        return {key for (key,) in found}
