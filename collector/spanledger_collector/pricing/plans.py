"""What a model costs under given conditions, worked out once from a book and then looked up.

A `Plan` is for one model under one set of conditions. Time, total input and hours of the week choose a `Slice` of it,
in which every meter has one rate. Both are kept in the book's memo.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import Final

from spanledger.meters import METER_BY_NAME
from spanledger_collector.pricing.entries import LAYERS, PriceEntry
from spanledger_collector.pricing.providers import Provider
from spanledger_collector.pricing.rules import FALLBACKS, QUANTITY_RULES, SUPERSEDED, UNCERTAIN, QuantityRule
from spanledger_collector.pricing.scopes import Situation, mismatch, specificity
from spanledger_collector.pricing.windows import Window

__all__ = ["ANY_METER", "EXACT", "MONEY_PLACES", "Plan", "Rate", "Slice", "make_plan"]

ANY_METER: Final = "*"
"""The meter of an entry that says: this model is free, whatever it counts. Its price is 0."""
_SIZE: Final = "search_context_size"
_SIZE_ASSUMED: Final = f"{_SIZE}_assumed_default"
"""The flag of a price that depends on a size that the call does not report: other sizes bound it."""
MONEY_PLACES: Final = Decimal("1e-12")
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Arithmetic with room for every product of a count and a price; independent of the caller's decimal context."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of a meter in a slice. `unit_price` is USD for one unit if that is a finite decimal (`exact`),
    otherwise near it; `shown` is it at 12 places. `plain` means that an amount is the product and nothing else.
    `cheapest` and `dearest` bound a price that the call does not say everything about."""

    entry: PriceEntry
    unit: str
    unit_price: Decimal
    exact: bool
    shown: Decimal
    flags: tuple[str, ...]
    quantity_rule: QuantityRule | None
    cheapest: "Rate | None"
    dearest: "Rate | None"
    plain: bool
    free: bool


Slice = dict[str, Rate | str]
"""Rate of each meter asked for so far, or the reason why it has none."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    entry: PriceEntry
    rank: tuple[int, int]
    any_value: int


@dataclass(slots=True)
class Plan:
    """The prices of a model that are for a call in its situation, by meter, best first. `reasons` says why there are
    none. `tiers` are the model's prices above a threshold, whatever situation they are for."""

    provider: Provider
    model: str
    by_meter: Mapping[str, tuple[_Ranked, ...]]
    variants: Mapping[str, tuple[PriceEntry, ...]]
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    superseding: tuple[tuple[str, frozenset[str]], ...]
    tiers: tuple[PriceEntry, ...]
    instants: tuple[int, ...]
    thresholds: tuple[int, ...]
    windows: tuple[Window, ...]
    slices: dict[tuple[int, int, tuple[bool, ...]], Slice]

    def slice_at(self, at_ns: int, total_input: int) -> Slice:
        """The slice in force at a moment (ns) for a request with that many input tokens."""
        hours = tuple([window.holds(at_ns) for window in self.windows]) if self.windows else ()
        key = (bisect_right(self.instants, at_ns), bisect_left(self.thresholds, total_input), hours)
        found = self.slices.get(key)
        if found is None:
            found = self.slices[key] = {}
        return found

    def rate(self, meter: str, at_ns: int, total_input: int) -> Rate | str:
        """The rate of a meter, or the reason why it has none."""
        for name in _billed_as(self.provider.name, self.model, meter):
            entry = self._best(name, at_ns, total_input)
            if isinstance(entry, str):
                return entry
            if entry is not None:
                tier = self._missed_tier(entry, at_ns, total_input)
                return (
                    self._rate(meter, entry, at_ns, total_input) if tier is None else f"no_price_above_{tier}:{meter}"
                )
        known = any(name in self.by_meter for name in _billed_as(self.provider.name, self.model, meter))
        return f"no_price_at_time:{meter}" if known else f"no_price_for_meter:{meter}"

    def _best(self, meter: str, at_ns: int, total_input: int) -> PriceEntry | str | None:
        """The strongest layer, then the conditions named exactly, then the highest threshold exceeded, then hours; of
        two that are alike in all this, the one that is for fewer calls, having fewer conditions of any value."""
        best: PriceEntry | None = None
        best_rank: tuple[int, ...] = ()
        tied = False
        for ranked in self.by_meter.get(meter, ()):
            entry = ranked.entry
            if not entry.active(at_ns) or (entry.above is not None and total_input <= entry.above):
                continue
            if entry.window is not None and not entry.window.holds(at_ns):
                continue
            above = -1 if entry.above is None else entry.above
            rank = (*ranked.rank, above, entry.window is not None, -ranked.any_value)
            if rank > best_rank:
                best, best_rank, tied = entry, rank, False
            elif rank == best_rank:
                tied = True
        return f"ambiguous:{meter}" if tied else best

    def _missed_tier(self, entry: PriceEntry, at_ns: int, total_input: int) -> int | None:
        """A threshold that the request exceeds, above which whoever set the price of these tokens has other prices,
        but none for this meter in this situation: the whole request is billed in that tier, so that the price below it
        is not the one."""
        exceeded = [
            tier.above
            for tier in self.tiers
            if tier.above is not None and tier.above < total_input and tier.layer == entry.layer and tier.active(at_ns)
        ]
        highest = max(exceeded, default=None)
        if highest is None or entry.unit != "token" or entry.above == highest or entry.meter == ANY_METER:
            return None
        return highest

    def _rate(self, meter: str, entry: PriceEntry, at_ns: int, total_input: int) -> Rate:
        doubt = UNCERTAIN.get(meter)
        if doubt is not None:
            cheaper, dearer = (
                [best for name in names if isinstance(best := self._best(name, at_ns, total_input), PriceEntry)]
                for names in (doubt.cheaper, doubt.dearer)
            )
            if cheaper or dearer:
                return _rate_of(meter, entry, (doubt.flag,), cheaper=cheaper, dearer=dearer)
        others = [e for e in self.variants.get(entry.meter, ()) if e.active(at_ns) and e.layer == entry.layer]
        return _rate_of(meter, entry, (_SIZE_ASSUMED,) if others else (), cheaper=others, dearer=others)


def _rate_of(
    meter: str,
    entry: PriceEntry,
    flags: tuple[str, ...] = (),
    *,
    cheaper: Sequence[PriceEntry] = (),
    dearer: Sequence[PriceEntry] = (),
) -> Rate:
    unit_price, exact = _unit_price(entry)
    shown = unit_price.quantize(MONEY_PLACES, context=EXACT)
    low = min(cheaper, key=_of_one, default=None)
    high = max(dearer, key=_of_one, default=None)
    rule = next((r for r in QUANTITY_RULES if r.provider == entry.provider and r.unit == entry.unit), None)
    all_flags = flags if exact and unit_price == shown else (*flags, "unit_price_rounded")
    return Rate(
        entry=entry,
        unit=entry.unit or (METER_BY_NAME[meter].unit if meter in METER_BY_NAME else "unit"),
        unit_price=unit_price,
        exact=exact,
        shown=shown,
        flags=all_flags,
        quantity_rule=rule,
        cheapest=_rate_of(meter, low) if low else None,
        dearest=_rate_of(meter, high) if high else None,
        plain=exact and unit_price == shown and not (all_flags or rule or low or high),
        free=entry.meter == ANY_METER,
    )


def _of_one(entry: PriceEntry) -> Decimal:
    return _unit_price(entry)[0]


def _unit_price(entry: PriceEntry) -> tuple[Decimal, bool]:
    """USD for one unit to 60 digits, and whether that is exact."""
    context = EXACT.copy()
    context.clear_flags()
    unit_price = context.divide(entry.price, entry.per)
    return unit_price, not context.flags[Inexact]


def _billed_as(provider: str, model: str, meter: str) -> Iterator[str]:
    yield meter
    for rule in FALLBACKS:
        here = not rule.providers or provider in rule.providers
        if rule.meter == meter and here and _model_name(model).startswith(rule.models):
            yield rule.priced_as
    yield ANY_METER


def _model_name(model: str) -> str:
    """The model's own name in an id of Amazon Bedrock: `us.anthropic.claude-...` is `claude-...`."""
    return model.rpartition("anthropic.")[2]


def make_plan(
    provider: Provider, model: str, entries: tuple[PriceEntry, ...], at: Situation, flags: tuple[str, ...]
) -> Plan:
    """Choose from a model's prices those that are for a call in this situation."""
    by_meter: dict[str, list[_Ranked]] = {}
    for entry in entries:
        exact = specificity(entry, at, provider.assumes)
        if exact is not None:
            any_value = sum(value == "*" for _, value in entry.scope)
            ranked = _Ranked(entry, (-LAYERS.index(entry.layer), exact), any_value)
            by_meter.setdefault(entry.meter, []).append(ranked)
    chosen = [ranked.entry for rows in by_meter.values() for ranked in rows]
    tiers = tuple(entry for entry in entries if entry.above is not None)
    dimensions = {name for entry in entries for name, value in entry.scope if value != "*"}
    unsaid = [dimension for dimension in at.absent if dimension.assumed and dimension.name in dimensions]
    return Plan(
        provider=provider,
        model=model,
        by_meter={meter: tuple(rows) for meter, rows in by_meter.items()},
        variants=_sizes(entries, at) if any(dimension.name == _SIZE for dimension in unsaid) else {},
        reasons=() if chosen else mismatch(entries, at),
        flags=(*flags, *(dimension.assumed for dimension in unsaid if dimension.name != _SIZE)),
        superseding=tuple((meter, names) for (who, meter), names in SUPERSEDED.items() if who == provider.name),
        tiers=tiers,
        instants=_instants((*chosen, *tiers)),
        thresholds=tuple(sorted({tier.above for tier in tiers if tier.above is not None})),
        windows=tuple({e.window.text: e.window for e in chosen if e.window is not None}.values()),
        slices={},
    )


def _instants(entries: tuple[PriceEntry, ...]) -> tuple[int, ...]:
    """The moments at which one of the prices begins or ceases to hold, in order."""
    return tuple(
        sorted({at for entry in entries for at in (entry.effective_from, entry.effective_to) if at is not None})
    )


def _sizes(entries: tuple[PriceEntry, ...], at: Situation) -> dict[str, tuple[PriceEntry, ...]]:
    """By meter, the prices that differ only in the search context size that the call does not report."""
    found: dict[str, list[PriceEntry]] = {}
    for entry in entries:
        size = dict(entry.scope).get(_SIZE)
        if size is not None and specificity(entry, at, {_SIZE: size}) is not None:
            found.setdefault(entry.meter, []).append(entry)
    return {meter: tuple(rows) for meter, rows in found.items()}
