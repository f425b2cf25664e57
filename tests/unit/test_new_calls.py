"""New calls as columns are the rows that are made of each call and its price, to the last digit."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.priced_calls import LIST, NOTHING_KNOWN, OWN_BOOK, calls_made

from spanledger_collector.ledger.arrow import Target
from spanledger_collector.ledger.new_calls import CallColumns, NewCalls
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.rows import CALL_TABLES
from spanledger_collector.ledger.runs import Runs
from spanledger_collector.model import Call
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.pricing.bills import Bill


def no_number(bill: Bill, meters: tuple[str, ...]) -> None:
    """Calls that need rows, all of them (for those with a bill: tests/collector/test_billed_calls)."""
    del bill, meters


@settings(deadline=None)
@given(calls=calls_made(), book=st.sampled_from([LIST, OWN_BOOK, NOTHING_KNOWN]))
def test_columns_say_what_the_rows_of_each_call_say(calls: list[Call], book: PriceBook) -> None:
    _check(calls, book)


def _check(calls: list[Call], book: PriceBook) -> None:
    made, expected = CallColumns(), CallColumns()
    NewCalls(book, no_number).fill(made, calls, 7)
    expected.add_rows([call_rows(call, price(call, book), revision=1, settled_ns=7) for call in calls])
    for target in CALL_TABLES:
        assert _rows(target, made) == _rows(target, expected)


COUNT = st.sampled_from([0, 0, 1, 7, 128_000, 200_000, 200_001, 272_001, 10**12, Decimal("2.5")])


@st.composite
def calls_alike_made(draw: st.DrawFn) -> list[Call]:
    """Many calls of a few kinds, that differ in counts, times and what they are said to have cost."""
    kinds = draw(calls_made())[:3]
    found: list[Call] = []
    for number in range(draw(st.integers(2, 30))):
        kind = draw(st.sampled_from(kinds))
        started = draw(st.sampled_from([kind.started_ns, kind.started_ns + 1, 1_735_000_000 * 10**9]))
        found.append(
            replace(
                kind,
                call_id=f"{number:032x}",
                span_id=number.to_bytes(8),
                meters={meter: draw(COUNT) for meter in kind.meters},
                started_ns=started,
                reported_cost_usd=draw(st.sampled_from([None] * 20 + [Decimal("0.01")])),
            )
        )
    return found


@settings(deadline=None)
@given(calls=calls_alike_made(), book=st.sampled_from([LIST, OWN_BOOK]))
def test_calls_of_one_kind_are_told_apart_where_their_prices_differ(calls: list[Call], book: PriceBook) -> None:
    _check(calls, book)


def _rows(target: Target, columns: CallColumns) -> Sequence[tuple[Any, ...]]:
    return sorted(zip(*map(_values, columns.of(target)), strict=True), key=repr)


def _values(column: Sequence[Any] | Runs) -> Sequence[Any]:
    """What the rows of a column hold, one by one."""
    if not isinstance(column, Runs):
        return column
    starts = [0, *column.ends]
    return [
        value for value, start, end in zip(column.values, starts, column.ends, strict=False) for _ in range(start, end)
    ]
