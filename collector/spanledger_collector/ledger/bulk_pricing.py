"""Pricing stored calls anew, a page of them at a time, by the database: it multiplies what `pricing.bulk` says of each
kind of call, compares with what is stored, and writes what differs. What is odd about a call is left to `price`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

import duckdb

from spanledger_collector.ledger.arrow import Inserter, Target, Text
from spanledger_collector.ledger.priced_calls import call_of
from spanledger_collector.ledger.queries.dimensions import Selection
from spanledger_collector.ledger.rows import json_text
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.transactions import transaction
from spanledger_collector.model import Call, Conditions, Pricing, Quantity
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.pricing.bulk import Product, Stretch, is_priced_at_end, stretches
from spanledger_collector.pricing.engine import (
    AMOUNT_LIMIT,
    CACHE_REPLAY,
    DOUBTS,
    FLAGS,
    INVALID_USAGE,
    REPORTED_APART,
    REPORTED_DIFFERS,
)
from spanledger_collector.pricing.rules import IMPLICIT_REQUEST, INPUT_METERS, SUPERSEDED

__all__ = ["CALLS_AT_A_TIME", "Page", "Pages"]

_WRITES: Final = (
    "keep_prices",
    "keep_charges",
    "forget_charges",
    "write_charges",
    "revise_meters",
    "write_meters",
    "revise_sources",
    "revise_calls",
)
CALLS_AT_A_TIME: Final = 100_000
_ODD_AT_A_TIME: Final = 20_000
_ROWS_AT_A_TIME: Final = 10_000
_Money = Annotated[Decimal, "money"]
_TextList = Annotated[str, "text_list"]


class _LineRow(NamedTuple):
    """A charge by `price`, as a row of `reprice_lines`, whose other columns stay empty."""

    call_id: Text
    meter: Text
    quantity: Annotated[Quantity, "quantity"]
    unit: Text
    unit_price_usd: _Money
    price_entry_id: Text
    amount_usd: _Money


class _OddRow(NamedTuple):
    """A row of `reprice_odd`."""

    call_id: Text
    status: Text
    reasons: _TextList
    flags: _TextList
    cost: _Money | None
    low: _Money | None
    high: _Money | None


_LINES: Final = Target.of("reprice_lines", _LineRow)
_ODD: Final = Target.of("reprice_odd", _OddRow)


class Page(NamedTuple):
    """Calls that started after one moment and until another (ns since the epoch)."""

    after: int
    until: int


class Pages:
    """The chosen calls, page by page: `price` a page, then ask for its `deltas` and `keep` it; in the end `write` what
    is kept, or `adjust`, in a transaction of the cursor's owner.

    Each page is priced in a transaction of its own: of a table that is made anew, DuckDB keeps the one before until the
    transaction ends, in memory as far as that goes.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, book: PriceBook, chosen: Selection) -> None:
        self._cursor = cursor
        self._book = book
        self._chosen = chosen
        self._by_end: list[str] = []
        self._kept: list[Page] = []
        with transaction(cursor):
            self._price_all_kinds()

    def __iter__(self) -> Iterator[Page]:
        """The pages in the order of time."""
        found = [moment for (moment,) in self._over("pages", {"size": CALLS_AT_A_TIME})]
        for after, until in pairwise([found[0] - 1, *found] if found else []):
            yield Page(after, until)

    def price(self, page: Page) -> int:
        """Say what the book says of each call of the page; how many calls that is."""
        with transaction(self._cursor):
            return self._price(page)

    def _price(self, page: Page) -> int:
        self._over(
            "chosen",
            {
                **page._asdict(),
                "price_flags": sorted(FLAGS),
                "input_meters": sorted(INPUT_METERS),
                "odd_flag": CACHE_REPLAY,
                "odd_prefix": INVALID_USAGE,
                "noted": [IMPLICIT_REQUEST, *sorted({meter for _, meter in SUPERSEDED})],
                "by_end": self._by_end,
            },
        )
        self._run("lines", page, implied=IMPLICIT_REQUEST)
        for flag, meter, part in DOUBTS:
            self._run("doubts", page, flag=flag, meter=meter, part=part)
        self._run("odd_answers")
        self._price_odd_calls(page)
        self._run("answers", page, reported_apart=REPORTED_APART, reported_differs=REPORTED_DIFFERS)
        ((count,),) = self._cursor.execute("SELECT count(*) FROM reprice_chosen").fetchall()
        return int(count)

    def deltas(self) -> list[tuple[Any, ...]]:
        """The rows of the query `reprice.deltas` about the page."""
        return self._run("deltas")

    def keep(self, page: Page) -> None:
        """Keep what differs, for `write` and `adjust`."""
        self._run("kept")
        ((differing,),) = self._run("keep_answers")
        if differing:
            self._run("keep_lines")
            self._kept.append(page)

    def write(self, now_ns: int, reason: str) -> None:
        """Give calls whose price differs a new revision; what it replaces goes to history. Closed periods stay."""
        for page in self._kept:
            for name in _WRITES:
                self._run(name, page, now=now_ns, reason=reason, book=self._book.sha256)

    def adjust(self, now_ns: int, by: str, reason: str) -> int:
        """Book the differences of calls in closed periods; how many."""
        said = {"now": now_ns, "by": by, "reason": reason, "book": self._book.sha256}
        return sum(int(count) for page in self._kept for (count,) in self._run("adjust", page, **said))

    def _run(self, name: str, page: Page | None = None, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a query with those of the parameters that it has."""
        text = query(f"reprice.{name}")
        given = {**(page._asdict() if page else {}), **parameters}
        used = {key: value for key, value in given.items() if f"${key}" in text}
        return self._cursor.execute(text, used).fetchall()

    def _over(self, name: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        """Run a query over the chosen calls."""
        text = query(f"reprice.{name}").replace("/*conditions*/", self._chosen.sql)
        return self._cursor.execute(text, {**self._chosen.parameters, **parameters}).fetchall()

    def _price_all_kinds(self) -> None:
        """Work out what calls of each names and conditions cost, before any call is looked at."""
        for name in ("times", "stretches", "meters"):
            self._run(name)
        self._over("signatures", {})
        used: dict[int, list[str]] = dict(self._over("signature_meters", {}))
        kinds = _Kinds()
        for signature, provider, request, answer, tier, said, first, last in self._run("all_signatures"):
            conditions: dict[str, str] = said or {}
            names = (provider, request, answer)
            if is_priced_at_end(provider):
                self._by_end.append(provider)
            for stretch in stretches(names, Conditions(service_tier=tier, **conditions), self._book, (first, last)):
                kinds.add(signature, stretch, used.get(signature, ()))
        _fill(self._cursor, "reprice_times", kinds.times)
        _fill(self._cursor, "reprice_stretches", kinds.stretches)
        _fill(self._cursor, "reprice_meters", kinds.meters)

    def _price_odd_calls(self, page: Page) -> None:
        self._run("odd_calls", amount_limit=AMOUNT_LIMIT)
        self._run("forget_odd_lines")
        found = self._run("odd_inputs", page)
        with closing(Inserter(self._cursor, _LINES)) as lines, closing(Inserter(self._cursor, _ODD)) as answers:
            for start in range(0, len(found), _ODD_AT_A_TIME):
                some = [call_of(row) for row in found[start : start + _ODD_AT_A_TIME]]
                said = [(call, price(call, self._book)) for call in some]
                lines.insert([row for call, pricing in said for row in _line_rows(call.call_id, pricing)])
                answers.insert([_odd_row(call, pricing) for call, pricing in said])


_DOUBTED: Final = tuple(meter for _, meter, _ in DOUBTS)
"""Meters whose price says how much more a call may cost, even where it has not counted any."""


class _Kinds:
    """The rows of `reprice_times`, `reprice_stretches` and `reprice_meters`."""

    def __init__(self) -> None:
        self.times: list[tuple[object, ...]] = []
        self.stretches: list[tuple[object, ...]] = []
        self.meters: list[tuple[object, ...]] = []

    def add(self, signature: int, stretch: Stretch, used: Sequence[str]) -> None:
        """Add a stretch of calls of a signature, with the meters that they have used."""
        number = len(self.stretches)
        self.times += [(number, signature, start, stretch.named_from, stretch.above) for start in stretch.starts]
        self.stretches.append((number, stretch.odd, list(stretch.reasons), list(stretch.flags), stretch.free))
        if stretch.plan is not None:
            implied = stretch.implied()
            for name in dict.fromkeys((*used, *_DOUBTED, *implied)):
                said = _columns(stretch.meter(name))
                self.meters.append((number, name, name in implied, stretch.superseded_by(name), *said))


def _columns(said: Product | str | None) -> tuple[object, ...]:
    """The columns of `reprice_meters` after the first four."""
    if not isinstance(said, Product):
        return said is None, said, *(None,) * 4, True, True, None, False, *(None,) * 6
    plain = said.simple and not (said.flags or said.more)
    prices = (format(said.unit_price, "f"), format(said.price, "f"), said.per, said.exact, plain)
    rule = (said.least, said.most, said.rule_flag)
    bounds = (format(said.less, "f"), format(said.more, "f"), list(said.flags))
    return False, None, said.unit, *prices, said.price_entry_id, said.free, *rule, *bounds


def _fill(cursor: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Bring rows into one of our temporary tables."""
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        columns = zip(*rows[start : start + _ROWS_AT_A_TIME], strict=True)
        values = {f"column_{number}": list(column) for number, column in enumerate(columns)}
        unnested = ", ".join(f"unnest(${name})" for name in values)
        cursor.execute(f"INSERT INTO {table} SELECT {unnested}", values)


def _line_rows(call_id: str, pricing: Pricing) -> Iterator[_LineRow]:
    for charge in pricing.charges:
        yield _LineRow(
            call_id,
            charge.meter,
            charge.quantity,
            charge.unit,
            charge.unit_price_usd,
            charge.price_entry_id,
            charge.amount_usd,
        )


def _odd_row(call: Call, pricing: Pricing) -> _OddRow:
    return _OddRow(
        call.call_id,
        pricing.status,
        json_text(pricing.reasons),
        json_text(list(dict.fromkeys((*call.flags, *pricing.flags)))),
        pricing.cost_usd,
        pricing.cost_low_usd,
        pricing.cost_high_usd,
    )
