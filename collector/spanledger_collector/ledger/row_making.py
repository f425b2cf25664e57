"""From a call and what a price book says of it to the rows of the ledger."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Decimal
from operator import attrgetter
from struct import Struct
from typing import Final

from spanledger_collector.ledger.arrow import MONEY_PLACES
from spanledger_collector.ledger.rows import CallRow, CallRows, ChargeRow, MeterRow, SourceRow, json_text
from spanledger_collector.model import Call, Charge, Conditions, Pricing, Quantity, Source
from spanledger_collector.totals import totals_of

__all__ = ["EMPTY_MAP", "call_rows", "conditions_text", "flags_text", "map_text", "money_text", "money_units"]

_CONDITIONS: Final = tuple(field.name for field in fields(Conditions) if field.name != "service_tier")
_conditions_of: Final = attrgetter(*_CONDITIONS)
_UNCONDITIONAL: Final = (None,) * len(_CONDITIONS)
_MONEY_PLACES: Final = Decimal(1).scaleb(-MONEY_PLACES)
_QUANTITY_PLACES: Final = Decimal("1e-6")
_EMPTY_LIST: Final = "[]"
EMPTY_MAP: Final = "{}"
_ids: Final = Struct(">QQQ").unpack


def call_rows(call: Call, pricing: Pricing, *, revision: int, settled_ns: int) -> CallRows:
    """The rows of a call under a revision number."""
    call_id, meters, at = call.call_id, call.meters, call.started_ns
    return CallRows(
        _call_row(call, pricing, revision, settled_ns),
        tuple([_charge_row(call_id, revision, charge, at) for charge in pricing.charges]),
        tuple([MeterRow(call_id, revision, meter, _count(meters[meter]), at) for meter in sorted(meters)]),
        tuple([_source_row(call_id, revision, source, at) for source in call.sources]),
    )


def _call_row(call: Call, pricing: Pricing, revision: int, settled_ns: int) -> CallRow:
    tokens = totals_of(call.meters)
    cache_read, cache_write, reasoning = _parts(call.meters)
    attribution = call.attribution
    return CallRow(  # in the order of its columns: names would cost three times as much
        call.call_id,
        call.trace_id.hex(),
        call.span_id.hex(),
        call.started_ns,
        call.ended_ns,
        call.service,
        call.provider,
        call.operation,
        call.request_model,
        call.response_model,
        call.response_id,
        call.conditions.service_tier,
        call.error_type,
        call.usage_status,
        call.usage_evidence,
        pricing.status,
        json_text(pricing.reasons) if pricing.reasons else _EMPTY_LIST,
        _whole(tokens.input),
        _whole(cache_read),
        _whole(cache_write),
        _whole(tokens.output),
        _whole(reasoning),
        _whole((tokens.input or 0) + (tokens.output or 0)) if tokens != (None, None) else None,
        pricing.cost_usd,
        pricing.cost_low_usd,
        pricing.cost_high_usd,
        _money(call.reported_cost_usd),
        _money(call.emitter_cost_usd),
        attribution.user,
        attribution.org,
        attribution.session,
        attribution.workflow,
        attribution.feature,
        map_text(attribution.dimensions),
        call.dialect,
        len(call.sources),
        flags_text(call.flags, pricing.flags),
        revision,
        pricing.price_book,
        settled_ns,
        conditions_text(call.conditions),
    )


def _charge_row(call_id: str, revision: int, charge: Charge, started_ns: int) -> ChargeRow:
    return ChargeRow(
        call_id,
        revision,
        charge.meter,
        _count(charge.quantity),
        charge.unit,
        charge.unit_price_usd,
        charge.amount_usd,
        charge.price_entry_id,
        started_ns,
    )


def _source_row(call_id: str, revision: int, source: Source, started_ns: int) -> SourceRow:
    high, low, span = _ids(source.trace_id + source.span_id)
    return SourceRow(call_id, revision, high, low, span, source.part, source.reason, started_ns)


def flags_text(of_call: tuple[str, ...], of_price: tuple[str, ...]) -> str:
    """The flags of a call and of its price, each once, as JSON."""
    if not of_call and not of_price:
        return _EMPTY_LIST
    return json_text(list(dict.fromkeys((*of_call, *of_price))))


def map_text(texts: Mapping[str, str]) -> str:
    """An object of strings, as JSON."""
    return json_text(texts) if texts else EMPTY_MAP


def conditions_text(conditions: Conditions) -> str:
    """The conditions that are known, but for the tier, as JSON."""
    values: tuple[str | None, ...] = _conditions_of(conditions)
    if values == _UNCONDITIONAL:
        return EMPTY_MAP
    known = zip(_CONDITIONS, values, strict=True)
    return json_text({name: value for name, value in known if value is not None})


def _parts(meters: Mapping[str, Quantity]) -> tuple[Quantity | None, Quantity | None, Quantity | None]:
    """Tokens read from a cache, written to one and spent on reasoning, each with its parts (`cache_write_5m` ...);
    `None` when there is none of them."""
    cache_read: Quantity | None = None
    cache_write: Quantity | None = None
    reasoning: Quantity | None = None
    for meter, quantity in meters.items():
        if meter.startswith("cache_read"):
            cache_read = quantity if cache_read is None else cache_read + quantity
        elif meter.startswith("cache_write"):
            cache_write = quantity if cache_write is None else cache_write + quantity
        elif meter.startswith("reasoning"):
            reasoning = quantity if reasoning is None else reasoning + quantity
    return cache_read, cache_write, reasoning


def _whole(quantity: Quantity | None) -> int | None:
    return None if quantity is None else int(quantity)


def _money(amount: Decimal | None) -> Decimal | None:
    """USD with the twelve decimal places of the ledger, rounded half-even."""
    return None if amount is None else amount.quantize(_MONEY_PLACES, ROUND_HALF_EVEN)


def money_units(amount: Decimal | None) -> int | None:
    """USD as an integer of the last decimal place of the ledger, 1e-12 USD, rounded half-even."""
    return None if amount is None else int(amount.quantize(_MONEY_PLACES, ROUND_HALF_EVEN).scaleb(MONEY_PLACES))


def _count(quantity: Quantity) -> Quantity:
    """A count with the six decimal places of the ledger."""
    return quantity if type(quantity) is int else Decimal(quantity).quantize(_QUANTITY_PLACES, ROUND_HALF_EVEN)


def money_text(amount: Decimal | None) -> str | None:
    """USD as text with the twelve decimal places of the ledger."""
    return None if amount is None else format(amount.quantize(_MONEY_PLACES, ROUND_HALF_EVEN), "f")
