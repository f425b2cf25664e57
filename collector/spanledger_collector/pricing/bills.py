"""Bills: what calls of one kind cost, worked out once and then multiplied as integers.

Calls are of one kind when they have the same names, conditions and meters, and fall in the same stretch of time and the
same tier. As `pricing.bulk`, of which bills are made, this says the same as `price`, to the last digit, or nothing:
what needs more than products is left to `price`. A property test compares the two. Pure.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Final

from spanledger_collector.alike import Alike, total
from spanledger_collector.model import Call, Conditions, Observation, PriceStatus, Quantity
from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.bulk import Product, Stretch, stretches
from spanledger_collector.pricing.engine import (
    AMOUNT_LIMIT,
    CACHE_REPLAY,
    INVALID_USAGE,
    QUANTITY_LIMIT,
    UNKNOWN_INCLUSIONS,
)
from spanledger_collector.pricing.plans import EXACT
from spanledger_collector.pricing.rules import INPUT_METERS

__all__ = ["IMPOSSIBLE", "Bill", "Bills"]

_PLACES: Final = 12
IMPOSSIBLE: Final = int(AMOUNT_LIMIT) * 10**_PLACES
"""What no call costs, in units of 1e-12 USD."""
_MOST_KINDS: Final = 5_000
"""Names come from the wire: without a limit, whoever invents names could fill the memory."""
_MOST_BILLS: Final = 200
_conditions_of: Final = attrgetter(*(field.name for field in fields(Conditions)))


@dataclass(frozen=True, slots=True, eq=False)
class Bill:
    """What calls of a kind cost: for each of `meters` (those with a price, in order) its unit, the price of one unit in
    units of 1e-12 USD and the price entry; `more` is how much dearer a unit may be, where one may. The rest is as in
    `Pricing`. Calls of one bill have the same names and conditions."""

    status: PriceStatus
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    prices: tuple[int, ...] = ()
    more: tuple[int, ...] = ()
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tier:
    """What holds above some input tokens, and the bills for it, by the meters that are not zero."""

    stretch: Stretch
    bills: dict[tuple[str, ...], Bill | None] = field(default_factory=dict[tuple[str, ...], Bill | None])


@dataclass(frozen=True, slots=True)
class _Kind:
    """Names and conditions: the moments (ns) from which on something holds, and of each the input tokens above which a
    tier does; and the bill of calls without usage."""

    moments: Sequence[int]
    above: Sequence[Sequence[int]]
    tiers: Sequence[Sequence[_Tier]]
    unmetered: Bill = field(default_factory=lambda: Bill("unpriced", ("unmetered",)))


class Bills:
    """The bills of one price book, each made when it is first asked for."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._kinds: dict[tuple[object, ...], _Kind] = {}

    def of(self, call: Call | Observation) -> Bill | None:
        """The bill of a call, or of an observation that is a call by itself; None for one that only `price` can price.
        What costs `IMPOSSIBLE` or more is for `price` too."""
        if call.reported_cost_usd is not None or (call.flags and not _are_harmless(call.flags)):
            return None
        kind, counted = self._kind_of(call), call.meters
        if call.usage_status == "unmetered" or not counted:
            return kind.unmetered if _are_whole(counted.values()) else None
        if not _are_whole(counted.values()):
            return None
        place = bisect_right(kind.moments, call.started_ns) - 1 if len(kind.moments) > 1 else 0
        tiers, tier = kind.tiers[place], 0
        if len(tiers) > 1:
            taken = sum([quantity for meter, quantity in counted.items() if meter in INPUT_METERS])
            tier = bisect_left(kind.above[place], taken) - 1
        return _bill_in(tiers[tier], tuple([meter for meter in counted if counted[meter]]))

    def of_all(self, alike: Alike[Call] | Alike[Observation]) -> Bill | None:
        """The bill that all these have, for a fraction of the time; None where they have several, or one has none: then
        `of` says which."""
        first = alike.first
        if {*alike.column("reported_cost_usd")} != {None} or not _are_harmless(first.flags):
            return None
        if not all(map(_are_whole_counts, alike.counts.values())):
            return None
        kind = self._kind_of(first)
        if first.usage_status == "unmetered" or not alike.counts:
            return kind.unmetered
        tier = _tier_of(kind, alike)
        return None if tier is None else _bill_in(tier, alike.nonzero)

    def _kind_of(self, call: Call | Observation) -> _Kind:
        key = call.provider, call.request_model, call.response_model, _conditions_of(call.conditions)
        return self._kinds.get(key) or self._new_kind(call, key)

    def _new_kind(self, call: Call | Observation, key: tuple[object, ...]) -> _Kind:
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        names = call.provider, call.request_model, call.response_model
        found = [[*some] for _, some in groupby(stretches(names, call.conditions, self._book), attrgetter("from_ns"))]
        kind = self._kinds[key] = _Kind(
            [some[0].from_ns for some in found],
            [[stretch.above for stretch in some] for some in found],
            [[_Tier(stretch) for stretch in some] for some in found],
        )
        return kind


def _are_harmless(flags: Iterable[str]) -> bool:
    """Whether none of the flags of a call changes what it costs."""
    return not any(
        flag == CACHE_REPLAY or flag in UNKNOWN_INCLUSIONS or flag.startswith(INVALID_USAGE) for flag in flags
    )


def _are_whole(quantities: Iterable[Quantity]) -> bool:
    """Whether all are integers that a call can have."""
    for quantity in quantities:  # noqa: SIM110 - `all` over a generator takes three times as long
        if type(quantity) is not int or not 0 <= quantity < QUANTITY_LIMIT:
            return False
    return True


def _are_whole_counts(quantities: Sequence[Quantity]) -> bool:
    """The same of many, for less."""
    return {*map(type, quantities)} == {int} and min(quantities) >= 0 and max(quantities) < QUANTITY_LIMIT


def _tier_of(kind: _Kind, alike: Alike[Call] | Alike[Observation]) -> _Tier | None:
    """The tier in which all calls of a kind are; None where they are in several."""
    place, tier = 0, 0
    if len(kind.moments) > 1:
        started = alike.column("started_ns")
        place, last = (bisect_right(kind.moments, at) - 1 for at in (min(started), max(started)))
        if place != last:
            return None
    if len(kind.tiers[place]) > 1:
        taken = total(alike.counts, INPUT_METERS) or (0,)
        tier, highest = (bisect_left(kind.above[place], tokens) - 1 for tokens in (min(taken), max(taken)))
        if tier != highest:
            return None
    return kind.tiers[place][tier]


def _bill_in(tier: _Tier, meters: tuple[str, ...]) -> Bill | None:
    """The bill of calls with these meters, none of which is zero, in a tier."""
    bill = tier.bills.get(meters)
    if bill is None and meters not in tier.bills:
        if len(tier.bills) >= _MOST_BILLS:
            tier.bills.clear()
        bill = tier.bills[meters] = _bill(tier.stretch, meters)
    return bill


def _bill(stretch: Stretch, counted: Iterable[str]) -> Bill | None:
    """What calls with these meters cost in a stretch."""
    if stretch.odd or stretch.has_rules:
        return None
    if stretch.plan is None:
        return Bill("unpriced", stretch.reasons, stretch.flags)
    products: dict[str, Product] = {}
    reasons: list[str] = []
    for meter in sorted(counted):
        said = stretch.meter(meter)
        if isinstance(said, str):
            reasons.append(said)
        elif said is None or not said.simple:
            return None
        else:
            products[meter] = said
    free = stretch.free and not reasons and all(product.free for product in products.values())
    settled: PriceStatus = "free" if free else "priced"
    incomplete: PriceStatus = "partial" if products else "unpriced"
    more = tuple(_in_last_place(product.more) for product in products.values())
    flags = (*stretch.flags, *(flag for product in products.values() for flag in product.flags))
    return Bill(
        status=incomplete if reasons else settled,
        reasons=tuple(reasons),
        flags=tuple(dict.fromkeys(flags)),
        meters=tuple(products),
        units=tuple(product.unit for product in products.values()),
        prices=tuple(_in_last_place(product.unit_price) for product in products.values()),
        more=more if any(more) else (),
        entries=tuple(product.price_entry_id for product in products.values()),
    )


def _in_last_place(price: Decimal) -> int:
    """A price in 1e-12 USD; those of a `Product` have no more places."""
    return int(EXACT.scaleb(price, _PLACES))
