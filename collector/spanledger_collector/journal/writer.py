"""One transaction of the journal: what of a batch is new is stored, with what it says about model calls."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import NamedTuple

import duckdb

from spanledger_collector.journal.entries import Entry, joined
from spanledger_collector.journal.identity import Identity
from spanledger_collector.journal.known import Key, KnownSpans, keys_of
from spanledger_collector.journal.position import Position, note_position
from spanledger_collector.journal.rows import (
    CONFLICTS,
    OBSERVATIONS,
    SPANS,
    Columns,
    ConflictRow,
    SpanRow,
    Told,
    conflict_row,
    observation_columns,
    row_at,
)
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import transaction
from spanledger_collector.stats import Stats

__all__ = ["Writer"]

_EVER = (0, 2**63 - 2)
"""Every time that a TIMESTAMP_NS can hold, in ns (the last value means infinity)."""


FirstHashes = Sequence[int | None]


class _New(NamedTuple):
    """What of a batch is not stored yet: spans, what they tell, and conflicts."""

    spans: Columns
    told: Told
    conflicts: Sequence[ConflictRow]


class Writer:
    """Stores batches through one cursor, in one thread."""

    def __init__(self, ledger: Ledger, stats: Stats, handover: Handover | None = None) -> None:
        """`handover` is offered the observations of each transaction."""
        self._handover = handover
        self._cursor = ledger.cursor()
        self._stats = stats
        self._spans = Inserter(self._cursor, SPANS)
        self._observations = Inserter(self._cursor, OBSERVATIONS)
        self._conflicts = Inserter(self._cursor, CONFLICTS)
        self._next_seq, self._received_ns = _end_of_journal(self._cursor)
        self.known = KnownSpans(ledger)  # last: it starts a thread

    def commit(self, batch: Sequence[Entry], position: Position | None = None) -> None:
        """Bring the batch into the journal, whole or not at all, and note to which position of the intake that is.

        Raises duckdb.Error; then nothing of the batch is stored.
        """
        spans, told = joined([self._stamped(entry) for entry in batch])
        first_hashes = self._first_hashes(spans)
        new = self._new_of(spans, told, first_hashes)
        with transaction(self._cursor):
            self._insert(new, spans)
            if position is not None:
                note_position(self._cursor, position)
        first = self._next_seq
        self._next_seq += len(new.told.places)  # at once: they are used, whatever fails from here on
        self._hand_over(first, new.told)
        self._count(spans["payload_hash"], first_hashes, new.told)

    def close(self) -> None:
        """Let go of the cursor."""
        self.known.close()  # first: its thread must end whatever happens here
        for inserter in (self._spans, self._observations, self._conflicts):
            inserter.close()
        self._cursor.close()

    def _stamped(self, entry: Entry) -> Entry:
        """The entry with a time of arrival later than every one before, also when the clock was set back: settling asks
        by this time for the spans it has not seen."""
        self._received_ns = max(entry.received_ns, self._received_ns + 1)
        return entry._replace(columns={**entry.columns, "received_at": [self._received_ns] * entry.spans})

    def _first_hashes(self, spans: Columns) -> FirstHashes | None:
        """For each span the payload hash under which its identity came first, None where it comes now; None alone where
        all of them come now, as nearly always."""
        keys = keys_of(spans["trace_lo"], spans["span"])
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

    def _new_of(self, spans: Columns, told: Told, first_hashes: FirstHashes | None) -> _New:
        """What of the spans of a batch is not stored yet."""
        if first_hashes is None:
            return _New(spans, told, ())
        fresh = [first_hash is None for first_hash in first_hashes]
        new_spans = {name: [*compress(column, fresh)] for name, column in spans.items()}
        attributes = dict(zip(told.places, told.columns["attributes"], strict=True))
        return _New(new_spans, told.only(fresh), self._new_conflicts(spans, first_hashes, attributes))

    def _insert(self, new: _New, spans: Columns) -> None:
        """Insert what is new; `spans` are all of the batch, among which what is told has its places."""
        self._spans.insert_columns([*new.spans.values()])
        self._observations.insert_columns(observation_columns(self._next_seq, spans, new.told))
        self._conflicts.insert(new.conflicts)

    def _hand_over(self, first: int, told: Told) -> None:
        """Offer the observations, numbered from `first` on, to settling, unless they were read from the intake."""
        if self._handover is not None and told.observed is not None:
            self._handover.put(first, told.observed)

    def _new_conflicts(
        self, spans: Columns, first_hashes: FirstHashes, attributes: Mapping[int, str]
    ) -> list[ConflictRow]:
        """Conflicts that are not on record yet, each once. Of spans that tell of no call no attributes are kept."""
        found: dict[tuple[int, ...], ConflictRow] = {}
        for place, (payload_hash, first_hash) in enumerate(zip(spans["payload_hash"], first_hashes, strict=True)):
            if first_hash is not None and first_hash != payload_hash:
                row = row_at(spans, place)
                found[*row.identity, payload_hash] = conflict_row(row, first_hash, attributes.get(place, "{}"))
        if found:
            self._conflicts.load(list(found.values()))
            for known in self._cursor.execute(query("journal.known_conflicts")).fetchall():
                del found[known]
        return list(found.values())

    def _count(self, payload_hashes: Sequence[int], first_hashes: FirstHashes | None, new: Told) -> None:
        repeated = [
            payload_hash == first_hash
            for payload_hash, first_hash in zip(payload_hashes, first_hashes or (), strict=False)
            if first_hash is not None
        ]
        stored, duplicates = len(payload_hashes) - len(repeated), sum(repeated)
        self._stats.commits.inc()
        self._stats.journaled.inc(stored)
        self._stats.duplicates.inc(duplicates)
        self._stats.conflicts.inc(len(repeated) - duplicates)
        self._stats.skipped.inc(stored - len(new.places))
        for dialect, number in Counter(new.columns["dialect"]).items():
            self._stats.recognised.labels(dialect).inc(number)


def _end_of_journal(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The number of the next observation, and when the last span arrived (ns)."""
    ((number, received_ns),) = cursor.execute(query("journal.end")).fetchall()
    return int(number), int(received_ns)


def _keys_of(rows: Sequence[SpanRow]) -> list[Key]:
    return keys_of([row.trace_lo for row in rows], [row.span for row in rows])


def _first_hashes(spans: Columns, known: dict[Identity, int]) -> list[int | None]:
    """For each span the payload hash of its identity, in `known` or in a span before; None where there is none."""
    first_hashes: list[int | None] = []
    identities = zip(spans["trace_hi"], spans["trace_lo"], spans["span"], strict=True)
    for identity, payload_hash in zip(identities, spans["payload_hash"], strict=True):
        first_hashes.append(known.get(identity))
        known.setdefault(identity, payload_hash)
    return first_hashes
