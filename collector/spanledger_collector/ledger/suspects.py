"""Which new observations may have to do with a settled one: told by filters in memory, which overlook none, so that the
questions to the ledger are asked for these few only.

Two observations tell of one call only where they share a response id or a trace, or are of two emitters at one time
(`ledger.neighbours` has the questions themselves).
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import duckdb

from spanledger_collector.journal.key_filter import GrowingFilter
from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.neighbours import IndexRow
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

    def among(self, rows: Sequence[IndexRow]) -> list[IndexRow]:
        """Those of new rows that may have to do with settled ones; perhaps more, never fewer."""
        if not rows:
            return []
        if self._meet_other_emitters(rows):
            return list(rows)
        places = set(self._traces.suspects([row.trace_lo for row in rows]))
        with_id = [place for place, row in enumerate(rows) if row.id_key is not None]
        places.update(with_id[found] for found in self._ids.suspects([rows[place].id_key or 0 for place in with_id]))
        return [rows[place] for place in sorted(places)]

    def add(self, rows: Sequence[IndexRow]) -> None:
        """Know these rows too, before they are stored: one too many does no harm, one too few would."""
        if rows:
            self._ids.add({row.id_key for row in rows if row.id_key is not None})
            self._traces.add([*{row.trace_lo for row in rows}])
            for dialect, times in _emitters(rows).items():
                self._emitters[dialect] = self._emitters.get(dialect, times).with_(*times)

    def _meet_other_emitters(self, rows: Sequence[IndexRow]) -> bool:
        """Whether observations of another emitter were settled that may be of the time of one of these."""
        return any(
            other != dialect and times.near(settled)
            for dialect, times in _emitters(rows).items()
            for other, settled in self._emitters.items()
        )


def _emitters(rows: Iterable[IndexRow]) -> dict[str, _Times]:
    """The times of the observations of each emitter."""
    found: dict[str, list[IndexRow]] = {}
    for row in rows:
        found.setdefault(row.dialect, []).append(row)
    return {
        dialect: _Times(min([row.started_at for row in some]), max([row.ended_at for row in some]))
        for dialect, some in found.items()
    }
