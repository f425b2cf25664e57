"""Rebuilding: the whole journal read with today's dialects, settled and priced anew, and compared with the ledger.

The work is done in a file of its own beside the ledger, which is removed at the end; the ledger changes only when the
result is applied, as new revisions in one transaction.
"""

import json
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import duckdb

from spanledger_collector.dialects import Reader
from spanledger_collector.journal.reading import READINGS, StoredReading, document_of
from spanledger_collector.journal.rows import OBSERVATIONS, ObservationRow
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.differences import Body, Change, changes
from spanledger_collector.ledger.neighbours import INDEX, IndexRow
from spanledger_collector.ledger.periods import closed_periods
from spanledger_collector.ledger.rereading import ROWS_AT_A_TIME, copy_journal, journal_rows
from spanledger_collector.ledger.revisions import Changes, Revisions, transaction
from spanledger_collector.ledger.rows import CALLS, CallRows, all_of
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger, keep_reading_rules
from spanledger_collector.ledger.stored_calls import stored_calls
from spanledger_collector.pricing import PriceBook

__all__ = ["Difference", "Rebuilt", "rebuild"]

_RULES: Final = ("dialect", "rule", "role")
_REASON: Final = "rebuilt from the journal"
_THE_SAME: Final = ((), ("price_book",))
"""Columns in which a call may differ from its rebuilt self. A call keeps the name of the book that gave it its price as
long as later books give it the same price by the same entries (`Revisions` and `reprice` leave it alone, too)."""
_USUAL: Final = Reader()


@dataclass(frozen=True, slots=True)
class Difference:
    """One call on which ledger and journal disagree: not in the ledger (`missing`), only there (`extra`), or `changed`
    in the named columns; with every value before and after, if it is one of those that are told."""

    call_id: str
    kind: Literal["missing", "extra", "changed"]
    columns: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class Rebuilt:
    """What rebuilding found. `reread` counts observations that read otherwise today, `readings` in what; `examples` are
    the first calls that differ, in the order of their ids. `closed` counts calls of closed periods that the journal
    would give otherwise: they stay as they are."""

    observations: int = 0
    reread: int = 0
    calls: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    columns: Counter[str] = field(default_factory=Counter[str])
    readings: Counter[str] = field(default_factory=Counter[str])
    examples: list[Difference] = field(default_factory=list[Difference])
    applied: bool = False
    closed: int = 0

    @property
    def equal(self) -> bool:
        """Whether the ledger is what the journal gives, row for row."""
        return not self.kinds


def rebuild(
    ledger: Ledger, book: PriceBook, reader: Reader = _USUAL, *, apply: bool = False, told: int = 20
) -> Rebuilt:
    """Rebuild what is settled, report what differs (so many calls with every value), and make it the ledger's content
    if `apply`.

    Nothing else may settle this ledger meanwhile. Observations that are still pending are left alone. Raises
    duckdb.Error, and then the ledger is as it was.
    """
    found = Rebuilt()
    with closing(ledger.cursor()) as cursor, _scratch(ledger.path) as scratch, closing(scratch.cursor()) as fresh:
        ((until, _),) = cursor.execute(query("settling.settled")).fetchall()
        copy_journal(ledger, scratch, until, reader)
        Settler(scratch, book).settle_pending()
        found.reread = sum(len(rows) for rows in _changed_readings(cursor, fresh, until, found))
        for difference, before, after in _differences(cursor, fresh, found):
            found.kinds[difference.kind] += 1
            found.columns.update(difference.columns)
            if len(found.examples) < told:
                found.examples.append(replace(difference, changes=changes(_body(before), _body(after))))
        same = found.equal and not found.reread and _set_aside(cursor) == _set_aside(fresh)
        if apply and not same:
            _apply(cursor, fresh, book, until)
            found.applied = True
        if apply:
            keep_reading_rules(cursor)
    return found


@contextmanager
def _scratch(path: Path) -> Generator[Ledger]:
    """An empty ledger in a file beside the other one, gone at the end."""
    scratch = path.with_name(f"{path.name}.rebuild")
    files = (scratch, scratch.with_name(f"{scratch.name}.wal"))
    for file in files:
        file.unlink(missing_ok=True)  # left behind by a rebuild that was killed
    try:
        with Ledger.open(scratch) as ledger:
            yield ledger
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def _changed_readings(
    cursor: duckdb.DuckDBPyConnection, fresh: duckdb.DuckDBPyConnection, until: int, found: Rebuilt | None = None
) -> Iterator[list[ObservationRow]]:
    """The rows of the rebuilt journal that read otherwise than the ledger's, many at a time; meanwhile they are the
    batch of `OBSERVATIONS` on `cursor`."""
    with closing(Inserter(cursor, OBSERVATIONS)) as observations:
        for page in journal_rows(fresh, until):
            rows = [row for row, _ in page]
            observations.load(rows)
            stored = _stored_readings(cursor)
            changed = [row for row in rows if row.seq in stored and row.stored_reading != stored[row.seq]]
            if found is not None:
                found.observations += len(rows)
                for row in changed:
                    found.readings.update(_reread_fields(stored[row.seq], row.stored_reading))
            if changed:
                observations.load(changed)
                yield changed


def _stored_readings(cursor: duckdb.DuckDBPyConnection) -> dict[int, StoredReading]:
    """What the ledger holds of the observations of the batch, by their numbers."""
    answer = cursor.execute(all_of("rebuild.stored_readings", READINGS)).fetchall()
    return {seq: StoredReading._make(columns) for seq, *columns in answer}


def _reread_fields(before: StoredReading, after: StoredReading) -> Iterator[str]:
    """What of an observation is read otherwise; of dialect, rule and role from what to what."""
    old, new = document_of(before), document_of(after)
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name)} -> {new.get(name)}" if name in _RULES else name


def _body(rows: CallRows | None) -> Body:
    return {} if rows is None else json.loads(rows.body())


def _differences(
    cursor: duckdb.DuckDBPyConnection, fresh: duckdb.DuckDBPyConnection, found: Rebuilt | None = None
) -> Iterator[tuple[Difference, CallRows | None, CallRows | None]]:
    """Every call that differs, with its rows as they are and as they should be. What a closed period holds is right as
    it is: it is counted in `found`, and left out."""
    closed = closed_periods(cursor)
    for before, after in _paired(_calls(cursor), _calls(fresh)):
        if found is not None and after is not None:
            found.calls += 1
        if before is None and after is not None:
            yield Difference(after.call.call_id, "missing"), None, after
        elif before is not None and after is None:
            yield Difference(before.call.call_id, "extra"), before, None
        elif before is not None and after is not None and (columns := after.differing(before)) not in _THE_SAME:
            if any(period.start <= before.call.started_at < period.end for period in closed):
                if found is not None:
                    found.closed += 1
                continue
            yield Difference(before.call.call_id, "changed", columns), before, after


def _paired(
    stored: Iterator[CallRows], rebuilt: Iterator[CallRows]
) -> Iterator[tuple[CallRows | None, CallRows | None]]:
    """Two sequences in the order of call ids, side by side."""
    before, after = next(stored, None), next(rebuilt, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.call.call_id < after.call.call_id):
            yield before, None
            before = next(stored, None)
        elif before is None or after.call.call_id < before.call.call_id:
            yield None, after
            after = next(rebuilt, None)
        else:
            yield before, after
            before, after = next(stored, None), next(rebuilt, None)


def _calls(cursor: duckdb.DuckDBPyConnection) -> Iterator[CallRows]:
    """All calls in the order of their ids."""
    page = {"after": "", "limit": ROWS_AT_A_TIME}
    while found := cursor.execute(all_of("rebuild.calls_from", CALLS), page).fetchall():
        rows = stored_calls(cursor, found)
        yield from rows.values()
        page["after"] = found[-1][0]


def _apply(cursor: duckdb.DuckDBPyConnection, fresh: duckdb.DuckDBPyConnection, book: PriceBook, until: int) -> None:
    settled_ns = time.time_ns()
    with (
        closing(Inserter(cursor, INDEX)) as index,
        closing(Revisions(cursor, index, book)) as revisions,
        closing(BookRecorder(cursor, book)) as books,
        transaction(cursor),
    ):
        books.record()
        for name in ("forget_lost_charges", "forget_lost_meters", "forget_lost_sources"):
            cursor.execute(query(f"rebuild.{name}"))
        # The comparison goes on behind the call ids that are being written: pages start after the last id they had.
        differing = ((before, after) for _, before, after in _differences(cursor, fresh))
        while some := list(islice(differing, ROWS_AT_A_TIME)):
            revisions.apply(_changes(some, settled_ns), settled_ns)
        for _ in _changed_readings(cursor, fresh, until):
            cursor.execute(query("rebuild.reread"))
        _replace_index(cursor, fresh, index)
        _replace_set_aside(cursor, fresh)


def _changes(differing: Iterable[tuple[CallRows | None, CallRows | None]], settled_ns: int) -> Changes:
    changes = Changes()
    for before, after in differing:
        if after is not None:
            changes.rows.append(after.with_revision(1 if before is None else before.call.revision + 1, settled_ns))
        if before is not None:
            changes.replaced.append((before, _REASON))
    return changes


def _replace_index(cursor: duckdb.DuckDBPyConnection, fresh: duckdb.DuckDBPyConnection, index: Inserter) -> None:
    """Take over what settling looks up, which follows from the readings. A repeated id too many does no harm."""
    cursor.execute(query("rebuild.forget_index"))
    page = {"after": 0, "limit": ROWS_AT_A_TIME}
    while found := fresh.execute(all_of("rebuild.index", INDEX), page).fetchall():
        index.insert(rows := [IndexRow._make(row) for row in found])
        page["after"] = rows[-1].seq
    repeated = [key for (key,) in fresh.execute(query("rebuild.repeated_keys")).fetchall()]
    cursor.execute(query("settling.add_repeated_keys"), {"keys": repeated})


def _replace_set_aside(cursor: duckdb.DuckDBPyConnection, fresh: duckdb.DuckDBPyConnection) -> None:
    """Take over what cannot be settled today either; the rest is settled now."""
    cursor.execute(query("rebuild.forget_set_aside"))
    for row in _set_aside(fresh):
        cursor.execute(query("rebuild.set_aside"), row)


def _set_aside(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return cursor.execute(query("rebuild.all_set_aside")).fetchall()
