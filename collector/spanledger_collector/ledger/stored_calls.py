"""Calls as the ledger holds them, each with its charges, meters and sources, as the rows that were written."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import duckdb

from spanledger_collector.ledger.arrow import Target
from spanledger_collector.ledger.rows import (
    CALL_METERS,
    CALL_SOURCES,
    CALLS,
    CHARGES,
    CallRow,
    CallRows,
    ChargeRow,
    MeterRow,
    SourceRow,
    all_of,
    returned,
)
from spanledger_collector.settle import ALONE

__all__ = ["body_of_call", "started_within", "stored_calls"]

_Row = TypeVar("_Row", ChargeRow, MeterRow, SourceRow)


class _Started(Protocol):
    @property
    def started_at(self) -> int: ...


def started_within(rows: Sequence[_Started]) -> dict[str, object]:
    """The parameters `first` and `last` of queries for rows of that time: DuckDB skips what lies outside."""
    started = [row.started_at for row in rows]
    return {"first": min(started), "last": max(started)}


def stored_calls(cursor: duckdb.DuckDBPyConnection, found: Sequence[Sequence[object]]) -> dict[str, CallRows]:
    """Complete the rows that a query for `calls` returned (all columns in their order, times as nanoseconds), by id."""
    calls = [CallRow._make(returned(CALLS, row)) for row in found]
    if not calls:
        return {}
    parameters = {"calls": [call.call_id for call in calls], **started_within(calls)}
    charges = _by_call(cursor, "charges", CHARGES, ChargeRow, parameters)
    meters = _by_call(cursor, "call_meters", CALL_METERS, MeterRow, parameters)
    sources = _by_call(cursor, "call_sources", CALL_SOURCES, SourceRow, parameters)
    return {
        call.call_id: CallRows(
            call, charges[call.call_id], meters[call.call_id], sources[call.call_id] or tuple(_own_source(call))
        )
        for call in calls
    }


def _own_source(call: CallRow) -> Iterator[SourceRow]:
    """The source of a call that has but one (`sql/009_sources.sql`)."""
    if call.sources == 1:
        high, low, span = (int(half, 16) for half in (call.trace_id[:16], call.trace_id[16:], call.span_id))
        part, reason = ALONE
        yield SourceRow(call.call_id, call.revision, high, low, span, part, reason, call.started_at)


def body_of_call(cursor: duckdb.DuckDBPyConnection, call_id: str) -> dict[str, Any]:
    """A call as history would keep it, were it superseded now; empty for one that is not there."""
    found = cursor.execute(all_of("rebuild.call", CALLS), {"call_id": call_id}).fetchall()
    rows = stored_calls(cursor, found).get(call_id)
    return {} if rows is None else json.loads(rows.body())


def _by_call(
    cursor: duckdb.DuckDBPyConnection, name: str, target: Target, row_type: type[_Row], parameters: dict[str, object]
) -> defaultdict[str, tuple[_Row, ...]]:
    by_call: defaultdict[str, tuple[_Row, ...]] = defaultdict(tuple)
    for values in cursor.execute(all_of(f"settling.{name}", target), parameters).fetchall():
        row = row_type(*returned(target, values))
        by_call[row.call_id] += (row,)
    return by_call
