"""Bills by their numbers: what most calls hold instead of rows of charges and meters.

Where every meter of a call follows from its columns of tokens, as it does when no two meters share one of them, what it
counted and what that costs is worked out when somebody asks (the views `charges` and `call_meters`). That spares six of
the eight rows of a usual call.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Final, NamedTuple

import duckdb

from spanledger_collector.ledger.arrow import MONEY_PLACES, Inserter, Target, Text
from spanledger_collector.ledger.sql import query
from spanledger_collector.pricing.bills import Bill
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS

__all__ = ["NumberedBills", "parts_of"]


class _Line(NamedTuple):
    """A row of `store.bill_lines`: the last four are None for a meter without a price."""

    bill: Annotated[int, "int32"]
    meter: Text
    part: Text
    unit: Text | None
    unit_price_usd: Annotated[Decimal, "money"] | None
    price_entry_id: Text | None
    priced_in: Annotated[int, "int32"] | None


_LINES: Final = Target.of("store.bill_lines", _Line)
_Said = tuple[tuple[str, str, str | None, Decimal | None, str | None], ...]
"""What the lines of a bill say, in the order of their meters."""


def parts_of(meters: Sequence[str]) -> dict[str, str] | None:
    """Which tokens of a call each of its meters counts; None where columns of tokens do not tell one from another."""
    parts = {meter: part for meter in meters if (part := _part_of(meter)) is not None}
    return parts if len(set(parts.values())) == len(meters) else None


def _part_of(meter: str) -> str | None:
    """The part of the input or output tokens that a meter belongs to, as `calls` and `store.parts` split them."""
    if meter in INPUT_METERS:
        return next((part for part in ("cache_read", "cache_write") if meter.startswith(part)), "input")
    if meter in OUTPUT_METERS:
        return "reasoning" if meter.startswith("reasoning") else "output"
    return None


class NumberedBills:
    """The bills of a ledger, and new ones, within transactions of the cursor's owner: `refresh` at the start of each,
    `write` after the last `number`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._inserter = Inserter(cursor, _LINES)
        self._numbers: dict[_Said, int] = {}
        self._last = 0
        self._new: list[_Line] = []

    def close(self) -> None:
        """Let go of the last batch."""
        self._inserter.close()

    def refresh(self) -> None:
        """Know what the ledger holds, which is less than was written where a transaction failed."""
        self._new.clear()
        ((last,),) = self._cursor.execute(query("bills.last")).fetchall()
        if last != self._last:
            lines = map(_Line._make, self._cursor.execute(query("bills.lines")).fetchall())
            self._numbers = {_said(tuple(some)): number for number, some in groupby(lines, itemgetter(0))}
            self._last = last

    def number(self, bill: Bill, meters: Sequence[str]) -> int | None:
        """The number of a bill of calls with these meters; None where these need rows."""
        parts = parts_of(meters)
        if not parts:
            return None
        lines = _lines(self._last + 1, bill, parts)
        number = self._numbers.setdefault(_said(lines), self._last + 1)
        if number > self._last:
            self._last = number
            self._new += lines
        return number

    def write(self) -> None:
        """Write the bills that are new."""
        self._inserter.insert(self._new)


def _lines(number: int, bill: Bill, parts: dict[str, str]) -> Sequence[_Line]:
    priced = {
        meter: (unit, Decimal(price).scaleb(-MONEY_PLACES), entry, number)
        for meter, unit, price, entry in zip(bill.meters, bill.units, bill.prices, bill.entries, strict=True)
    }
    return [_Line(number, meter, parts[meter], *priced.get(meter, (None, None, None, None))) for meter in sorted(parts)]


def _said(lines: Sequence[_Line]) -> _Said:
    return tuple([line[1:-1] for line in lines])
