"""Prices for many calls at once: for calls of the same names and conditions, what each meter costs in which stretch of
time and tier, so that a database can multiply. Pure.

It says the same as `price`, to the last digit, or nothing at all: the little that needs more than one rounded product
for each meter is left to `price`. A property test compares the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from spanledger_collector.call_records import Conditions
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.engine import Names, plan_at
from spanledger_collector.pricing.names import Unresolved
from spanledger_collector.pricing.plans import ANY_METER, EXACT, MONEY_PLACES, Plan, Rate
from spanledger_collector.pricing.providers import PROVIDER_BY_NAME
from spanledger_collector.pricing.rules import IMPLICIT_REQUEST

__all__ = ["Product", "Stretch", "Within", "is_priced_at_end", "stretches"]

Within = tuple[int, int]
"""The first and the last moment (ns since the epoch) at which one of the calls began or ended."""
ALWAYS: Final[Within] = (-(2**63), 2**63 - 2)
"""All moments that nanoseconds since the epoch can say in 64 bits."""
_HOURS_FOR_AT_MOST: Final = 20 * 366 * 86_400 * 10**9
"""Hours of the week are written out for so long a time (ns): a clock that is centuries off must not cost memory."""


@dataclass(frozen=True, slots=True)
class Product:
    """A meter whose amount is quantity x `price` / `per`, rounded half to even at 12 places; `exact` when a whole
    quantity needs no rounding. `least` and `most` bound the quantity that is billed: `rule_flag` says that it was
    changed. The amount may be less or more by quantity x `less` or `more`; `flags` say why.
    """

    unit: str
    unit_price: Decimal
    price: Decimal
    per: int
    exact: bool
    price_entry_id: str
    free: bool
    least: int | None = None
    most: int | None = None
    rule_flag: str | None = None
    flags: tuple[str, ...] = ()
    less: Decimal = Decimal(0)
    more: Decimal = Decimal(0)

    @property
    def simple(self) -> bool:
        """Whether a whole quantity costs quantity x `unit_price`, and at most `more` than that."""
        return self.exact and self.rule_flag is None and not self.less


@dataclass(frozen=True, slots=True)
class Stretch:
    """Calls at or after any of the moments `starts` (until another stretch has one) with more than `above` input
    tokens (until the next higher tier). `named_from`: since when their names mean what they mean then.

    `reasons` says why none of them has a price; else `meter` says what each meter costs. `odd`: they are for `price`
    alone. `free` and `flags` are as in a plan.
    """

    starts: tuple[int, ...]
    above: int
    named_from: int = ALWAYS[0]
    odd: bool = False
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    free: bool = False
    plan: Plan | None = None

    @property
    def from_ns(self) -> int:
        """The first moment of the stretch."""
        return self.starts[0]

    @property
    def has_rules(self) -> bool:
        """Whether the price depends on more than the start of a call and what each of its meters counts."""
        plan = self.plan
        return plan is not None and bool(
            plan.windows or plan.superseding or plan.provider.priced_at != "start" or IMPLICIT_REQUEST in plan.by_meter
        )

    def meter(self, name: str) -> Product | str | None:
        """What a meter costs, or the reason why it has no price; None for what `price` alone can say."""
        if self.plan is None:
            return None
        rate = self.plan.rate(name, self.from_ns, self.above + 1)
        return rate if isinstance(rate, str) else _product(rate)

    def implied(self) -> tuple[str, ...]:
        """What every call costs a price of, counted or not."""
        return (IMPLICIT_REQUEST,) if self.plan is not None and IMPLICIT_REQUEST in self.plan.by_meter else ()

    def superseded_by(self, name: str) -> str | None:
        """The meter that is billed instead of this one in calls that have both."""
        superseding = self.plan.superseding if self.plan is not None else ()
        return next((meter for meter, gone in superseding if name in gone), None)


def _product(rate: Rate) -> Product | None:
    """The rate as a product, where its price has no more places than money, and its bounds need no rounding."""
    price, rule = rate.entry.price, rate.quantity_rule
    bounds = [one for one in (rate.cheapest, rate.dearest) if one is not None]
    plain = all(_whole_exact(one) for one in (rate, *bounds))
    if price != price.quantize(MONEY_PLACES, context=EXACT) or (bounds and not plain):
        return None
    return Product(
        unit=rate.unit,
        unit_price=rate.shown,
        price=price,
        per=rate.entry.per,
        exact=_whole_exact(rate),
        price_entry_id=rate.entry.entry_id,
        free=rate.free,
        least=rule.minimum if rule else None,
        most=rule.maximum if rule else None,
        rule_flag=rule.flag if rule else None,
        flags=rate.flags,
        less=_apart(rate, rate.cheapest or rate),
        more=_apart(rate.dearest or rate, rate),
    )


def _whole_exact(rate: Rate) -> bool:
    return rate.exact and rate.unit_price == rate.shown


def _apart(dearer: Rate, cheaper: Rate) -> Decimal:
    return EXACT.subtract(dearer.unit_price, cheaper.unit_price)


def is_priced_at_end(provider: str) -> bool:
    """Whether the end of a call decides what it costs at a provider, by the name that the call has for it."""
    known = PROVIDER_BY_NAME.get(provider.strip().lower())
    return known is not None and known.priced_at == "end"


def stretches(names: Names, conditions: Conditions, book: PriceBook, within: Within = ALWAYS) -> Iterator[Stretch]:
    """All stretches of time and tiers for calls of these names and conditions within a time, the earliest and lowest
    first. Where hours of the week matter, that time must not be longer than some years."""
    first, last = within
    _, instants = plan_at(names, conditions, first, book)
    bounds = [ALWAYS[0], *instants, last + 1]
    for start, end in pairwise(bounds):
        if start <= last and end > first:
            plan, _ = plan_at(names, conditions, start, book)
            yield from _of(plan, start, max(start, first), min(end, last + 1))


def _of(plan: Plan | Unresolved, named_from: int, start: int, end: int) -> Iterator[Stretch]:
    """The stretches from `start` until `end`, in which the names mean the same."""
    if isinstance(plan, Unresolved):
        yield Stretch((start,), -1, named_from, reasons=(plan.reason,))
    elif not plan.by_meter:
        yield Stretch((start,), -1, named_from, reasons=plan.reasons, flags=plan.flags)
    elif (plan.superseding and plan.thresholds) or (plan.windows and end - start > _HOURS_FOR_AT_MOST):
        yield Stretch((start,), -1, named_from, odd=True)
    else:
        for starts in _times(plan, start, end):
            for above in (-1, *plan.thresholds):
                free = ANY_METER in plan.by_meter
                yield Stretch(starts, above, named_from, flags=plan.flags, free=free, plan=plan)


def _times(plan: Plan, start: int, end: int) -> Iterator[tuple[int, ...]]:
    """For each set of prices of the plan, the moments from which it holds."""
    within = [instant for instant in plan.instants if start < instant < end]
    for from_ns, until_ns in pairwise((start, *within, end)):
        found: dict[tuple[bool, ...], list[int]] = {}
        before: tuple[bool, ...] | None = None
        moments = {moment for window in plan.windows for moment in window.changes(from_ns, until_ns)}
        for moment in (from_ns, *sorted(moments)):
            open_now = tuple([window.holds(moment) for window in plan.windows])
            if open_now != before:
                found.setdefault(open_now, []).append(moment)
            before = open_now
        yield from map(tuple, found.values())
