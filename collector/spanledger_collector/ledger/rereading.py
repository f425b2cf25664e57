"""The journal read again with today's dialects, into a ledger of its own that is settled from nothing."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

import duckdb
import msgspec
from msgspec.structs import replace

from spanledger_collector.dialects import HTTP_DIALECT, Reader
from spanledger_collector.journal.reading import StoredReading, decode_reading
from spanledger_collector.journal.rows import OBSERVATIONS, SPANS, ObservationRow
from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.rows import all_of
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Attributes, Observation, ReceivedSpan, Scope

__all__ = ["ROWS_AT_A_TIME", "copy_journal", "journal_rows", "read_again"]

ROWS_AT_A_TIME: Final = 4000
_attributes = msgspec.json.Decoder(dict[str, Any])


class Skeleton(NamedTuple):
    """What of a span is not in the row of its observation: all `None` when the skeleton is gone."""

    name: str | None
    kind: int | None
    status: int | None
    parent: int | None
    started_ns: int | None
    ended_ns: int | None


def journal_rows(cursor: duckdb.DuckDBPyConnection, until: int) -> Iterator[list[tuple[ObservationRow, Skeleton]]]:
    """The journal's observations up to a number, as they are stored, in their order, many at a time."""
    width = len(ObservationRow._fields)
    page = {"after": 0, "until": until, "limit": ROWS_AT_A_TIME}
    while found := cursor.execute(query("rebuild.journal"), page).fetchall():
        rows = [(ObservationRow._make(row[:width]), Skeleton._make(row[width:])) for row in found]
        yield rows
        page["after"] = rows[-1][0].seq


def read_again(row: ObservationRow, skeleton: Skeleton, reader: Reader) -> ObservationRow:
    """The row as today's dialects and attribution map read it. A span that is about no model call today is kept, with
    the role `ignored`; one whose skeleton is gone stays as it was read, and so does a request to a model host, which
    says nothing of a call. What was read before need not be readable."""
    span = _span(row, skeleton)
    if span is None or row.dialect == HTTP_DIALECT:
        return row
    stored = row.stored_reading
    now = reader.recognise(span) or replace(decode_reading(stored), role="ignored", rule="no_model_call")
    read = StoredReading.of(now)
    return row._replace(**(read._replace(reading=row.reading) if _says(stored, now) else read)._asdict())


def _says(stored: StoredReading, now: Observation) -> bool:
    """Whether a row says the same, if perhaps its text in another order: then it stays as it is."""
    try:
        return decode_reading(stored) == now
    except ValueError:  # as read by a release whose words we do not know
        return False


def _span(row: ObservationRow, skeleton: Skeleton) -> ReceivedSpan | None:
    name, kind, status, parent, started_ns, ended_ns = skeleton
    if name is None or kind is None or status is None or started_ns is None or ended_ns is None:
        return None
    attributes: Attributes = _attributes.decode(row.attributes)
    resource: Attributes = _attributes.decode(row.resource)
    return ReceivedSpan(
        trace_id=row.trace_hi.to_bytes(8) + row.trace_lo.to_bytes(8),
        span_id=row.span.to_bytes(8),
        parent_span_id=None if parent is None else parent.to_bytes(8),
        name=name,
        kind=kind,
        started_ns=started_ns,
        ended_ns=ended_ns,
        status=status,
        attributes=attributes,
        resource=resource,
        scope=Scope(row.scope_name, row.scope_version),
    )


def copy_journal(source: Ledger, copy: Ledger, until: int, reader: Reader) -> None:
    """Fill an empty ledger with the journal of another up to the observation `until`, read again, and with the
    skeletons that settling asks for. Where retention has forgotten the attributes, the reading stays what it was."""
    with closing(source.cursor()) as reading, closing(copy.cursor()) as writing:
        _copy_skeletons(reading, writing)
        ((_, stripped, _),) = reading.execute(query("retention.progress")).fetchall()
        with closing(Inserter(writing, OBSERVATIONS)) as observations:
            for rows in journal_rows(reading, until):
                observations.insert(
                    [row if row.seq <= stripped else read_again(row, skeleton, reader) for row, skeleton in rows]
                )


def _copy_skeletons(reading: duckdb.DuckDBPyConnection, writing: duckdb.DuckDBPyConnection) -> None:
    answer = reading.execute(all_of("rebuild.skeletons", SPANS))
    with closing(Inserter(writing, SPANS)) as spans:
        while rows := answer.fetchmany(ROWS_AT_A_TIME):
            spans.insert(rows)
