"""Rows of the ledger's tables, as they are written and as they come back from the database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from spanledger_collector.ledger.arrow import Hex, Int64, Target, Text, Time, UInt64
from spanledger_collector.ledger.sql import query
from spanledger_collector.model import Quantity

__all__ = [
    "CALLS",
    "CALLS_WITH_BILL",
    "CALL_METERS",
    "CALL_SOURCES",
    "CALL_TABLES",
    "CHARGES",
    "HISTORY",
    "CallRow",
    "CallRows",
    "ChargeRow",
    "HistoryRow",
    "MeterRow",
    "SourceRow",
    "all_of",
    "json_text",
    "returned",
]

_Int32 = Annotated[int, "int32"]
_Money = Annotated[Decimal, "money"]
_Quantity = Annotated[Quantity, "quantity"]
_TextList = Annotated[str, "text_list"]
_TextMap = Annotated[str, "text_map"]

_encoder: Final = msgspec.json.Encoder(order="sorted")


class CallRow(NamedTuple):
    """A row of `calls`."""

    call_id: Hex
    trace_id: Hex
    span_id: Hex
    started_at: Time
    ended_at: Time
    service: Text
    provider: Text
    operation: Text
    request_model: Text | None
    response_model: Text | None
    response_id: Text | None
    service_tier: Text | None
    error_type: Text | None
    usage_status: Text
    usage_evidence: Text | None
    price_status: Text
    price_reasons: _TextList
    input_tokens: Int64 | None
    cache_read_tokens: Int64 | None
    cache_write_tokens: Int64 | None
    output_tokens: Int64 | None
    reasoning_tokens: Int64 | None
    total_tokens: Int64 | None
    cost_usd: _Money | None
    cost_low_usd: _Money | None
    cost_high_usd: _Money | None
    reported_cost_usd: _Money | None
    emitter_cost_usd: _Money | None
    user_id: Text | None
    org_id: Text | None
    session_id: Text | None
    workflow: Text | None
    feature: Text | None
    dimensions: _TextMap
    dialect: Text
    sources: _Int32
    flags: _TextList
    revision: _Int32
    price_book: Text
    settled_at: Time
    conditions: _TextMap


class ChargeRow(NamedTuple):
    """A row of `charges`, and of `charge_rows`."""

    call_id: Hex
    revision: _Int32
    meter: Text
    quantity: _Quantity
    unit: Text
    unit_price_usd: _Money
    amount_usd: _Money
    price_entry_id: Text
    started_at: Time | None


class MeterRow(NamedTuple):
    """A row of `call_meters`, and of `meter_rows`."""

    call_id: Hex
    revision: _Int32
    meter: Text
    quantity: _Quantity
    started_at: Time | None


class SourceRow(NamedTuple):
    """A row of `store.call_sources`, and of `store.source_rows`."""

    call_id: Hex
    revision: _Int32
    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    part: Text
    reason: Text
    started_at: Time | None


class HistoryRow(NamedTuple):
    """A row of `call_history`."""

    call_id: Hex
    revision: _Int32
    superseded_at: Time
    reason: Text
    body: Text


CALLS: Final = Target.of("calls", CallRow)
_SAID_ALIKE: Final = frozenset(
    {
        *("revision", "settled_at", "price_book", "bill", "price_status", "price_reasons", "flags"),
        *("provider", "request_model", "response_model", "service_tier", "conditions", "usage_status"),
        *("service", "operation", "dialect", "sources", "dimensions", "feature"),  # mostly
        *("error_type", "usage_evidence", "org_id", "workflow", "reported_cost_usd", "emitter_cost_usd"),  # mostly none
    }
)
"""What calls of a kind say alike, all of them or mostly."""
CALLS_WITH_BILL: Final = Target(CALLS.table, {**CALLS.columns, "bill": "int32"}, in_runs=_SAID_ALIKE)
"""Calls as they are written: one with a bill has no rows of charges and meters (`ledger.billed`). Whoever reads a call
gets these either way, and has no use for the number. Those of a kind are written one after the other."""
CHARGES: Final = Target.of("charge_rows", ChargeRow)
CALL_METERS: Final = Target.of("meter_rows", MeterRow)
CALL_SOURCES: Final = Target.of("store.source_rows", SourceRow)
CALL_TABLES: Final = (CALLS_WITH_BILL, CHARGES, CALL_METERS, CALL_SOURCES)
HISTORY: Final = Target.of("call_history", HistoryRow)

_PRICED: Final = frozenset(
    {"price_status", "price_reasons", "cost_usd", "cost_low_usd", "cost_high_usd", "price_book", "flags"}
)
_ABOUT_THE_ROW: Final = frozenset({"revision", "settled_at"})


@dataclass(frozen=True, slots=True)
class CallRows:
    """All rows of one call."""

    call: CallRow
    charges: tuple[ChargeRow, ...]
    meters: tuple[MeterRow, ...]
    sources: tuple[SourceRow, ...]

    def differing(self, other: "CallRows", *, priced: bool = True) -> tuple[str, ...]:
        """The columns in which two states of a call differ, and `charges`, `meters` or `sources` where these do.

        Revision and time of settling are not compared, prices and what follows from them only when `priced`.
        """
        left_out = _ABOUT_THE_ROW if priced else _ABOUT_THE_ROW | _PRICED
        found = [
            name
            for name, mine, theirs in zip(CallRow._fields, self.call, other.call, strict=True)
            if mine != theirs and name not in left_out
        ]
        parts = {
            "charges": (self.charges, other.charges) if priced else ((), ()),
            "meters": (self.meters, other.meters),
            "sources": (self.sources, other.sources),
        }
        found += [name for name, (mine, theirs) in parts.items() if _said(mine) != _said(theirs)]
        return tuple(dict.fromkeys(found))

    def says_the_same_as(self, other: "CallRows") -> bool:
        """Whether the two differ in nothing that was settled, nor, under the same price book, in what was priced.

        Another price book alone is no reason for a new revision: prices change on purpose (`reprice`), not because a
        late span made settling look at a call again.
        """
        return not self.differing(other, priced=self.call.price_book == other.call.price_book)

    def with_revision(self, revision: int, settled_ns: int) -> "CallRows":
        """The same under another revision number."""
        return CallRows(
            self.call._replace(revision=revision, settled_at=settled_ns),
            tuple(row._replace(revision=revision) for row in self.charges),
            tuple(row._replace(revision=revision) for row in self.meters),
            tuple(row._replace(revision=revision) for row in self.sources),
        )

    def body(self) -> str:
        """The call whole, as the JSON that history keeps."""
        return json_text(
            {
                **_texts(self.call._asdict()),
                "charges": [_texts(row._asdict()) for row in self.charges],
                "meters": _texts({row.meter: row.quantity for row in self.meters}),
                "sources": [row._asdict() for row in self.sources],
            }
        )


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """The values with decimals as text without an exponent."""
    return {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in values.items()}


def _said(rows: Sequence[ChargeRow] | Sequence[MeterRow] | Sequence[SourceRow]) -> list[tuple[object, ...]]:
    """What the rows say beside call and revision, in an order of its own."""
    return sorted(row[2:] for row in rows)


def json_text(value: object) -> str:
    """JSON with the keys in order, so that equal values are equal texts."""
    return _encoder.encode(value).decode()


def all_of(name: str, target: Target) -> str:
    """A named query with the columns of the table in the place that it leaves for them."""
    columns = (f"epoch_ns({column})" if kind == "time" else column for column, kind in target.columns.items())
    return query(name).replace("/*columns*/", ", ".join(columns))


def returned(target: Target, values: Sequence[object]) -> Iterator[Any]:  # typed by the row that is made of it
    """What a query returned for the columns of a table, as its rows hold it (times must come as nanoseconds)."""
    for kind, value in zip(target.columns.values(), values, strict=True):
        yield value if value is None or kind not in {"text_list", "text_map"} else json_text(value)
