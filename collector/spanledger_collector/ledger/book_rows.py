"""The price book that priced the calls, in the ledger's own tables, so that every charge can be followed."""

import json
import time
from typing import Annotated, Final, NamedTuple

import duckdb

from spanledger_collector.ledger.arrow import Inserter, Int64, Target, Text, Time
from spanledger_collector.ledger.row_making import money_text
from spanledger_collector.ledger.sql import query
from spanledger_collector.pricing import PriceBook, PriceEntry

__all__ = ["BookRecorder"]

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
        entries = [entry for model in self._book.models() for entry in self._book.entries_of(*model)]
        layers = sorted({entry.layer for entry in entries})
        self._inserters[BOOKS.table].insert(
            [BookRow(self._book.sha256, self._book.name, "+".join(layers), "price book", len(entries), time.time_ns())]
        )
        self._inserters[ENTRIES.table].insert([_entry_row(self._book.sha256, entry) for entry in entries])


def _entry_row(book: str, entry: PriceEntry) -> EntryRow:
    return EntryRow(
        book,
        entry.entry_id,
        entry.provider,
        entry.model,
        entry.meter,
        entry.unit,
        entry.per,
        money_text(entry.price) or "0",
        _conditions(entry),
        entry.effective_from,
        entry.effective_to,
        entry.source,
    )


def _conditions(entry: PriceEntry) -> str:
    conditions: dict[str, object] = dict(entry.scope)
    if entry.above is not None:
        conditions["input_tokens_above"] = entry.above
    if entry.window is not None:
        conditions["window"] = entry.window.text
    if entry.layer != "list":
        conditions["layer"] = entry.layer
    return json.dumps(conditions, sort_keys=True)
