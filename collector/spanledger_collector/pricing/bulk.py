"""Prices for many calls at once: for calls of the same names and conditions, what each meter costs in which stretch of
time and tier, so that a database can multiply. Pure.

It says the same as `price`, to the last digit, or nothing at all: what needs more than a product (rules about counts,
rounding, bounds, hours of the week) is left to `price`. A property test compares the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from spanledger_collector.model import Conditions
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.engine import Names, plan_at
from spanledger_collector.pricing.names import Unresolved
from spanledger_collector.pricing.plans import ANY_METER, EXACT, Plan, Rate
from spanledger_collector.pricing.rules import IMPLICIT_REQUEST

__all__ = ["Product", "Stretch", "stretches"]

_ALWAYS = -(2**63)
"""Before every moment that nanoseconds since the epoch can say in 64 bits."""


@dataclass(frozen=True, slots=True)
class Product:
    """A meter whose amount is quantity x `unit_price` (USD for one `unit`). It may be more by quantity x `more`; a
    `flag` says why."""

    unit: str
    unit_price: Decimal
    price_entry_id: str
    free: bool
    more: Decimal = Decimal(0)
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Calls that start at or after `from_ns` (until the next stretch) with more than `above` input tokens (until the
    next higher tier). `reasons` says why none of them has a price; else `meter` says what each meter costs. `odd`:
    they are for `price` alone. `free` and `flags` are as in a plan."""

    from_ns: int
    above: int
    odd: bool = False
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    free: bool = False
    plan: Plan | None = None

    def meter(self, name: str) -> Product | str | None:
        """What a meter costs, or the reason why it has no price; None for what `price` alone can say."""
        if self.plan is None:
            return None
        rate = self.plan.rate(name, self.from_ns, self.above + 1)
        if isinstance(rate, str):
            return rate
        return _product(rate)


def _product(rate: Rate) -> Product | None:
    """The rate as a product, where it is one without rounding."""
    dearest = rate.dearest or rate
    exact = all(one.exact and one.unit_price == one.shown for one in (rate, dearest))
    if not exact or rate.quantity_rule is not None or rate.cheapest is not None or len(rate.flags) > 1:
        return None
    more = EXACT.subtract(dearest.unit_price, rate.unit_price)
    return Product(rate.unit, rate.unit_price, rate.entry.entry_id, rate.free, more, next(iter(rate.flags), None))


def stretches(names: Names, conditions: Conditions, book: PriceBook) -> Iterator[Stretch]:
    """All stretches of time and tiers for calls of these names and conditions, the earliest and lowest first."""
    _, instants = plan_at(names, conditions, _ALWAYS, book)
    bounds: list[int | None] = [_ALWAYS, *instants, None]
    for start, end in pairwise(bounds):
        if start is not None:
            plan, _ = plan_at(names, conditions, start, book)
            yield from _of(plan, start, end)


def _of(plan: Plan | Unresolved, start: int, end: int | None) -> Iterator[Stretch]:
    if isinstance(plan, Unresolved):
        yield Stretch(start, -1, reasons=(plan.reason,))
    elif not plan.by_meter:
        yield Stretch(start, -1, reasons=plan.reasons, flags=plan.flags)
    elif plan.windows or plan.superseding or plan.provider.priced_at != "start" or IMPLICIT_REQUEST in plan.by_meter:
        yield Stretch(start, -1, odd=True)
    else:
        within = [instant for instant in plan.instants if instant > start and (end is None or instant < end)]
        for from_ns in (start, *within):
            for above in (-1, *plan.thresholds):
                yield Stretch(from_ns, above, flags=plan.flags, free=ANY_METER in plan.by_meter, plan=plan)
