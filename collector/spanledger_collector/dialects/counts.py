"""Reading counts from span attributes: what is a count, what is a count in disguise, and what is not one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, Self

from spanledger_collector.dialects.names import TOTAL
from spanledger_collector.dialects.usage import PLAIN
from spanledger_collector.model import Attributes, AttributeValue, Quantity

__all__ = ["LARGEST_COUNT", "LONGEST_FACT", "Counter", "Counters", "Counts", "is_usable", "read_count"]

LONGEST_FACT: Final = 4096
"""Characters. A longer text is no fact, whatever its name; the journal does not keep it either."""
LARGEST_COUNT: Final = 10**12
"""Counts from here on are taken for nonsense: no call has them, and the ledger's DECIMAL(18, 6) could not hold them."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?")


class Counter(NamedTuple):
    """An attribute that counts a meter, in whole units or (`fractional`, as seconds are) in parts of them."""

    meter: str
    attribute: str
    fractional: bool


@dataclass(frozen=True, slots=True, eq=False)
class Counters:
    """Attributes that count, and what follows from which meters these are: `plain` where they are the few that
    `usage.plain` knows, `only_total` where nothing but all tokens together are counted, if anything."""

    told: tuple[Counter, ...]
    plain: bool
    only_total: bool

    @classmethod
    def of(cls, told: tuple[Counter, ...]) -> Self:
        """What follows from these."""
        meters = {counter.meter for counter in told}
        return cls(told, meters <= PLAIN, meters <= {TOTAL})


@dataclass(slots=True)
class Counts:
    """What the attributes of `counters` say: `quantities` by meter, `invalid` the attributes that hold no count, and
    `as_text` when a count came as text."""

    counters: Counters
    quantities: dict[str, Quantity]
    invalid: list[str]
    as_text: bool = False

    @classmethod
    def of(cls, counters: Counters, attributes: Attributes) -> Self | None:
        """What these attributes say; None when one of them is not usable (`is_usable`)."""
        quantities: dict[str, Quantity] = {}
        for meter, attribute, _ in counters.told:
            value = attributes[attribute]
            if type(value) is int and 0 <= value < LARGEST_COUNT:  # nearly always
                quantities[meter] = value
            else:
                values = [attributes[counter.attribute] for counter in counters.told]
                return cls.of_any(counters, values) if all(map(is_usable, values)) else None
        return cls(counters, quantities, [])

    @classmethod
    def of_any(cls, counters: Counters, values: Sequence[AttributeValue]) -> Self:
        """What the values of these attributes say, whatever they are."""
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


def is_usable(value: AttributeValue) -> bool:
    """Whether an attribute says anything: one without value, with the empty text or with an overlong one does not."""
    return value is not None and not (isinstance(value, str) and not 0 < len(value) <= LONGEST_FACT)


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
