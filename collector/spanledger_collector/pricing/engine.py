"""`price(call, book)`: charges, one for each meter, or the reason why there is none. Pure; decimal from count to
amount.

Each meter of a call is priced by itself: the meters are disjoint. The sum of the charges is the cost of the call to
the last digit. A meter without a price is named, never counted as nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from spanledger_collector.model import Call, Charge, PriceStatus, Pricing, Quantity
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.names import Resolved, Unresolved, resolve
from spanledger_collector.pricing.plans import ANY_METER, EXACT, MONEY_PLACES, Plan, Rate, make_plan
from spanledger_collector.pricing.rules import IMPLICIT_REQUEST, INPUT_METERS
from spanledger_collector.pricing.scopes import situation

__all__ = ["price"]

_ZERO: Final = Decimal(0)
_MEMO_LIMIT: Final = 20_000
"""Names come from the wire: without a limit, whoever invents names could fill the memory."""
_QUANTITY_LIMIT: Final = 10**12
_AMOUNT_LIMIT: Final = Decimal(10**6)
"""What the ledger's columns hold. A single call does not use a trillion tokens or cost a million dollars."""
_INVALID: Final = "invalid_usage"
_PLACES: Final = 12


def price(call: Call, book: PriceBook) -> Pricing:
    """What `book` says of `call`: status, charges, cost and what is not certain. The same for the same arguments,
    always."""
    invalid = _invalid(call)
    if invalid:
        return _without_charges(_INVALID, invalid, book)
    if call.usage_status == "unmetered" or not call.meters:
        return _without_charges("unpriced", ("unmetered",), book)
    plan = _plan(call, book)
    if not isinstance(plan, Plan):
        return _without_charges("unpriced", (plan.reason,), book)
    if plan.reasons:
        return _without_charges("unpriced", plan.reasons, book, plan.flags)
    return _priced(call, plan, book)


def _invalid(call: Call) -> tuple[str, ...]:
    flagged = tuple(flag for flag in call.flags if flag.startswith(_INVALID))
    return flagged or tuple(
        f"impossible_quantity:{meter}" for meter, quantity in sorted(call.meters.items()) if not _possible(quantity)
    )


def _possible(quantity: Quantity) -> bool:
    return Decimal(quantity).is_finite() and 0 <= quantity < _QUANTITY_LIMIT


def _without_charges(
    status: PriceStatus, reasons: tuple[str, ...], book: PriceBook, flags: tuple[str, ...] = ()
) -> Pricing:
    return Pricing(status, reasons, (), None, None, None, book.sha256, flags)


def _plan(call: Call, book: PriceBook) -> Plan | Unresolved:
    """The plan for the call, from the memo unless its name means different models at different times."""
    key = (call.provider, call.request_model, call.response_model, call.conditions)
    plan: Plan | Unresolved | None = book.memo.get(key)
    if plan is not None:
        return plan
    if len(book.memo) > _MEMO_LIMIT:
        book.memo.clear()
    resolved = resolve(call.provider, call.request_model, call.response_model, book, call.started_ns)
    plan = _plan_of(resolved, call, book) if isinstance(resolved, Resolved) else resolved
    if not resolved.dated:
        book.memo[key] = plan
    return plan


def _plan_of(resolved: Resolved, call: Call, book: PriceBook) -> Plan:
    provider, model = resolved.provider, resolved.model
    key = (provider.name, model, resolved.region, resolved.flags, call.conditions)
    plan: Plan | None = book.memo.get(key)
    if plan is None:
        at = situation(provider, call.conditions, resolved.region)
        plan = make_plan(provider, model, book.entries_of(provider.name, model), at)
        plan.flags = (*resolved.flags, *plan.flags)
        book.memo[key] = plan
    return plan


@dataclass(slots=True)
class _Bill:
    """What has been priced so far, and how much lower or higher it may be."""

    charges: list[Charge]
    reasons: list[str]
    flags: list[str]
    free: bool = True
    less: Decimal = _ZERO
    more: Decimal = _ZERO


def _priced(call: Call, plan: Plan, book: PriceBook) -> Pricing:
    at_ns = call.started_ns if plan.provider.priced_at == "start" else max(call.started_ns, call.ended_ns)
    meters = call.meters
    if IMPLICIT_REQUEST in plan.by_meter and IMPLICIT_REQUEST not in meters:
        meters = {**meters, IMPLICIT_REQUEST: 1}
    total = _total_input(meters) if plan.thresholds else 0
    rates = plan.slice_at(at_ns, total)
    bill = _Bill([], [], list(plan.flags))
    for meter in sorted(meters):
        quantity = meters[meter]
        if not quantity:
            continue
        rate = rates.get(meter)
        if rate is None:
            rate = rates[meter] = plan.rate(meter, at_ns, total)
        if isinstance(rate, str):
            bill.reasons.append(rate)
        else:
            _add(bill, meter, quantity, rate)
    if "cache_inclusion_unknown" in call.flags:
        _bound_cache_reading(bill, rates.get("input"), meters)
    return _result(bill, free=bill.free and ANY_METER in plan.by_meter, book=book)


def _total_input(meters: Mapping[str, Quantity]) -> int:
    return int(sum(quantity for meter, quantity in meters.items() if meter in INPUT_METERS))


def _add(bill: _Bill, meter: str, quantity: Quantity, rate: Rate) -> None:
    rule = rate.quantity_rule
    if rule is not None:
        counted = rule.applied(quantity)
        if counted != quantity:
            quantity = counted
            bill.flags.append(rule.flag)
    amount = _amount(rate, quantity)
    if rate.flags:
        bill.flags.extend(rate.flags)
    if rate.factor is None or rate.places > _PLACES or type(quantity) is not int:
        rounded = amount.quantize(MONEY_PLACES, context=EXACT)
        if rounded != amount:
            bill.flags.append("rounded")
        amount = rounded
    bill.charges.append(Charge(meter, quantity, rate.unit, rate.shown, amount, rate.entry.entry_id))
    bill.free = bill.free and rate.entry.meter == ANY_METER
    if rate.cheapest is not None:
        bill.less += amount - _amount(rate.cheapest, quantity)
    if rate.dearest is not None:
        bill.more += _amount(rate.dearest, quantity) - amount


def _amount(rate: Rate, quantity: Quantity) -> Decimal:
    """Quantity x price, exactly wherever the price of one unit is a finite decimal."""
    count = Decimal(quantity)
    if rate.factor is not None:
        return EXACT.multiply(rate.factor, count)
    return EXACT.divide(EXACT.multiply(rate.entry.price, count), Decimal(rate.entry.per))


def _bound_cache_reading(bill: _Bill, rate: Rate | str | None, meters: Mapping[str, Quantity]) -> None:
    """The emitter does not say whether its input count holds the cached tokens: the cost of the other reading is a
    bound."""
    if isinstance(rate, Rate):
        cached = sum(quantity for meter, quantity in meters.items() if meter.startswith("cache_"))
        bill.less += _amount(rate, min(cached, meters.get("input", 0)))
        bill.more += _amount(rate, cached)


def _result(bill: _Bill, *, free: bool, book: PriceBook) -> Pricing:
    charges = tuple(bill.charges)
    flags = tuple(dict.fromkeys(bill.flags))
    cost = _ZERO
    for charge in charges:
        cost = EXACT.add(cost, charge.amount_usd)
    if cost >= _AMOUNT_LIMIT:
        return _without_charges(_INVALID, ("impossible_amount",), book, flags)
    low = (cost - bill.less).quantize(MONEY_PLACES, context=EXACT) if bill.less else cost
    if bill.reasons:
        status: PriceStatus = "partial" if charges else "unpriced"
        return Pricing(status, tuple(bill.reasons), charges, None, low if charges else None, None, book.sha256, flags)
    high = (cost + bill.more).quantize(MONEY_PLACES, context=EXACT) if bill.more else cost
    return Pricing("free" if free else "priced", (), charges, cost, low, high, book.sha256, flags)
