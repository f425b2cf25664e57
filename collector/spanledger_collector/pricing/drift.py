"""How two price books differ at a moment: what one lacks, and where they disagree about a price."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from spanledger_collector.pricing.book import PriceBook
from spanledger_collector.pricing.entries import PriceEntry
from spanledger_collector.pricing.plans import EXACT

__all__ = ["Difference", "drift"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One price of a thing in two books; `None` where a book has none. Prices are USD for one unit."""

    provider: str
    model: str
    meter: str
    conditions: str
    first: Decimal | None
    second: Decimal | None

    @property
    def ratio(self) -> Decimal | None:
        """The second price over the first, where both are known and the first is not zero."""
        return self.second / self.first if self.first and self.second is not None else None


def drift(first: PriceBook, second: PriceBook, at_ns: int) -> list[Difference]:
    """Every difference of the prices in force at a moment, sorted. A model is compared under its id in the first book
    and whatever the second book means by that name; what only the second book knows is listed under its own id."""
    found: list[Difference] = []
    seen: set[tuple[str, str]] = set()
    for provider, model in first.models():
        other = second.model_named(provider, model, at_ns)
        seen.add((provider, other or model))
        found += _compare(provider, model, first, second.entries_of(provider, other or model), at_ns)
    for provider, model in second.models():
        if (provider, model) not in seen and first.model_named(provider, model, at_ns) is None:
            found += _compare(provider, model, first, second.entries_of(provider, model), at_ns)
    return sorted(found, key=lambda one: (one.provider, one.model, one.meter, one.conditions))


def _compare(
    provider: str, model: str, first: PriceBook, others: tuple[PriceEntry, ...], at_ns: int
) -> Iterator[Difference]:
    one, two = _in_force(first.entries_of(provider, model), at_ns), _in_force(others, at_ns)
    for key in one.keys() | two.keys():
        if one.get(key) != two.get(key):
            yield Difference(provider, model, *key, one.get(key), two.get(key))


def _in_force(entries: tuple[PriceEntry, ...], at_ns: int) -> dict[tuple[str, str], Decimal]:
    """USD for one unit by meter and conditions, of the strongest layer that has it: `entries` begin with that."""
    active = [entry for entry in reversed(entries) if entry.active(at_ns)]
    return {(entry.meter, _conditions(entry)): EXACT.divide(entry.price, entry.per) for entry in active}


def _conditions(entry: PriceEntry) -> str:
    """`region=*` is left out: that a price holds everywhere is no condition."""
    parts = [f"{name}={value}" for name, value in entry.scope if value != "*"]
    if entry.above is not None:
        parts.append(f"input>{entry.above}")
    if entry.window is not None:
        parts.append(entry.window.text)
    return ";".join(parts)
