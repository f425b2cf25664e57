"""`price(call, book)`: charges, one for each meter, or the reason why there is none. Pure; decimal from count to
amount.

Each meter of a call is priced by itself: the meters are disjoint. The sum of the charges is the cost of the call to
the last digit. A meter without a price is named, never counted as nothing.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from spanledger_collector.call_records import Call, Charge, Conditions, PriceStatus, Pricing, Quantity
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.names import Resolved, Unresolved, resolve
from spanledger_collector.pricing.plans import ANY_METER, EXACT, MONEY_PLACES, Plan, Rate, make_plan
from spanledger_collector.pricing.providers import DIMENSIONS
from spanledger_collector.pricing.rules import IMPLICIT_REQUEST, INPUT_METERS, QUANTITY_RULES, UNCERTAIN
from spanledger_collector.pricing.scopes import situation

__all__ = [
    "AMOUNT_LIMIT",
    "CACHE_REPLAY",
    "DOUBTS",
    "FLAGS",
    "INVALID_USAGE",
    "QUANTITY_LIMIT",
    "REPORTED_APART",
    "REPORTED_DIFFERS",
    "UNKNOWN_INCLUSIONS",
    "Names",
    "plan_at",
    "price",
]

Names = tuple[str, str | None, str | None]
"""Provider, model of the request, model of the answer."""

_ZERO: Final = Decimal(0)
CACHE_REPLAY: Final = "cache_replay"
"""The flag of a call that settling found to be an answer given again from a cache: no provider was asked, nothing is
owed."""
INVALID_USAGE: Final = "invalid_usage"
"""What flags of counts begin with that the dialect found impossible."""
INCLUSION_UNKNOWN: Final = "cache_inclusion_unknown"
"""The flag of a call whose emitter does not say whether its input count holds the cached tokens."""
REASONING_UNKNOWN: Final = "reasoning_inclusion_unknown"
"""The same of its output count and reasoning."""
DOUBTS: Final = ((INCLUSION_UNKNOWN, "input", "cache_"), (REASONING_UNKNOWN, "output", "reasoning"))
"""For each such flag the meter whose count is in doubt, and with what the parts' names begin."""
UNKNOWN_INCLUSIONS: Final = frozenset(flag for flag, _, _ in DOUBTS)
REPORTED_DIFFERS: Final = "reported_cost_differs"
"""The flag of a call whose provider says that it cost something else."""
REPORTED_APART: Final = Decimal("1e-9")
FLAGS: Final = frozenset(
    {
        "provider_assumed",
        REPORTED_DIFFERS,
        "rounded",
        "unit_price_rounded",
        *(dimension.assumed for dimension in DIMENSIONS if dimension.assumed),
        *(doubt.flag for doubt in UNCERTAIN.values()),
        *(rule.flag for rule in QUANTITY_RULES if rule.flag),
    }
)
"""The flags that only a price gives to a call: those that go when it is priced anew."""
_MEMO_LIMIT: Final = 5_000
_SLICE_LIMIT: Final = 200
"""Names of models and of meters come from the wire: without limits, whoever invents names could fill the memory."""
QUANTITY_LIMIT: Final = 10**12
AMOUNT_LIMIT: Final = Decimal(10**6)
"""What the ledger's columns hold. A single call does not use a trillion tokens or cost a million dollars."""


def price(call: Call, book: PriceBook) -> Pricing:
    """What `book` says of `call`: status, charges, cost and what is not certain. The same for the same arguments.

    The provider's own word on the cost is evidence: it changes nothing, but a difference is flagged.
    """
    pricing = _by_book(call, book)
    if call.reported_cost_usd is None or not _differs(call, call.reported_cost_usd, pricing.cost_usd):
        return pricing
    return replace(pricing, flags=(*pricing.flags, REPORTED_DIFFERS))


def _differs(call: Call, reported: Decimal, cost: Decimal | None) -> bool:
    """Whether ours and the provider's cost differ by more than rounding explains: a thousandth, or a billionth of a
    dollar."""
    if cost is None or CACHE_REPLAY in call.flags:
        return False
    told = reported.quantize(MONEY_PLACES, context=EXACT)
    apart = EXACT.abs(EXACT.subtract(told, cost))
    return apart > REPORTED_APART and EXACT.multiply(apart, 1000) > max(told, cost)


def _by_book(call: Call, book: PriceBook) -> Pricing:
    invalid = _invalid(call)
    if invalid:
        return _without_charges("invalid_usage", invalid, book)
    if CACHE_REPLAY in call.flags:
        return Pricing("priced", (), (), _ZERO, _ZERO, _ZERO, book.sha256, (CACHE_REPLAY,))
    if call.usage_status == "unmetered" or not call.meters:
        return _without_charges("unpriced", ("unmetered",), book)
    plan = _plan(call, book)
    if isinstance(plan, Unresolved):
        return _without_charges("unpriced", (plan.reason,), book)
    return _priced(call, plan, book) if plan.by_meter else _without_charges("unpriced", plan.reasons, book, plan.flags)


def _invalid(call: Call) -> tuple[str, ...]:
    """What the dialect found impossible, and counts that the ledger cannot hold."""
    flagged = [flag for flag in call.flags if flag.startswith(INVALID_USAGE)] if call.flags else []
    for meter, quantity in call.meters.items():
        finite = type(quantity) is int or Decimal(quantity).is_finite()
        if not finite or not 0 <= quantity < QUANTITY_LIMIT:
            flagged.append(f"impossible_quantity:{meter}")
    return tuple(flagged)


def _without_charges(
    status: PriceStatus, reasons: tuple[str, ...], book: PriceBook, flags: tuple[str, ...] = ()
) -> Pricing:
    return Pricing(status, reasons, (), None, None, None, book.sha256, flags)


@dataclass(frozen=True, slots=True)
class _Known:
    """What names and conditions came to, by the stretch of time between two instants."""

    instants: tuple[int, ...]
    plans: dict[int, Plan | Unresolved]


def _plan(call: Call, book: PriceBook) -> Plan | Unresolved:
    names = (call.provider, call.request_model, call.response_model)
    return plan_at(names, call.conditions, call.started_ns, book)[0]


def plan_at(
    names: Names, conditions: Conditions, at_ns: int, book: PriceBook
) -> tuple[Plan | Unresolved, tuple[int, ...]]:
    """The plan for calls of these names and conditions that start at a moment, or the reason why there is none; and
    the moments at which that may be another one. It is remembered for each stretch of time between two of these."""
    key = (*names, conditions)
    known: _Known | None = book.memo.get(key)
    if known is not None:
        plan = known.plans.get(bisect_right(known.instants, at_ns))
        if plan is not None:
            return plan, known.instants
    elif len(book.memo) > _MEMO_LIMIT:
        book.memo.clear()
    resolved = resolve(*names, book, at_ns)
    plan = _plan_of(resolved, conditions, book) if isinstance(resolved, Resolved) else resolved
    known = known or _Known(resolved.instants, {})
    known.plans[bisect_right(known.instants, at_ns)] = plan
    book.memo[key] = known
    return plan, known.instants


def _plan_of(resolved: Resolved, conditions: Conditions, book: PriceBook) -> Plan:
    provider, model = resolved.provider, resolved.model
    key = (provider.name, model, resolved.region, resolved.flags, conditions)
    plan: Plan | None = book.memo.get(key)
    if plan is None:
        at = situation(provider, conditions, resolved.region)
        plan = make_plan(provider, model, book.entries_of(provider.name, model), at, resolved.flags)
        book.memo[key] = plan
    return plan


@dataclass(slots=True)
class _Bill:
    """What has been priced so far, and how much lower or higher it may be."""

    flags: list[str]
    charges: list[Charge] = field(default_factory=list[Charge])
    reasons: list[str] = field(default_factory=list[str])
    cost: Decimal = _ZERO
    less: Decimal = _ZERO
    more: Decimal = _ZERO
    free: bool = True


def _priced(call: Call, plan: Plan, book: PriceBook) -> Pricing:
    at_ns = call.started_ns if plan.provider.priced_at == "start" else max(call.started_ns, call.ended_ns)
    meters = call.meters
    if plan.superseding or IMPLICIT_REQUEST in plan.by_meter:
        meters = _billed_meters(meters, plan)
    total = _total_input(meters) if plan.thresholds else 0
    rates = plan.slice_at(at_ns, total)
    bill = _Bill([*plan.flags])
    for meter in sorted(meters):
        quantity = meters[meter]
        if not quantity:
            continue
        rate = rates.get(meter) or plan.rate(meter, at_ns, total)
        if len(rates) < _SLICE_LIMIT:
            rates[meter] = rate
        if isinstance(rate, str):
            bill.reasons.append(rate)
        elif rate.plain and type(quantity) is int:
            amount = EXACT.multiply(rate.unit_price, quantity)
            bill.charges.append(Charge(meter, quantity, rate.unit, rate.shown, amount, rate.entry.entry_id))
            bill.cost = EXACT.add(bill.cost, amount)
        else:
            _add_special(bill, meter, quantity, rate)
        bill.free = bill.free and not isinstance(rate, str) and rate.free
    if call.flags:
        for flag, meter, part in DOUBTS:
            if flag in call.flags:
                _bound_reading(bill, rates.get(meter) or plan.rate(meter, at_ns, total), part, meters)
    return _result(bill, book, free=bill.free and ANY_METER in plan.by_meter)


def _billed_meters(meters: Mapping[str, Quantity], plan: Plan) -> Mapping[str, Quantity]:
    """The meters that are billed: without those for which the provider says another count, with a request's own
    fee."""
    gone = {name for meter, names in plan.superseding if meter in meters for name in names}
    billed = {meter: quantity for meter, quantity in meters.items() if meter not in gone}
    if IMPLICIT_REQUEST in plan.by_meter:
        billed.setdefault(IMPLICIT_REQUEST, 1)
    return billed


def _total_input(meters: Mapping[str, Quantity]) -> int:
    return int(sum(quantity for meter, quantity in meters.items() if meter in INPUT_METERS))


def _add_special(bill: _Bill, meter: str, quantity: Quantity, rate: Rate) -> None:
    """Add a charge that needs more than a product: a rule about the count, rounding, bounds or a flag."""
    rule = rate.quantity_rule
    if rule is not None and rule.applied(quantity) != quantity:
        quantity = rule.applied(quantity)
        bill.flags.append(rule.flag)
    exact = _amount(rate, quantity)
    amount = exact.quantize(MONEY_PLACES, context=EXACT)
    if amount != exact:
        bill.flags.append("rounded")
    bill.flags.extend(rate.flags)
    bill.charges.append(Charge(meter, quantity, rate.unit, rate.shown, amount, rate.entry.entry_id))
    bill.cost = EXACT.add(bill.cost, amount)
    if rate.cheapest is not None:
        bill.less = EXACT.add(bill.less, EXACT.subtract(amount, _amount(rate.cheapest, quantity)))
    if rate.dearest is not None:
        bill.more = EXACT.add(bill.more, EXACT.subtract(_amount(rate.dearest, quantity), amount))


def _amount(rate: Rate, quantity: Quantity) -> Decimal:
    """Quantity x price, exactly wherever the price of one unit is a finite decimal, else to 60 digits."""
    if rate.exact:
        return EXACT.multiply(rate.unit_price, quantity)
    return EXACT.divide(EXACT.multiply(rate.entry.price, quantity), rate.entry.per)


def _bound_reading(bill: _Bill, rate: Rate | str, part: str, meters: Mapping[str, Quantity]) -> None:
    """The emitter does not say whether a count holds its parts. It was read as the conventions have it, with the parts
    inside: had they been outside, so much more would be billed."""
    if isinstance(rate, Rate):
        quantity = sum(quantity for name, quantity in meters.items() if name.startswith(part))
        bill.more = EXACT.add(bill.more, _amount(rate, quantity))


def _result(bill: _Bill, book: PriceBook, *, free: bool) -> Pricing:
    cost, charges = bill.cost, tuple(bill.charges)
    flags = tuple(dict.fromkeys(bill.flags)) if bill.flags else ()
    if cost >= AMOUNT_LIMIT:
        return _without_charges("invalid_usage", ("impossible_amount",), book, flags)
    low = EXACT.subtract(cost, bill.less).quantize(MONEY_PLACES, context=EXACT) if bill.less else cost
    if bill.reasons:
        status: PriceStatus = "partial" if charges else "unpriced"
        return Pricing(status, tuple(bill.reasons), charges, None, low if charges else None, None, book.sha256, flags)
    high = EXACT.add(cost, bill.more).quantize(MONEY_PLACES, context=EXACT) if bill.more else cost
    return Pricing("free" if free else "priced", (), charges, cost, low, high, book.sha256, flags)
