"""From a call and what a price book says of it to the rows of the ledger."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spanledger_collector.ledger.rows import CallRow, CallRows, ChargeRow, MeterRow, SourceRow, json_text
from spanledger_collector.model import Call, Charge, Conditions, Pricing, Quantity
from spanledger_collector.settle.keys import totals_of

__all__ = ["call_rows", "money_text", "quantity_text", "repriced"]

_CONDITIONS: Final = tuple(field.name for field in fields(Conditions) if field.name != "service_tier")
_MONEY_PLACES: Final = Decimal("1e-12")
_QUANTITY_PLACES: Final = Decimal("1e-6")


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


def repriced(before: CallRows, pricing: Pricing, flags: list[str], settled_ns: int) -> CallRows:
    """The rows of a call under its next revision, with another price and everything else as it was."""
    rows = before.with_revision(before.call.revision + 1, settled_ns)
    call = rows.call._replace(
        price_status=pricing.status,
        price_reasons=json_text(pricing.reasons),
        cost_usd=money_text(pricing.cost_usd),
        cost_low_usd=money_text(pricing.cost_low_usd),
        cost_high_usd=money_text(pricing.cost_high_usd),
        flags=json_text(flags),
        price_book=pricing.price_book,
    )
    key = (call.call_id, call.revision)
    charges = tuple(_charge_row(key, charge, call.started_at) for charge in pricing.charges)
    return CallRows(call, charges, rows.meters, rows.sources)


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
        price_reasons=json_text(pricing.reasons),
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
        dimensions=json_text(call.attribution.dimensions),
        dialect=call.dialect,
        sources=len(call.sources),
        flags=json_text(list(dict.fromkeys((*call.flags, *pricing.flags)))),
        revision=revision,
        price_book=pricing.price_book,
        settled_at=settled_ns,
        conditions=json_text(conditions),
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
