"""Reading counts from span attributes: what is a count, what is a count in disguise, and what is not one."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, Self

from spanledger_collector.model import AttributeValue, Quantity

__all__ = ["LARGEST_COUNT", "Counter", "Counts", "read_count"]

LARGEST_COUNT: Final = 10**12
"""Counts from here on are taken for nonsense: no call has them, and the ledger's DECIMAL(18, 6) could not hold them."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?")


class Counter(NamedTuple):
    """An attribute that counts a meter, in whole units or (`fractional`, as seconds are) in parts of them."""

    meter: str
    attribute: str
    fractional: bool


@dataclass(slots=True)
class Counts:
    """What the attributes in `told` say: `quantities` by meter, `invalid` the attributes that hold no count, and
    `as_text` when a count came as text."""

    told: tuple[Counter, ...]
    quantities: dict[str, Quantity]
    invalid: list[str]
    as_text: bool = False

    @classmethod
    def of(cls, told: tuple[Counter, ...]) -> Self:
        """Nothing read yet."""
        return cls(told, {}, [])

    def attribute_of(self, meter: str) -> str:
        """The attribute that tells of a meter."""
        return next(counter.attribute for counter in self.told if counter.meter == meter)

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
