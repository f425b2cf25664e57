"""One transaction of the journal: what of a batch is new is stored, with what it says about model calls."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import duckdb

from spanledger_collector.journal.identity import Identity
from spanledger_collector.journal.rows import (
    CONFLICTS,
    OBSERVATIONS,
    SPANS,
    ConflictRow,
    Dialects,
    ObservationRow,
    SpanRow,
    conflict_row,
    observation_row,
    span_rows,
)
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Observation, ReceivedSpan
from spanledger_collector.stats import Stats

__all__ = ["Appended", "Submission", "Writer"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_logger = logging.getLogger(__name__)
_EVER = (0, 2**63 - 2)
"""Every time that a TIMESTAMP_NS can hold, in ns (the last value means infinity)."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The spans of one request and when they arrived (ns)."""

    spans: Sequence[ReceivedSpan]
    received_ns: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the spans of one request: all of them are in the journal now, some were before."""

    stored: int
    duplicates: int = 0
    conflicts: int = 0


@dataclass(slots=True)
class _Entry:
    """One span on its way, and what became of it."""

    row: SpanRow
    span: ReceivedSpan
    first_hash: int | None = None
    """What the journal holds under this identity; None for a new one."""


class Writer:
    """Stores batches through one cursor, in one thread."""

    def __init__(self, ledger: Ledger, stats: Stats, dialects: Dialects, handover: Handover | None = None) -> None:
        """`handover` is offered the observations of each commit."""
        self._handover = handover
        self._cursor = ledger.cursor()
        self._stats = stats
        self._dialects = dialects
        self._spans = Inserter(self._cursor, SPANS)
        self._observations = Inserter(self._cursor, OBSERVATIONS)
        self._conflicts = Inserter(self._cursor, CONFLICTS)
        self._next_seq, self._received_ns = _end_of_journal(self._cursor)
        self._logged: set[type[Exception]] = set()

    def commit(self, batch: Sequence[Submission]) -> list[Appended]:
        """Make the batch durable, whole or not at all: DuckDB's COMMIT returns after its log is synced to disk.

        Raises duckdb.Error; then nothing of the batch is stored.
        """
        stamped = [(submission.spans, self._stamp(submission.received_ns)) for submission in batch]
        spans = [(span, received_ns) for some, received_ns in stamped for span in some]
        rows = span_rows(spans, self._peer_host)
        entries = [_Entry(row, span) for row, (span, _) in zip(rows, spans, strict=True)]
        self._count(entries, self._store(entries))
        remaining = iter(entries)
        return [_appended([next(remaining) for _ in submission.spans]) for submission in batch]

    def close(self) -> None:
        """Let go of the cursor."""
        for inserter in (self._spans, self._observations, self._conflicts):
            inserter.close()
        self._cursor.close()

    def _stamp(self, received_ns: int) -> int:
        """A time of arrival later than every one before, also when the clock was set back: settling asks by this time
        for the spans it has not seen."""
        self._received_ns = max(received_ns, self._received_ns + 1)
        return self._received_ns

    def _store(self, entries: Sequence[_Entry]) -> Sequence[ObservationRow]:
        """Insert what is new; the observations among it.

        The primary key finds repeated spans. Looking for them before each insert would scan the table each time.
        """
        for known in self._known_spans(entries):
            _sift(entries, known)
            with suppress(duckdb.ConstraintException):
                return self._transaction(entries)
        raise duckdb.ConstraintException("Spans of the batch violate a constraint other than their identity.")

    def _known_spans(self, entries: Sequence[_Entry]) -> Iterator[dict[Identity, int]]:
        """Guesses of what is stored already, each better than the one before: nothing, a time range, all of it."""
        yield {}
        started = [entry.row.started_at for entry in entries]
        for bounds in ((min(started), max(started)), _EVER):
            self._spans.load([entry.row for entry in entries])
            yield _hash_by_identity(self._cursor.execute(query("journal.known_spans"), bounds).fetchall())

    def _transaction(self, entries: Sequence[_Entry]) -> Sequence[ObservationRow]:
        fresh = [entry for entry in entries if entry.first_hash is None]
        conflicts = self._new_conflicts(entries)
        self._cursor.begin()
        try:
            self._spans.insert([entry.row for entry in fresh])
            told = self._observe(fresh)
            observed = [row for row, _ in told]
            self._observations.insert(observed)
            self._conflicts.insert(conflicts)
            self._cursor.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a failed COMMIT has rolled back already
                self._cursor.rollback()
            raise
        if self._handover is not None:
            self._handover.put(self._next_seq, [observation for _, observation in told])
        self._next_seq += len(observed)
        return observed

    def _observe(self, fresh: Sequence[_Entry]) -> list[tuple[ObservationRow, Observation]]:
        """What the new spans say about model calls, numbered."""
        observed: list[tuple[ObservationRow, Observation]] = []
        for entry in fresh:
            told = self._guarded(self._read, entry, self._next_seq + len(observed))
            if told is not None:
                observed.append(told)
        return observed

    def _read(self, entry: _Entry, seq: int) -> tuple[ObservationRow, Observation] | None:
        observation = self._dialects.recognise(entry.span)
        if observation is None:
            return None
        kept = self._dialects.kept_attributes(entry.span)
        return observation_row(seq, entry.row, entry.span, observation, kept), observation

    def _peer_host(self, span: ReceivedSpan) -> str | None:
        return self._guarded(self._dialects.peer_host, span)

    def _guarded(self, read: Callable[_P, _T | None], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """What a dialect reads, or None where it fails: a span is never lost because we misread it."""
        try:
            return read(*args, **kwargs)
        except Exception as error:
            self._stats.unreadable.inc()
            if type(error) not in self._logged:
                self._logged.add(type(error))
                _logger.exception(
                    "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error"
                )
            return None

    def _new_conflicts(self, entries: Sequence[_Entry]) -> list[ConflictRow]:
        """Conflicts that are not on record yet, each once."""
        rows = {
            (*entry.row.identity, entry.row.payload_hash): conflict_row(
                entry.row, entry.first_hash, self._guarded(self._dialects.kept_attributes, entry.span) or {}
            )
            for entry in entries
            if entry.first_hash is not None and entry.first_hash != entry.row.payload_hash
        }
        if rows:
            self._conflicts.load(list(rows.values()))
            for known in self._cursor.execute(query("journal.known_conflicts")).fetchall():
                del rows[known]
        return list(rows.values())

    def _count(self, entries: Sequence[_Entry], observed: Sequence[ObservationRow]) -> None:
        total = _appended(entries)
        self._stats.commits.inc()
        self._stats.journaled.inc(total.stored)
        self._stats.duplicates.inc(total.duplicates)
        self._stats.conflicts.inc(total.conflicts)
        self._stats.skipped.inc(total.stored - len(observed))
        for dialect, count in Counter(row.dialect for row in observed).items():
            self._stats.recognised.labels(dialect).inc(count)


def _end_of_journal(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The number of the next observation, and when the last span arrived (ns)."""
    ((number, received_ns),) = cursor.execute(query("journal.end")).fetchall()
    return int(number), int(received_ns)


def _sift(entries: Sequence[_Entry], known: dict[Identity, int]) -> None:
    """Tell each entry what its identity is known to hold; `known` grows with the entries that are new."""
    for entry in entries:
        first_hash = known.get(entry.row.identity)
        if first_hash is None:
            known[entry.row.identity] = entry.row.payload_hash
        entry.first_hash = first_hash


def _hash_by_identity(rows: Iterable[tuple[int, int, int, int]]) -> dict[Identity, int]:
    return {(high, low, span): payload_hash for high, low, span, payload_hash in rows}


def _appended(entries: Sequence[_Entry]) -> Appended:
    repeated = [entry for entry in entries if entry.first_hash is not None]
    duplicates = sum(entry.first_hash == entry.row.payload_hash for entry in repeated)
    return Appended(len(entries) - len(repeated), duplicates, len(repeated) - duplicates)
