"""Which new observations may have to do with a settled one: told by filters in memory, which overlook none, so that the
questions to the ledger are asked for these few only.

Two observations tell of one call only where they share a response id or a trace, or are of two emitters at one time
(`ledger.neighbours` has the questions themselves).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

import duckdb

from spanledger_collector.journal.key_filter import GrowingFilter
from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.neighbours import IndexColumns, IndexRow
from spanledger_collector.ledger.sql import query
from spanledger_collector.settle.nodes import OVERLAP_SLACK_NS

__all__ = ["Suspects"]

_AT_ONCE: Final = 8192


class _Times(NamedTuple):
    """When the first of some observations started, and the last one ended (ns)."""

    first: int
    last: int

    def with_(self, first: int, last: int) -> "_Times":
        """The times of these and of others."""
        return _Times(min(self.first, first), max(self.last, last))

    def near(self, other: "_Times") -> bool:
        """Whether one of these may have been at the time of one of those."""
        return self.first <= other.last + OVERLAP_SLACK_NS and other.first <= self.last + OVERLAP_SLACK_NS


class Suspects:
    """Asks the ledger once, when it is made. Nothing else may write to `store.settle_index` meanwhile."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, ids: KnownIds) -> None:
        """Reads the traces that are there: a second or two for ten million observations."""
        self._ids = ids
        ((traces,),) = cursor.execute(query("settling.count_traces")).fetchall()
        self._traces = GrowingFilter(2 * int(traces))
        for keys in integers(cursor.sql(query("settling.traces"))):
            for start in range(0, len(keys), _AT_ONCE):  # in parts, so that other threads get their turn
                self._traces.add(keys[start : start + _AT_ONCE])
        found = cursor.execute(query("settling.emitters")).fetchall()
        self._emitters: dict[str, _Times] = {dialect: _Times(first, last) for dialect, first, last in found}

    def among(self, new: IndexColumns) -> list[IndexRow]:
        """Those of new rows that may have to do with settled ones; perhaps more, never fewer."""
        if self._meet_other_emitters(_emitters(new)):
            return list(new.rows())
        traces, ids = [*set(new.trace_lo)], new.id_key
        known = {traces[found] for found in self._traces.suspects(traces)}
        places = {place for place, trace in enumerate(new.trace_lo) if trace in known} if known else set[int]()
        places.update(place for place in self._ids.suspects([key or 0 for key in ids]) if ids[place] is not None)
        return [new.row(place) for place in sorted(places)]

    def add(self, new: IndexColumns) -> None:
        """Know these rows too, before they are stored: one too many does no harm, one too few would."""
        self._ids.add({key for key in new.id_key if key is not None})
        self._traces.add([*set(new.trace_lo)])
        for dialect, times in _emitters(new).items():
            self._emitters[dialect] = self._emitters.get(dialect, times).with_(*times)

    def _meet_other_emitters(self, emitters: Mapping[str, _Times]) -> bool:
        """Whether observations of another emitter were settled that may be of the time of one of these."""
        return any(
            other != dialect and times.near(settled)
            for dialect, times in emitters.items()
            for other, settled in self._emitters.items()
        )


def _emitters(new: IndexColumns) -> dict[str, _Times]:
    """The times of the observations of each emitter."""
    if len(set(new.dialect)) == 1:
        return {new.dialect[0]: _Times(min(new.started_at), max(new.ended_at))}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, dialect in enumerate(new.dialect):
        found[dialect].append(place)
    return {
        dialect: _Times(min([new.started_at[one] for one in places]), max([new.ended_at[one] for one in places]))
        for dialect, places in found.items()
    }
