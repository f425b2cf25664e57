"""Which observations must be settled together with new ones, found without reading the whole ledger.

Every rule of settling joins observations that overlap in time (one in the other, by response id, by usage), with one
exception: an answer from a cache repeats a response id at any later time. So the questions here are bounded by the
times of the observations at hand; only for a response id that was seen before, at another time, is the whole index
searched.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import duckdb

from spanledger_collector.journal.reading import READINGS, StoredReading, decode_reading
from spanledger_collector.ledger.arrow import Inserter, Int64, Target, Text, Time, UInt64
from spanledger_collector.ledger.kin import Placed, SpanKey, Spans, kin
from spanledger_collector.ledger.rows import all_of
from spanledger_collector.ledger.sql import query
from spanledger_collector.model import Observation
from spanledger_collector.settle.nodes import OVERLAP_SLACK_NS, Identity, Link
from spanledger_collector.settle.twins import APART_NS, CELL_NS, HANDED_OVER_NS, near_an_edge

__all__ = ["INDEX", "IndexColumns", "IndexRow", "Neighbourhood", "Neighbours", "repeated"]


class IndexRow(NamedTuple):
    """A row of `store.settle_index`."""

    seq: Int64
    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    started_at: Time
    ended_at: Time
    id_key: UInt64 | None
    answer_key: UInt64 | None
    twin_key: UInt64 | None
    dialect: Text
    model_key: UInt64 | None


class IndexColumns(NamedTuple):
    """Rows of `store.settle_index` as columns, in its order: thousands of them as few objects. Rows are made where one
    is looked at."""

    seq: Sequence[int]
    trace_hi: Sequence[int]
    trace_lo: Sequence[int]
    span: Sequence[int]
    started_at: Sequence[int]
    ended_at: Sequence[int]
    id_key: Sequence[int | None]
    answer_key: Sequence[int | None]
    twin_key: Sequence[int | None]
    dialect: Sequence[str]
    model_key: Sequence[int | None]

    def row(self, place: int) -> IndexRow:
        """One of the rows."""
        return IndexRow._make([column[place] for column in self])

    def at(self, places: Sequence[int]) -> Self:
        """Those at these places, in their order."""
        return self._make([[column[place] for place in places] for column in self])

    def rows(self) -> Iterator[IndexRow]:
        """All of them."""
        return map(IndexRow._make, zip(*self, strict=True))


_CLOSE: Final = {"cell": CELL_NS, "handed_over": HANDED_OVER_NS}
INDEX: Final = Target.of("store.settle_index", IndexRow)


@dataclass(slots=True)
class Neighbourhood:
    """Settled observations that new ones are settled together with, by `seq`. `repeated` are response ids known to come
    at several times, or just found to; `known_repeated` those of them that are on record."""

    rows: dict[int, IndexRow] = field(default_factory=dict[int, IndexRow])
    repeated: set[int] = field(default_factory=set[int])
    known_repeated: set[int] = field(default_factory=set[int])

    def add(self, rows: Iterable[IndexRow]) -> list[IndexRow]:
        """Add rows; those that were not there."""
        fresh = {row.seq: row for row in rows if row.seq not in self.rows}
        self.rows.update(fresh)
        return list(fresh.values())

    def disjoint_ids(self, fresh: IndexColumns) -> set[int]:
        """The response ids that came at times which do not overlap, in these observations and the new ones."""
        several = repeated([*fresh.id_key, *(row.id_key for row in self.rows.values())])
        if not several:
            return set()
        new = [fresh.row(place) for place, key in enumerate(fresh.id_key) if key in several]
        reach: dict[int, int] = {}
        found = set[int]()
        for row in sorted([*new, *self.rows.values()], key=lambda row: row.started_at):
            if row.id_key is None or row.id_key not in several:
                continue
            if row.started_at > reach.get(row.id_key, row.started_at):
                found.add(row.id_key)
            reach[row.id_key] = max(row.ended_at, reach.get(row.id_key, 0))
        return found


class Neighbours:
    """Asks the ledger through one cursor; the batch that it loads into the view of `INDEX` belongs to it."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, index: Inserter) -> None:
        self._cursor = cursor
        self._index = index

    def of(self, asking: Iterable[IndexRow], linked: Iterable[IndexRow], seen_ids: set[int]) -> Neighbourhood:
        """Everything settled that new observations (those `asking`, which are not in the index yet), and settled ones
        whose ancestry may have changed, have to do with.

        `seen_ids` are ids known to have been seen before, whose owners are searched for in the whole index.
        """
        found = Neighbourhood()
        frontier, first_round = [*asking, *found.add(linked)], True
        while frontier:
            self._index.load(frontier)
            on_record = {key for (key,) in self._cursor.execute(query("settling.repeated_keys")).fetchall()}
            repeated = on_record | seen_ids.intersection(row.id_key for row in frontier if row.id_key is not None)
            known = self._rows("settling.neighbours", **_bounds(frontier), **_CLOSE)
            if any(_is_compared_by_model(row) for row in frontier):
                known += self._of_model(frontier, first_round=first_round)
            if repeated - found.repeated:
                known += self._rows("settling.owners", keys=sorted(repeated - found.repeated))
            known += self._in_traces(frontier, found)  # last: it loads another batch
            found.repeated |= repeated
            found.known_repeated |= on_record
            frontier, first_round = found.add(known), False
        return found

    def _of_model(self, frontier: Sequence[IndexRow], *, first_round: bool) -> list[IndexRow]:
        bounds = {**_bounds(frontier), **_CLOSE, "apart": APART_NS}
        return self._rows("settling.neighbours_of_model", **bounds, first_round=first_round)

    def _in_traces(self, frontier: Sequence[IndexRow], found: Neighbourhood) -> list[IndexRow]:
        """What lies in a row of the batch or around one, of what is not found yet. Nothing else in a trace matters to
        it, however much there is."""
        bounds = {**_bounds(frontier), "slack": OVERLAP_SLACK_NS}
        near = [row for row in set(self._rows("settling.in_traces", **bounds)) if row.seq not in found.rows]
        if not near:
            return []
        traces = {row[1:3] for row in near}
        of = [row for row in frontier if row[1:3] in traces]
        self._index.load([*of, *near])
        return kin(near, [row[1:4] for row in of], self._ancestry([*of, *near]))

    def linked(self, since_ns: int) -> tuple[list[IndexRow], int]:
        """Settled observations that lie around spans which arrived since, or in them, and when the last of these
        arrived."""
        ((arrived, first, last),) = self._cursor.execute(query("settling.arrived"), {"since": since_ns}).fetchall()
        if arrived is None:
            return [], since_ns
        times = {"first": max(0, first - OVERLAP_SLACK_NS), "last": last + OVERLAP_SLACK_NS, "since": since_ns}
        near = self._rows("settling.linked", **times, slack=OVERLAP_SLACK_NS)
        if not near:
            return [], int(arrived)
        self._index.load(near)
        links: list[SpanKey] = self._cursor.execute(query("settling.links"), times).fetchall()
        found = kin(near, links, self._ancestry(near))
        in_trace = Counter([row[1:3] for row in found])
        return [row for row in found if in_trace[row[1:3]] > 1], int(arrived)

    def _ancestry(self, rows: Sequence[IndexRow]) -> Spans:
        """All spans in the traces of the rows, which are the batch, in their time."""
        answer = self._cursor.execute(query("settling.ancestry"), _bounds(rows)).fetchall()
        return {(high, low, span): Placed(*placed) for high, low, span, *placed in answer}

    def read(self, rows: Sequence[IndexRow]) -> list[Observation]:
        """The observations of the rows, in no order."""
        if not rows:
            return []
        self._index.load(rows)
        bounds = {"first": min(row.seq for row in rows), "last": max(row.seq for row in rows)}
        found = self._cursor.execute(all_of("settling.readings", READINGS), bounds).fetchall()
        return [decode_reading(StoredReading._make(columns)) for columns in found]

    def links(self, rows: Sequence[IndexRow]) -> dict[Identity, Link]:
        """The spans that lie between the rows of a trace, so that ancestry can be followed over them."""
        in_trace = Counter([(row.trace_hi, row.trace_lo) for row in rows])
        shared = [row for row in rows if in_trace[row.trace_hi, row.trace_lo] > 1]
        if not shared:
            return {}
        self._index.load(shared)
        found = self._cursor.execute(query("settling.between"), _bounds(shared)).fetchall()
        return {
            (high.to_bytes(8) + low.to_bytes(8), span.to_bytes(8)): Link(parent.to_bytes(8), started, ended)
            for high, low, span, parent, started, ended in found
        }

    def _rows(self, name: str, **parameters: object) -> list[IndexRow]:
        return [IndexRow._make(row) for row in self._cursor.execute(all_of(name, INDEX), parameters).fetchall()]


def repeated(keys: Sequence[int | None]) -> set[int]:
    """The keys that come more than once, as hardly any does: to see that none does costs a tenth of counting them."""
    distinct = set(keys)
    if len(distinct) - (None in distinct) == len(keys) - keys.count(None):
        return set()
    return {key for key, times in Counter(keys).items() if times > 1 and key is not None}


def _is_compared_by_model(row: IndexRow) -> bool:
    """Whether a row asks for more of its model than those without counts in its own cell of time."""
    return row.model_key is not None and (row.twin_key is None or near_an_edge(row.started_at))


def _bounds(rows: Sequence[IndexRow]) -> dict[str, int]:
    """The time within which whatever overlaps the rows must lie."""
    return {
        "first": max(0, min(row.started_at for row in rows) - OVERLAP_SLACK_NS),
        "last": max(row.ended_at for row in rows) + OVERLAP_SLACK_NS,
    }
