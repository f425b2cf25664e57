"""Settling, step by step: new observations become calls, and settled ones are looked at again where these concern them.

A pass takes a bounded number of observations from the journal, everything that may tell of the same calls, settles it
and writes what changed, together with how far it came, in one transaction. A pass that does not happen to end is done
again.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import duckdb

from spanledger_collector.journal.reading import decode_reading
from spanledger_collector.ledger.arrow import Inserter, Target, UInt64
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.neighbours import INDEX, IndexRow, Neighbourhood, Neighbours, index_row
from spanledger_collector.ledger.revisions import Revisions, transaction
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Observation
from spanledger_collector.pricing import PriceBook
from spanledger_collector.settle import settle_nodes
from spanledger_collector.settle.nodes import Node, node_of

__all__ = ["OBSERVATIONS_PER_PASS", "Settler"]

OBSERVATIONS_PER_PASS: Final = 4000


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
        with (
            closing(self._ledger.cursor()) as cursor,
            closing(_Passes(cursor, self._book, self._handover, self._limit)) as passes,
        ):
            passes.spans_ns = self._spans_ns
            settled = 0
            while not passes.at_end and not stopping():
                settled += passes.run()
            self._spans_ns = passes.spans_ns
            return settled

    def pending(self) -> int:
        """How many observations the ledger does not show yet."""
        with closing(self._ledger.cursor()) as cursor:
            ((count,),) = cursor.execute(query("settling.pending")).fetchall()
            return int(count)


class _ResponseKey(NamedTuple):
    """A row of `store.response_keys`."""

    id_key: UInt64


_RESPONSE_KEYS: Final = Target.of("store.response_keys", _ResponseKey)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a pass starts from: observations by their number, `rows` of those that may matter, the number of the `last`
    one that is settled by this; and settled ones above which spans came."""

    last: int
    count: int
    nodes: dict[int, Node]
    rows: list[IndexRow]
    linked: list[IndexRow]

    @property
    def id_keys(self) -> set[int]:
        """The response ids of the new observations."""
        return {row.id_key for row in self.rows if row.id_key is not None}


class _Passes:
    """A cursor with what it needs to run passes. `spans_ns` is when the last span arrived that was considered; `at_end`
    is true when nothing more was pending."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, book: PriceBook, handover: Handover, limit: int) -> None:
        self.spans_ns = 0
        self.at_end = False
        self._cursor = cursor
        self._handover = handover
        self._limit = limit
        self._index = Inserter(cursor, INDEX)
        self._response_keys = Inserter(cursor, _RESPONSE_KEYS)
        self._neighbours = Neighbours(cursor, self._index)
        self._revisions = Revisions(cursor, self._index, book)
        self._books = BookRecorder(cursor, book)

    def close(self) -> None:
        """Let go of the last batches, before the cursor closes."""
        for part in (self._revisions, self._books, self._response_keys, self._index):
            part.close()

    def run(self) -> int:
        """One pass: how many new observations it settled."""
        work, spans_ns = self._next()
        if work.count or work.linked:
            self._settle(work, spans_ns)
        self.spans_ns = spans_ns
        return work.count

    def _next(self) -> tuple[_Work, int]:
        ((seq, spans_ns),) = self._cursor.execute(query("settling.settled")).fetchall()
        linked, spans_ns = self._neighbours.linked(max(spans_ns, self.spans_ns))
        observations = self._handover.take(seq, self._limit)
        more = bool(observations) and self._handover.offered(observations[-1][0] + 1)
        if not observations:
            observations = self._from_file(seq)
        self.at_end = len(observations) < self._limit and not more
        nodes = {number: node_of(told) for number, told in observations if told.role != "ignored"}
        rows = [index_row(number, node) for number, node in nodes.items()]
        last = observations[-1][0] if observations else seq
        return _Work(last, len(observations), nodes, rows, linked), spans_ns

    def _from_file(self, after: int) -> list[tuple[int, Observation]]:
        parameters = {"seq": after, "limit": self._limit}
        readings = self._cursor.execute(query("settling.next_readings"), parameters).fetchall()
        return [(number, decode_reading(text)) for number, text in readings]

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
        nodes = self._neighbours.nodes(hood.rows.values(), work.nodes)
        calls = settle_nodes(nodes, self._neighbours.parents(list(hood.rows.values())))
        known = [row for number, row in hood.rows.items() if number not in work.nodes]
        with transaction(self._cursor):
            self._remember_ids(work, known, hood)
            self._books.record()
            self._revisions.write(calls, known)
            self._index.insert(work.rows)
            self._cursor.execute(query("settling.note"), {"seq": str(work.last), "spans_ns": str(spans_ns)})

    def _remember_ids(self, work: _Work, known: Iterable[IndexRow], hood: Neighbourhood) -> None:
        new = work.id_keys - {row.id_key for row in known} - hood.repeated
        self._response_keys.insert([(key,) for key in sorted(new)])
        repeated = hood.disjoint_ids() - hood.known_repeated
        if repeated:
            self._cursor.execute(query("settling.add_repeated_keys"), {"keys": sorted(repeated)})

    def _seen_before(self, work: _Work) -> set[int]:
        found = self._cursor.execute(query("settling.seen_keys"), {"keys": sorted(work.id_keys)}).fetchall()
        return {key for (key,) in found}
