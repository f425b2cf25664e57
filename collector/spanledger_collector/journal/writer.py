"""One transaction of the journal: what of a batch is new is stored, with what it says about model calls."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress, islice
from typing import TypeVar

import duckdb

from spanledger_collector.journal.identity import Identity
from spanledger_collector.journal.known import KnownSpans, key_of
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
        self._known = KnownSpans(ledger)
        self._next_seq, self._received_ns = _end_of_journal(self._cursor)
        self._logged: set[type[Exception]] = set()

    def commit(self, batch: Sequence[Submission]) -> list[Appended]:
        """Make the batch durable, whole or not at all: DuckDB's COMMIT returns after its log is synced to disk.

        Raises duckdb.Error; then nothing of the batch is stored.
        """
        spans: list[ReceivedSpan] = []
        arrivals: list[int] = []
        for submission in batch:
            spans += submission.spans
            arrivals += [self._stamp(submission.received_ns)] * len(submission.spans)
        rows = span_rows(spans, self._each(self._dialects.peer_host, spans), arrivals)
        first_hashes = self._first_hashes(rows)
        observed = self._transaction(rows, spans, first_hashes)
        hashes = iter([(row.payload_hash, first) for row, first in zip(rows, first_hashes, strict=True)])
        outcomes = [_appended(list(islice(hashes, len(submission.spans)))) for submission in batch]
        self._count(outcomes, observed)
        return outcomes

    def close(self) -> None:
        """Let go of the cursor."""
        for inserter in (self._spans, self._observations, self._conflicts):
            inserter.close()
        self._cursor.close()
        self._known.close()

    def _stamp(self, received_ns: int) -> int:
        """A time of arrival later than every one before, also when the clock was set back: settling asks by this time
        for the spans it has not seen."""
        self._received_ns = max(received_ns, self._received_ns + 1)
        return self._received_ns

    def _first_hashes(self, rows: Sequence[SpanRow]) -> list[int | None]:
        """For each row the payload hash under which its identity came first, None where it comes now."""
        keys = [key_of(row.trace_lo, row.span) for row in rows]
        suspects = self._known.suspects(keys)
        known = self._stored([rows[place] for place in suspects])
        self._known.add(keys)
        return _first_hashes(rows, known) if known or len(set(keys)) < len(keys) else [None] * len(rows)

    def _stored(self, rows: Sequence[SpanRow]) -> dict[Identity, int]:
        """The payload hashes of those rows whose identities are stored, by identity.

        A span that is sent again started when it did the first time, and few others did: DuckDB passes over the rest of
        the table. Only what is not found there may be a conflict, and is looked for everywhere.
        """
        found: dict[Identity, int] = {}
        for everywhere in (False, True):
            missing = [row for row in rows if row.identity not in found]
            if missing:
                started = [row.started_at for row in missing]
                bounds = _EVER if everywhere else (min(started), max(started))
                self._spans.load(missing)
                answer = self._cursor.execute(query("journal.known_spans"), bounds).fetchall()
                found.update({(high, low, span): payload_hash for high, low, span, payload_hash in answer})
        return found

    def _transaction(
        self, rows: Sequence[SpanRow], spans: Sequence[ReceivedSpan], first_hashes: Sequence[int | None]
    ) -> Sequence[ObservationRow]:
        """Store what is new; the observations among it."""
        fresh = [first_hash is None for first_hash in first_hashes]
        new_rows, new_spans = list(compress(rows, fresh)), list(compress(spans, fresh))
        conflicts = self._new_conflicts(rows, spans, first_hashes)
        self._cursor.begin()
        try:
            self._spans.insert(new_rows)
            told = self._observe(new_rows, new_spans)
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

    def _observe(
        self, rows: Sequence[SpanRow], spans: Sequence[ReceivedSpan]
    ) -> list[tuple[ObservationRow, Observation]]:
        """What new spans say about model calls, numbered."""
        told: list[tuple[ObservationRow, Observation]] = []

        def read(row: SpanRow, span: ReceivedSpan) -> None:
            observation = self._dialects.recognise(span)
            if observation is not None:
                kept = self._dialects.kept_attributes(span)
                number = self._next_seq + len(told)
                told.append((observation_row(number, row, span, observation, kept), observation))

        self._each(read, rows, spans)
        return told

    def _each(self, read: Callable[..., _T | None], *columns: Iterable[object]) -> list[_T | None]:
        """What a dialect reads, row by row, or None where it fails: a span is never lost because we misread it."""
        found: list[_T | None] = []
        for arguments in zip(*columns, strict=True):
            try:
                found.append(read(*arguments))
            except Exception as error:
                found.append(None)
                self._stats.unreadable.inc()
                if type(error) not in self._logged:
                    self._logged.add(type(error))
                    _logger.exception(
                        "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error"
                    )
        return found

    def _new_conflicts(
        self, rows: Sequence[SpanRow], spans: Sequence[ReceivedSpan], first_hashes: Sequence[int | None]
    ) -> list[ConflictRow]:
        """Conflicts that are not on record yet, each once."""
        differing = [
            (row, first_hash, span)
            for row, first_hash, span in zip(rows, first_hashes, spans, strict=True)
            if first_hash is not None and first_hash != row.payload_hash
        ]
        kept = self._each(self._dialects.kept_attributes, [span for _, _, span in differing])
        found = {
            (*row.identity, row.payload_hash): conflict_row(row, first_hash, attributes or {})
            for (row, first_hash, _), attributes in zip(differing, kept, strict=True)
        }
        if found:
            self._conflicts.load(list(found.values()))
            for known in self._cursor.execute(query("journal.known_conflicts")).fetchall():
                del found[known]
        return list(found.values())

    def _count(self, outcomes: Iterable[Appended], observed: Sequence[ObservationRow]) -> None:
        stored = sum(outcome.stored for outcome in outcomes)
        self._stats.commits.inc()
        self._stats.journaled.inc(stored)
        self._stats.duplicates.inc(sum(outcome.duplicates for outcome in outcomes))
        self._stats.conflicts.inc(sum(outcome.conflicts for outcome in outcomes))
        self._stats.skipped.inc(stored - len(observed))
        for dialect, number in Counter(row.dialect for row in observed).items():
            self._stats.recognised.labels(dialect).inc(number)


def _end_of_journal(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The number of the next observation, and when the last span arrived (ns)."""
    ((number, received_ns),) = cursor.execute(query("journal.end")).fetchall()
    return int(number), int(received_ns)


def _first_hashes(rows: Sequence[SpanRow], known: dict[Identity, int]) -> list[int | None]:
    """For each row the payload hash of its identity, in `known` or in a row before; None where there is none."""
    first_hashes: list[int | None] = []
    for row in rows:
        first_hashes.append(known.get(row.identity))
        known.setdefault(row.identity, row.payload_hash)
    return first_hashes


def _appended(hashes: Sequence[tuple[int, int | None]]) -> Appended:
    """What became of spans, by the payload hash of each and that under which its identity came first."""
    repeated = [payload_hash == first_hash for payload_hash, first_hash in hashes if first_hash is not None]
    duplicates = sum(repeated)
    return Appended(len(hashes) - len(repeated), duplicates, len(repeated) - duplicates)
