"""One transaction of the journal: what of a batch is new is stored, with what it says about model calls."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import NamedTuple, TypeVar

import duckdb

from spanledger_collector.journal.identity import Identity
from spanledger_collector.journal.known import Key, KnownSpans, key_of
from spanledger_collector.journal.rows import (
    CONFLICTS,
    OBSERVATIONS,
    SPANS,
    Columns,
    ConflictRow,
    Dialects,
    ResourceTexts,
    SpanRow,
    Told,
    conflict_row,
    joined,
    observation_columns,
    row_at,
    span_columns,
    told,
)
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import transaction
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.stats import Stats

__all__ = ["Appended", "Submission", "Writer"]

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)
_EVER = (0, 2**63 - 2)
"""Every time that a TIMESTAMP_NS can hold, in ns (the last value means infinity)."""


FirstHashes = Sequence[int | None]


class Submission(NamedTuple):
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
        self._next_seq, self._received_ns = _end_of_journal(self._cursor)
        self.known = KnownSpans(ledger)  # last: what fails before leaves no thread behind
        self._logged: set[type[Exception]] = set()

    def commit(self, batch: Sequence[Submission]) -> list[Appended]:
        """Make the batch durable, whole or not at all: DuckDB's COMMIT returns after its log is synced to disk.

        Raises duckdb.Error; then nothing of the batch is stored.
        """
        parts: list[Columns] = []
        observed: list[Told] = []
        first = 0
        for spans, received_ns in batch:  # request by request: all is read of a span while it is in the CPU's cache
            told_here = self._observed(spans, first)
            parts.append(span_columns(spans, self._peer_hosts(spans), self._stamp(received_ns), told_here, first))
            observed += told_here
            first += len(spans)
        columns = joined(parts)
        first_hashes = self._first_hashes(columns)
        new = self._transaction(batch, columns, observed, first_hashes)
        outcomes = _outcomes(batch, columns["payload_hash"], first_hashes)
        self._count(outcomes, new)
        return outcomes

    def close(self) -> None:
        """Let go of the cursor."""
        self.known.close()  # first: its thread must end whatever happens here
        for inserter in (self._spans, self._observations, self._conflicts):
            inserter.close()
        self._cursor.close()

    def _stamp(self, received_ns: int) -> int:
        """A time of arrival later than every one before, also when the clock was set back: settling asks by this time
        for the spans it has not seen."""
        self._received_ns = max(received_ns, self._received_ns + 1)
        return self._received_ns

    def _peer_hosts(self, spans: Sequence[ReceivedSpan]) -> Sequence[str | None]:
        peer_host = self._dialects.peer_host
        try:
            return [peer_host(span) for span in spans]
        except Exception:  # noqa: BLE001 - told below, span by span
            return [self._read_or_none(peer_host, span) for span in spans]

    def _observed(self, spans: Sequence[ReceivedSpan], first: int) -> list[Told]:
        """What spans say about model calls; `first` is the place of the first one."""
        recognise, kept_json = self._dialects.recognise, self._dialects.kept_json
        resources = ResourceTexts()
        found: list[Told] = []
        for place, span in enumerate(spans, first):
            try:
                observation = recognise(span)
                if observation is not None:
                    found.append(told(place, span, observation, kept_json(span), resources.of(span)))
            except Exception as error:  # noqa: BLE001 - a span is never lost because we misread it
                self._unreadable(error)
        return found

    def _read_or_none(self, read: Callable[[ReceivedSpan], _T], span: ReceivedSpan) -> _T | None:
        """What a dialect reads, or None where it fails: a span is never lost because we misread it."""
        try:
            return read(span)
        except Exception as error:  # noqa: BLE001 - the reason above
            self._unreadable(error)
            return None

    def _unreadable(self, error: Exception) -> None:
        self._stats.unreadable.inc()
        if type(error) not in self._logged:
            self._logged.add(type(error))
            _logger.error(
                "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error",
                exc_info=error,
            )

    def _first_hashes(self, spans: Columns) -> FirstHashes | None:
        """For each span the payload hash under which its identity came first, None where it comes now; None alone where
        all of them come now, as nearly always."""
        keys = [*map(key_of, spans["trace_lo"], spans["span"])]
        suspects = self.known.suspects(keys)
        known = self._stored([row_at(spans, place) for place in suspects])
        self.known.add(keys)
        return _first_hashes(spans, known) if known or len(set(keys)) < len(keys) else None

    def _stored(self, rows: Sequence[SpanRow]) -> dict[Identity, int]:
        """The payload hashes of those rows whose identities are stored, by identity.

        A span that is sent again started when it did the first time, and few others did: DuckDB passes over the rest of
        the table. Only what is not found there may be a conflict, and is looked for wherever it may be.
        """
        found: dict[Identity, int] = {}
        for everywhere in (False, True):
            missing = [row for row in rows if row.identity not in found]
            if missing:
                started = [row.started_at for row in missing]
                arrivals = self.known.arrivals(_keys_of(missing)) if everywhere else _EVER
                bounds = *(_EVER if everywhere else (min(started), max(started))), *arrivals
                self._spans.load(missing)
                answer = self._cursor.execute(query("journal.known_spans"), bounds).fetchall()
                found.update({(high, low, span): payload_hash for high, low, span, payload_hash in answer})
        return found

    def _transaction(
        self,
        batch: Sequence[Submission],
        spans: Columns,
        observed: Sequence[Told],
        first_hashes: FirstHashes | None,
    ) -> Sequence[Told]:
        """Store what is new; the observations among it."""
        new_spans, new, conflicts = spans, observed, list[ConflictRow]()
        if first_hashes is not None:
            fresh = [first_hash is None for first_hash in first_hashes]
            new_spans = {name: [*compress(column, fresh)] for name, column in spans.items()}
            new = [each for each in observed if fresh[each.place]]
            conflicts = self._new_conflicts(batch, spans, first_hashes)
        with transaction(self._cursor):
            self._spans.insert_columns([*new_spans.values()])
            if new:
                self._observations.insert_columns(observation_columns(self._next_seq, spans, new))
            self._conflicts.insert(conflicts)
        if self._handover is not None:
            self._handover.put(self._next_seq, [each.observation for each in new])
        self._next_seq += len(new)
        return new

    def _new_conflicts(
        self, batch: Sequence[Submission], spans: Columns, first_hashes: FirstHashes
    ) -> list[ConflictRow]:
        """Conflicts that are not on record yet, each once."""
        received = [span for submission in batch for span in submission.spans]
        found: dict[tuple[int, ...], ConflictRow] = {}
        for place, (payload_hash, first_hash) in enumerate(zip(spans["payload_hash"], first_hashes, strict=True)):
            if first_hash is not None and first_hash != payload_hash:
                row = row_at(spans, place)
                kept = self._read_or_none(self._dialects.kept_json, received[place]) or "{}"
                found[*row.identity, payload_hash] = conflict_row(row, first_hash, kept)
        if found:
            self._conflicts.load(list(found.values()))
            for known in self._cursor.execute(query("journal.known_conflicts")).fetchall():
                del found[known]
        return list(found.values())

    def _count(self, outcomes: Iterable[Appended], observed: Sequence[Told]) -> None:
        stored = sum(outcome.stored for outcome in outcomes)
        self._stats.commits.inc()
        self._stats.journaled.inc(stored)
        self._stats.duplicates.inc(sum(outcome.duplicates for outcome in outcomes))
        self._stats.conflicts.inc(sum(outcome.conflicts for outcome in outcomes))
        self._stats.skipped.inc(stored - len(observed))
        for dialect, number in Counter(each.observation.dialect for each in observed).items():
            self._stats.recognised.labels(dialect).inc(number)


def _end_of_journal(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The number of the next observation, and when the last span arrived (ns)."""
    ((number, received_ns),) = cursor.execute(query("journal.end")).fetchall()
    return int(number), int(received_ns)


def _keys_of(rows: Sequence[SpanRow]) -> list[Key]:
    return [key_of(row.trace_lo, row.span) for row in rows]


def _first_hashes(spans: Columns, known: dict[Identity, int]) -> list[int | None]:
    """For each span the payload hash of its identity, in `known` or in a span before; None where there is none."""
    first_hashes: list[int | None] = []
    identities = zip(spans["trace_hi"], spans["trace_lo"], spans["span"], strict=True)
    for identity, payload_hash in zip(identities, spans["payload_hash"], strict=True):
        first_hashes.append(known.get(identity))
        known.setdefault(identity, payload_hash)
    return first_hashes


def _outcomes(
    batch: Sequence[Submission], payload_hashes: Sequence[int], first_hashes: FirstHashes | None
) -> list[Appended]:
    """What became of the spans of each request."""
    if first_hashes is None:
        return [Appended(len(submission.spans)) for submission in batch]
    hashes = zip(payload_hashes, first_hashes, strict=True)
    return [_appended([*islice(hashes, len(submission.spans))]) for submission in batch]


def _appended(hashes: Sequence[tuple[int, int | None]]) -> Appended:
    """What became of spans, by the payload hash of each and that under which its identity came first."""
    repeated = [payload_hash == first_hash for payload_hash, first_hash in hashes if first_hash is not None]
    duplicates = sum(repeated)
    return Appended(len(hashes) - len(repeated), duplicates, len(repeated) - duplicates)
