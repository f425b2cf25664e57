"""The price book that priced the calls, in the ledger's own tables, so that every charge can be followed."""

import json
import time
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Final, NamedTuple

import duckdb

from spanledger_collector.ledger.arrow import Inserter, Int64, Target, Text, Time
from spanledger_collector.ledger.row_making import money_units
from spanledger_collector.ledger.sql import query
from spanledger_collector.pricing import PriceBook
from spanledger_collector.pricing.entries import Row, entry_id, instant_of, price_of, scope_of, units_of

__all__ = ["ENTRIES", "BookRecorder", "EntryRow", "entry_columns"]

_Int32 = Annotated[int, "int32"]
_Money = Annotated[str, "money"]


class BookRow(NamedTuple):
    """A row of `price_books`."""

    price_book: Text
    name: Text
    layer: Text
    source: Text
    entries: _Int32
    imported_at: Time


class EntryRow(NamedTuple):
    """A row of `price_entries`."""

    price_book: Text
    price_entry_id: Text
    provider: Text
    model: Text
    meter: Text
    unit: Text
    per: Int64
    price_usd: _Money
    conditions: Text
    effective_from: Time | None
    effective_to: Time | None
    source: Text


BOOKS: Final = Target.of("price_books", BookRow)
ENTRIES: Final = Target.of("price_entries", EntryRow)


class BookRecorder:
    """Writes one book, at most once, within the transaction of its owner."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, book: PriceBook) -> None:
        self._cursor = cursor
        self._book = book
        self._inserters = {target.table: Inserter(cursor, target) for target in (BOOKS, ENTRIES)}

    def close(self) -> None:
        """Let go of the last batches."""
        for inserter in self._inserters.values():
            inserter.close()

    def record(self) -> None:
        """Write the book and its entries unless the ledger has them."""
        known = self._cursor.execute(query("settling.known_book"), {"book": self._book.sha256}).fetchall()
        if known:
            return
        rows = [*self._book.rows()]
        layers = "+".join(sorted({row.layer for row in rows}))
        book = BookRow(self._book.sha256, self._book.name, layers, "price book", len(rows), time.time_ns())
        self._inserters[BOOKS.table].insert([book])
        if rows:
            self._inserters[ENTRIES.table].insert_columns(entry_columns(self._book.sha256, rows))
            self._inserters[ENTRIES.table].load([])  # or the last batch would stay: 2.5 MB


def entry_columns(book: str, rows: Sequence[Row]) -> list[Sequence[object]]:
    """The columns of `ENTRIES` for the rows of a book. Raises ValueError for a row that cannot be read, which a book
    that was verified has none of.

    They are what `PriceEntry` holds of each row, straight from its text: ten thousand entries would take 20 MB for as
    long as the book lives, and five times the time, though few texts among their prices, dates and conditions differ.
    """
    moment, times = cache(instant_of), [(row.start, row.end) for row in rows]
    conditions = cache(_conditions)
    return [
        [book] * len(rows),
        [*map(entry_id, rows)],
        [row.provider for row in rows],
        [row.model for row in rows],
        [row.meter for row in rows],
        [row.unit for row in rows],
        [*map(cache(units_of), [row.per for row in rows])],
        [*map(cache(_units), [row.price for row in rows])],
        [conditions(row.scope, row.above, row.window, row.layer) for row in rows],
        [moment(start) for start, _ in times],
        [moment(end) for _, end in times],
        [row.source for row in rows],
    ]


def _units(price: str) -> int | None:
    return money_units(price_of(price))


def _conditions(scope: str, above: str, window: str, layer: str) -> str:
    conditions: dict[str, object] = dict(scope_of(scope))
    if above:
        conditions["input_tokens_above"] = int(above)
    if window:
        conditions["window"] = window
    if layer != "list":
        conditions["layer"] = layer
    return json.dumps(conditions, sort_keys=True)
