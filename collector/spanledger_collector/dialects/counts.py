"""Reading one count from a span attribute: what is a count, what is a count in disguise, and what is not one."""

import re
from dataclasses import dataclass
from decimal import Decimal

from spanledger_collector.model import AttributeValue, Quantity

__all__ = ["LARGEST_COUNT", "Count", "read_count"]

LARGEST_COUNT = 10**12
"""Counts from here on are taken for nonsense: no call has them, and the ledger's DECIMAL(18, 6) could not hold them."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Count:
    """What one attribute says of a meter: `quantity` is `None` when it is no count; `as_text` when it came as text."""

    meter: str
    attribute: str
    quantity: Quantity | None
    as_text: bool = False


def read_count(meter: str, attribute: str, value: AttributeValue, *, fractional: bool = False) -> Count:
    """Read a value as a count of whole units, or of parts of a unit when `fractional` (seconds).

    Integers and whole floats count (some emitters send every number as a double), and so do integers written as text.
    Booleans, negative numbers, fractions of whole units, NaN and absurdly large numbers do not.
    """
    if isinstance(value, bool):
        return Count(meter, attribute, None)
    if isinstance(value, int):
        return Count(meter, attribute, _within_range(value))
    if isinstance(value, float):
        return Count(meter, attribute, _from_text(format(Decimal(repr(value)).normalize(), "f"), fractional=fractional))
    if isinstance(value, str):
        return Count(meter, attribute, _from_text(value, fractional=fractional), as_text=True)
    return Count(meter, attribute, None)


def _from_text(text: str, *, fractional: bool) -> Quantity | None:
    if _WHOLE.fullmatch(text):
        return _within_range(int(text))
    if fractional and _DECIMAL.fullmatch(text):
        return _within_range(Decimal(text))
    return None


def _within_range(quantity: Quantity) -> Quantity | None:
    return quantity if 0 <= quantity < LARGEST_COUNT else None
