"""Rows of the ledger's tables, made from calls and their prices, and from what the database returns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from spanledger_collector.ledger.arrow import Int64, Target, Text, Time, UInt64
from spanledger_collector.model import Call, Charge, Conditions, Pricing, Quantity
from spanledger_collector.settle.keys import totals_of

__all__ = [
    "CALLS",
    "CALL_METERS",
    "CALL_SOURCES",
    "CHARGES",
    "HISTORY",
    "CallRow",
    "CallRows",
    "ChargeRow",
    "HistoryRow",
    "MeterRow",
    "SourceRow",
    "call_rows",
    "money_text",
    "quantity_text",
    "returned",
]

_Int32 = Annotated[int, "int32"]
_Money = Annotated[str, "money"]
_Quantity = Annotated[str, "quantity"]
_TextList = Annotated[str, "text_list"]
_TextMap = Annotated[str, "text_map"]

_encoder: Final = msgspec.json.Encoder(order="sorted")
_MONEY_PLACES: Final = Decimal("1e-12")
_QUANTITY_PLACES: Final = Decimal("1e-6")


class CallRow(NamedTuple):
    """A row of `calls`."""

    call_id: Text
    trace_id: Text
    span_id: Text
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
    """A row of `charges`."""

    call_id: Text
    revision: _Int32
    meter: Text
    quantity: _Quantity
    unit: Text
    unit_price_usd: _Money
    amount_usd: _Money
    price_entry_id: Text
    started_at: Time | None


class MeterRow(NamedTuple):
    """A row of `call_meters`."""

    call_id: Text
    revision: _Int32
    meter: Text
    quantity: _Quantity
    started_at: Time | None


class SourceRow(NamedTuple):
    """A row of `store.call_sources`."""

    call_id: Text
    revision: _Int32
    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    part: Text
    reason: Text
    started_at: Time | None


class HistoryRow(NamedTuple):
    """A row of `call_history`."""

    call_id: Text
    revision: _Int32
    superseded_at: Time
    reason: Text
    body: Text


CALLS: Final = Target.of("calls", CallRow)
CHARGES: Final = Target.of("charges", ChargeRow)
CALL_METERS: Final = Target.of("call_meters", MeterRow)
CALL_SOURCES: Final = Target.of("store.call_sources", SourceRow)
HISTORY: Final = Target.of("call_history", HistoryRow)

_PRICED: Final = frozenset(
    {"price_status", "price_reasons", "cost_usd", "cost_low_usd", "cost_high_usd", "price_book", "flags"}
)
_CONDITIONS: Final = tuple(field.name for field in fields(Conditions) if field.name != "service_tier")
_ABOUT_THE_ROW: Final = frozenset({"revision", "settled_at"})


@dataclass(frozen=True, slots=True)
class CallRows:
    """All rows of one call."""

    call: CallRow
    charges: tuple[ChargeRow, ...]
    meters: tuple[MeterRow, ...]
    sources: tuple[SourceRow, ...]

    def says_the_same_as(self, other: "CallRows") -> bool:
        """Whether the two differ in nothing that was settled, nor, under the same price book, in what was priced.

        Another price book alone is no reason for a new revision: prices change on purpose (`reprice`), not because a
        late span made settling look at a call again.
        """
        same_book = self.call.price_book == other.call.price_book
        return _content(self, priced=same_book) == _content(other, priced=same_book)

    def body(self) -> str:
        """The call whole, as the JSON that history keeps."""
        return _json(
            {
                **self.call._asdict(),
                "charges": [row._asdict() for row in self.charges],
                "meters": {row.meter: row.quantity for row in self.meters},
                "sources": [row._asdict() for row in self.sources],
            }
        )


def _content(rows: CallRows, *, priced: bool) -> tuple[object, ...]:
    left_out = _ABOUT_THE_ROW if priced else _ABOUT_THE_ROW | _PRICED
    call = {name: value for name, value in rows.call._asdict().items() if name not in left_out}
    charges = sorted(row[2:] for row in rows.charges) if priced else []
    return call, charges, sorted(row[2:] for row in rows.meters), sorted(row[2:] for row in rows.sources)


def call_rows(call: Call, pricing: Pricing, *, revision: int, settled_ns: int) -> CallRows:
    """The rows of a call under a revision number."""
    key = (call.call_id, revision)
    at = call.started_ns
    return CallRows(
        _call_row(call, pricing, revision, settled_ns),
        tuple(_charge_row(key, charge, at) for charge in pricing.charges),
        tuple(MeterRow(*key, meter, quantity_text(call.meters[meter]), at) for meter in sorted(call.meters)),
        tuple(
            SourceRow(*key, *_halves(source.trace_id), int.from_bytes(source.span_id), source.part, source.reason, at)
            for source in call.sources
        ),
    )


def _call_row(call: Call, pricing: Pricing, revision: int, settled_ns: int) -> CallRow:
    tokens = totals_of(call.meters)
    conditions = {name: value for name in _CONDITIONS if (value := getattr(call.conditions, name)) is not None}
    return CallRow(
        call_id=call.call_id,
        trace_id=call.trace_id.hex(),
        span_id=call.span_id.hex(),
        started_at=call.started_ns,
        ended_at=call.ended_ns,
        service=call.service,
        provider=call.provider,
        operation=call.operation,
        request_model=call.request_model,
        response_model=call.response_model,
        response_id=call.response_id,
        service_tier=call.conditions.service_tier,
        error_type=call.error_type,
        usage_status=call.usage_status,
        usage_evidence=call.usage_evidence,
        price_status=pricing.status,
        price_reasons=_json(pricing.reasons),
        input_tokens=_whole(tokens.input),
        cache_read_tokens=_tokens(call.meters, "cache_read"),
        cache_write_tokens=_tokens(call.meters, "cache_write"),
        output_tokens=_whole(tokens.output),
        reasoning_tokens=_tokens(call.meters, "reasoning"),
        total_tokens=_whole((tokens.input or 0) + (tokens.output or 0)) if tokens != (None, None) else None,
        cost_usd=money_text(pricing.cost_usd),
        cost_low_usd=money_text(pricing.cost_low_usd),
        cost_high_usd=money_text(pricing.cost_high_usd),
        reported_cost_usd=money_text(call.reported_cost_usd),
        user_id=call.attribution.user,
        org_id=call.attribution.org,
        session_id=call.attribution.session,
        workflow=call.attribution.workflow,
        feature=call.attribution.feature,
        dimensions=_json(call.attribution.dimensions),
        dialect=call.dialect,
        sources=len(call.sources),
        flags=_json(list(dict.fromkeys((*call.flags, *pricing.flags)))),
        revision=revision,
        price_book=pricing.price_book,
        settled_at=settled_ns,
        conditions=_json(conditions),
    )


def _charge_row(key: tuple[str, int], charge: Charge, started_ns: int) -> ChargeRow:
    return ChargeRow(
        *key,
        charge.meter,
        quantity_text(charge.quantity),
        charge.unit,
        money_text(charge.unit_price_usd) or "0",
        money_text(charge.amount_usd) or "0",
        charge.price_entry_id,
        started_ns,
    )


def _halves(trace_id: bytes) -> tuple[int, int]:
    return int.from_bytes(trace_id[:8]), int.from_bytes(trace_id[8:])


def _tokens(meters: Mapping[str, Quantity], start: str) -> int | None:
    """The sum of a meter and its parts (`cache_write`, `cache_write_5m` ...), `None` when there is none of them."""
    found = [quantity for meter, quantity in meters.items() if meter.startswith(start)]
    return _whole(sum(found)) if found else None


def _whole(quantity: Quantity | None) -> int | None:
    return None if quantity is None else int(quantity)


def money_text(amount: Decimal | None) -> str | None:
    """USD with the twelve decimal places of the ledger, rounded half-even."""
    return None if amount is None else format(amount.quantize(_MONEY_PLACES, ROUND_HALF_EVEN), "f")


def quantity_text(quantity: Quantity) -> str:
    """A count with the six decimal places of the ledger."""
    return format(Decimal(quantity).quantize(_QUANTITY_PLACES, ROUND_HALF_EVEN), "f")


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def returned(target: Target, values: Sequence[object]) -> Iterator[Any]:  # typed by the row that is made of it
    """What a query returned for the columns of a table, as its rows hold it (times must come as nanoseconds)."""
    for kind, value in zip(target.columns.values(), values, strict=True):
        if isinstance(value, Decimal):
            yield format(value, "f")
        else:
            yield value if value is None or kind not in {"text_list", "text_map"} else _json(value)
