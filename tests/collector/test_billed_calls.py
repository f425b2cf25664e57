"""Calls that hold the number of a bill instead of rows: who asks gets the charges and meters that rows would say."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.priced_calls import LIST, NOTHING_KNOWN, OWN_BOOK, calls_made
from tests.unit.pricing_cases import make_call

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.billed import parts_of
from spanledger_collector.ledger.neighbours import INDEX
from spanledger_collector.ledger.revisions import Changes, Revisions, transaction
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.rows import CALLS, CallRows, all_of
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.stored_calls import stored_calls
from spanledger_collector.model import Call, Source
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.settle import ALONE

_SOURCES = """
SELECT call_id, revision, trace_hi, trace_lo, span, part, reason, epoch_ns(started_at)
FROM store.call_sources SEMI JOIN call_sources USING (call_id, revision, part, reason) ORDER BY ALL
"""


@contextmanager
def writing(ledger: Ledger, book: PriceBook) -> Generator[Revisions]:
    """What writes calls to the ledger, in a transaction."""
    with (
        closing(ledger.cursor()) as cursor,
        closing(Inserter(cursor, INDEX)) as index,
        closing(Revisions(cursor, index, book)) as revisions,
        transaction(cursor),
    ):
        yield revisions


def settle(ledger: Ledger, calls: list[Call], book: PriceBook) -> None:
    with writing(ledger, book) as revisions:
        revisions.apply(Changes(new=calls), 1)


def stored(ledger: Ledger) -> dict[str, CallRows]:
    with closing(ledger.cursor()) as cursor:
        found = cursor.execute(all_of("rebuild.calls_from", CALLS), {"after": "", "limit": 10_000}).fetchall()
        return stored_calls(cursor, found)


def asked(ledger: Ledger, sql: str) -> list[Any]:
    with closing(ledger.cursor()) as cursor:
        return cursor.execute(sql).fetchall()


def usual(number: int, model: str = "gpt-4o", **meters: int) -> Call:
    """A call that needs no rows."""
    call = make_call("openai", model, {**(meters or {"input": 1000 + number, "cache_read": 7, "output": 5})})
    source = Source(bytes(16), number.to_bytes(8), *ALONE)
    return replace(call, call_id=f"{number:032x}", span_id=number.to_bytes(8), sources=(source,))


@settings(max_examples=30, deadline=None)
@given(calls=calls_made(), book=st.sampled_from([LIST, OWN_BOOK, NOTHING_KNOWN]))
def test_what_is_read_is_what_rows_of_each_call_say(calls: list[Call], book: PriceBook) -> None:
    with TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.duckdb") as ledger:
        settle(ledger, calls, book)
        found = stored(ledger)
        for call in calls:
            rows, expected = found[call.call_id], call_rows(call, price(call, book), revision=1, settled_ns=1)
            assert expected.differing(rows) == ()
            assert sorted(rows.charges) == sorted(expected.charges), "unit, price and entry too"
            assert sorted(rows.meters) == sorted(expected.meters)
            assert sorted(rows.sources) == sorted(expected.sources)
        said = [row for rows in found.values() for row in rows.sources]
        assert asked(ledger, _SOURCES) == sorted(said), "as the view has it"
        assert asked(ledger, "SELECT sum(len(charges)) FROM usage") == asked(
            ledger, "SELECT nullif(count(*), 0) FROM charges"
        )


@pytest.mark.parametrize(
    ("view", "table"),
    [("charges", "charge_rows"), ("call_meters", "meter_rows"), ("store.call_sources", "store.source_rows")],
)
def test_views_have_the_columns_of_the_rows(db: Path, view: str, table: str) -> None:
    described = "SELECT column_name, column_type FROM (DESCRIBE {})"
    with Ledger.open(db) as ledger:
        assert asked(ledger, described.format(view)) == asked(ledger, described.format(table))


def test_only_counts_that_no_column_tells_apart_need_rows(db: Path) -> None:
    with Ledger.open(db) as ledger:
        settle(
            ledger,
            [
                usual(1),
                usual(2, input=9, output=0),
                usual(3, input=9, cache_write_5m=1, cache_write_1h=2, output=3),
                usual(4, input=9, web_search=1, output=3),
                usual(5, "unheard-of"),
            ],
            LIST,
        )
        by_row = "SELECT CAST(call_id AS BIGINT), count(*) FROM {} GROUP BY ALL ORDER BY ALL"
        assert asked(ledger, by_row.format("meter_rows")) == [(3, 4), (4, 3)]
        assert asked(ledger, by_row.format("call_meters")) == [(1, 3), (2, 2), (3, 4), (4, 3), (5, 3)]
        without_price = "SELECT CAST(call_id AS BIGINT) FROM calls ANTI JOIN charges USING (call_id, revision)"
        assert asked(ledger, without_price) == [(5,)], "no price is no charge, and not one of zero"


@pytest.mark.parametrize(
    ("meters", "parts"),
    [
        (("input", "cache_read", "output"), {"input": "input", "cache_read": "cache_read", "output": "output"}),
        (("input_audio", "reasoning"), {"input_audio": "input", "reasoning": "reasoning"}),
        (("cache_write_1h", "output_image"), {"cache_write_1h": "cache_write", "output_image": "output"}),
        (("input", "input_audio"), None),
        (("cache_write_5m", "cache_write_1h"), None),
        (("input", "request"), None),
        (("cache_read_of_a_kind",), None),
    ],
)
def test_a_meter_is_a_part_of_the_tokens_that_no_other_shares(
    meters: tuple[str, ...], parts: dict[str, str] | None
) -> None:
    assert parts_of(meters) == parts


def test_a_bill_is_written_once_and_known_after_a_restart(db: Path) -> None:
    with Ledger.open(db) as ledger:
        settle(ledger, [usual(1), usual(2, "gpt-4o-mini")], LIST)
        written = asked(ledger, "SELECT * FROM store.bill_lines ORDER BY ALL")
        assert len({bill for bill, *_ in written}) == 2
        settle(ledger, [usual(3), usual(4, "gpt-4o-mini")], LIST)
        assert asked(ledger, "SELECT * FROM store.bill_lines ORDER BY ALL") == written
        assert asked(ledger, "SELECT count(DISTINCT bill), count(bill) FROM calls") == [(2, 4)]


def test_a_bill_of_a_transaction_that_failed_is_written_when_it_is_needed_again(db: Path) -> None:
    with (
        Ledger.open(db) as ledger,
        closing(ledger.cursor()) as cursor,
        closing(Inserter(cursor, INDEX)) as index,
        closing(Revisions(cursor, index, LIST)) as revisions,
    ):
        cursor.execute("BEGIN")
        revisions.apply(Changes(new=[usual(1), usual(2, "gpt-4o-mini")]), 1)
        cursor.execute("ROLLBACK")
        for call in (usual(2, "gpt-4o-mini"), usual(1)):
            with transaction(cursor):
                revisions.apply(Changes(new=[call]), 1)
        for number, model in ((1, "gpt-4o"), (2, "gpt-4o-mini")):
            call = usual(number, model)
            rows = stored(ledger)[call.call_id]
            assert call_rows(call, price(call, LIST), revision=1, settled_ns=1).differing(rows) == ()


def test_what_replaces_a_call_leaves_nothing_of_its_bill(db: Path) -> None:
    call = usual(1)
    with Ledger.open(db) as ledger:
        settle(ledger, [call], LIST)
        before = stored(ledger)[call.call_id]
        more = replace(call, meters={**call.meters, "output": 6})
        after = call_rows(more, price(more, LIST), revision=2, settled_ns=2)
        with writing(ledger, LIST) as revisions:
            revisions.apply(Changes(rows=[after], replaced=[(before, "a late span")]), 2)
        rows = stored(ledger)[call.call_id]
        assert (after.differing(rows), rows.call.revision) == ((), 2)
        said = asked(ledger, "SELECT body ->> '$.cost_usd', len(CAST(body -> 'charges' AS JSON[])) FROM call_history")
        assert said == [(format(before.call.cost_usd or 0, "f"), 3)]


def test_a_ledger_that_is_attached_to_another_database_says_the_same(db: Path) -> None:
    with Ledger.open(db) as ledger:
        settle(ledger, [usual(1), usual(2, input=9, web_search=1, output=3)], LIST)
        questions = [f"SELECT * FROM {name} ORDER BY ALL" for name in ("charges", "call_meters", "usage")]
        own = [asked(ledger, question) for question in questions]
    with duckdb.connect() as other:
        other.execute(
            "CREATE TABLE calls (bill INTEGER); CREATE SCHEMA store; CREATE TABLE store.bill_lines (bill INTEGER)"
        )
        other.execute(f"ATTACH '{db}' AS attached (READ_ONLY)")
        assert own == [other.execute(each.replace("FROM ", "FROM attached.")).fetchall() for each in questions]
