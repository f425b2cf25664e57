"""Reading counts from span attributes: what is a count, what is a count in disguise, and what is not one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, Self, cast

from spanledger_collector.dialects.names import TOTAL
from spanledger_collector.dialects.shapes import Names, Values, values_of
from spanledger_collector.dialects.usage import PLAIN
from spanledger_collector.model import AttributeValue, Quantity

__all__ = ["LARGEST_COUNT", "Counter", "Counters", "Counts", "read_count"]

LARGEST_COUNT: Final = 10**12
"""Counts from here on are taken for nonsense: no call has them, and the ledger's DECIMAL(18, 6) could not hold them."""

_WHOLE_NUMBERS: Final = frozenset({int})  # and not its subclass bool
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?")


class Counter(NamedTuple):
    """An attribute that counts a meter, in whole units or (`fractional`, as seconds are) in parts of them."""

    meter: str
    attribute: str
    fractional: bool


@dataclass(frozen=True, slots=True, eq=False)
class Counters:
    """Attributes that count, `told` one by one, what takes their `values` out of a span that has them, and what follows
    from which `meters` these are: `plain` where they are the few that `usage.plain` knows, `only_total` where nothing
    but all tokens together are counted, if anything."""

    told: tuple[Counter, ...]
    meters: Names
    values: Values
    plain: bool
    only_total: bool

    @classmethod
    def of(cls, told: tuple[Counter, ...]) -> Self:
        """What follows from these."""
        meters = tuple(counter.meter for counter in told)
        values = values_of(tuple(counter.attribute for counter in told))
        return cls(told, meters, values, PLAIN.issuperset(meters), {TOTAL}.issuperset(meters))


@dataclass(slots=True)
class Counts:
    """What the attributes of `counters` say: `quantities` by meter, `invalid` the attributes that hold no count, and
    `as_text` when a count came as text."""

    counters: Counters
    quantities: dict[str, Quantity]
    invalid: list[str]
    as_text: bool = False

    @classmethod
    def of(cls, counters: Counters, values: Sequence[AttributeValue]) -> Self:
        """What these values say."""
        if values and _WHOLE_NUMBERS.issuperset(map(type, values)):  # nearly always; all at once is quicker
            numbers = cast("Sequence[int]", values)
            if min(numbers) >= 0 and max(numbers) < LARGEST_COUNT:
                return cls(counters, dict(zip(counters.meters, numbers, strict=True)), [])
        counts = cls(counters, {}, [])
        for counter, value in zip(counters.told, values, strict=True):
            counts.add(counter, value)
        return counts

    def attribute_of(self, meter: str) -> str:
        """The attribute that tells of a meter."""
        return next(counter.attribute for counter in self.counters.told if counter.meter == meter)

    def add(self, counter: Counter, value: AttributeValue) -> None:
        """Read the value of an attribute."""
        quantity = read_count(value, fractional=counter.fractional)
        if quantity is None:
            self.invalid.append(counter.attribute)
        else:
            self.quantities[counter.meter] = quantity
            self.as_text = self.as_text or isinstance(value, str)


def read_count(value: AttributeValue, *, fractional: bool = False) -> Quantity | None:
    """Read a value as a count of whole units, or of parts of a unit when `fractional` (seconds); None for no count.

    Integers and whole floats count (some emitters send every number as a double), and so do integers written as text.
    Booleans, negative numbers, fractions of whole units, NaN and absurdly large numbers do not.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _within_range(value)
    if isinstance(value, float):
        return _from_text(format(Decimal(repr(value)).normalize(), "f"), fractional=fractional)
    return _from_text(value, fractional=fractional) if isinstance(value, str) else None


def _from_text(text: str, *, fractional: bool) -> Quantity | None:
    if _WHOLE.fullmatch(text):
        return _within_range(int(text))
    if fractional and _DECIMAL.fullmatch(text):
        return _within_range(Decimal(text))
    return None


def _within_range(quantity: Quantity) -> Quantity | None:
    return quantity if 0 <= quantity < LARGEST_COUNT else None
