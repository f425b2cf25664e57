"""Writing what settling found: new calls, changed calls under a new revision, calls that turned out to be another one.

What is replaced goes to `call_history` whole; `calls` and the tables beside it hold the current revision only.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import duckdb

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.billed import NumberedBills
from spanledger_collector.ledger.lone import Lone
from spanledger_collector.ledger.neighbours import IndexRow
from spanledger_collector.ledger.new_calls import CallColumns, NewCalls
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.rows import CALL_TABLES, CALLS, HISTORY, CallRow, CallRows, HistoryRow, all_of
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.stored_calls import started_within, stored_calls
from spanledger_collector.ledger.transactions import transaction
from spanledger_collector.model import Call
from spanledger_collector.pricing import PriceBook, price

__all__ = ["Changes", "Revisions", "changes", "transaction"]

_DELETES: Final = tuple(f"settling.delete_{name}" for name in ("calls", "charges", "call_meters", "call_sources"))


@dataclass(slots=True)
class Changes:
    """What must be written: `new` calls, `rows` of new revisions, and the stored ones that these replace, each with the
    reason."""

    rows: list[CallRows] = field(default_factory=list[CallRows])
    new: list[Call] = field(default_factory=list[Call])
    replaced: list[tuple[CallRows, str]] = field(default_factory=list[tuple[CallRows, str]])


def changes(calls: Sequence[Call], stored: dict[str, CallRows], book: PriceBook, settled_ns: int) -> Changes:
    """Compare settled calls with those stored under the same observations."""
    found = Changes()
    remaining = dict(stored)
    for call in calls:
        before = remaining.pop(call.call_id, None)
        if before is None:
            found.new.append(call)
            continue
        rows = call_rows(call, price(call, book), revision=before.call.revision + 1, settled_ns=settled_ns)
        if not rows.says_the_same_as(before):
            found.rows.append(rows)
            found.replaced.append((before, "other spans told more of the call"))
    if not remaining:
        return found
    counted_as = {
        (source.trace_id.hex(), source.span_id.hex()): call.call_id for call in calls for source in call.sources
    }
    for before in remaining.values():
        now = counted_as.get((before.call.trace_id, before.call.span_id))
        reason = "no call any more" if now is None else f"the same call as {now}, counted there"
        found.replaced.append((before, reason))
    return found


class Revisions:
    """Reads stored calls and writes changes through one cursor, within the transaction of its owner."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, index: Inserter, book: PriceBook) -> None:
        self._cursor = cursor
        self._index = index
        self._book = book
        self._bills = NumberedBills(cursor)
        self._new_calls = NewCalls(book, self._bills.number)
        self._inserters = {target.table: Inserter(cursor, target) for target in (*CALL_TABLES, HISTORY)}

    def close(self) -> None:
        """Let go of the last batches."""
        for part in (*self._inserters.values(), self._bills):
            part.close()

    def write(self, calls: Sequence[Call], known: Sequence[IndexRow], lone: Lone) -> None:
        """Write what differs from the stored calls that are counted on the known observations; and the calls of lone
        ones, which are new."""
        settled_ns = time.time_ns()
        self.apply(changes(calls, self._stored(known), self._book, settled_ns), settled_ns, lone)

    def apply(self, found: Changes, settled_ns: int, lone: Lone | None = None) -> None:
        """Write changes: what is replaced goes to history."""
        self._delete([rows.call for rows, _ in found.replaced])
        history = [_history_row(rows, reason, settled_ns) for rows, reason in found.replaced]
        self._inserters[HISTORY.table].insert(history)
        columns = CallColumns()
        self._bills.refresh()
        self._new_calls.fill(columns, found.new, settled_ns)
        if lone is not None:
            self._new_calls.fill_lone(columns, lone, settled_ns)
        self._bills.write()
        columns.add_rows(found.rows)
        for target in CALL_TABLES:
            self._inserters[target.table].insert_columns(columns.of(target))

    def _delete(self, calls: Sequence[CallRow]) -> None:
        if calls:
            within = {"calls": [call.call_id for call in calls], **started_within(calls)}
            for name in _DELETES:
                self._cursor.execute(query(name), within)

    def _stored(self, known: Sequence[IndexRow]) -> dict[str, CallRows]:
        if not known:
            return {}
        self._index.load(known)
        found = self._cursor.execute(all_of("settling.calls", CALLS), started_within(known)).fetchall()
        return stored_calls(self._cursor, found)


def _history_row(rows: CallRows, reason: str, superseded_ns: int) -> HistoryRow:
    return HistoryRow(rows.call.call_id, rows.call.revision, superseded_ns, reason, rows.body())
