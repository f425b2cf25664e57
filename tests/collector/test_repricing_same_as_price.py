"""A reprice by the database says of every call what `price` says of it, to the last digit."""

import itertools
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.priced_calls import LIST, NOTHING_KNOWN, OWN_BOOK, calls_made

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.neighbours import INDEX
from spanledger_collector.ledger.queries.choosing import chosen_calls
from spanledger_collector.ledger.repricing import Repriced, reprice
from spanledger_collector.ledger.revisions import Changes, Revisions, transaction
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.rows import CALLS, CallRows, all_of
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.stored_calls import stored_calls
from spanledger_collector.model import Call
from spanledger_collector.pricing import PriceBook, price


def settle_as(ledger: Ledger, calls: list[Call], book: PriceBook, *, by_row: bool) -> None:
    """Write the calls as if they had been settled with that book, their parts row by row or as new calls are."""
    with (
        closing(ledger.cursor()) as cursor,
        closing(Inserter(cursor, INDEX)) as index,
        closing(Revisions(cursor, index, book)) as revisions,
        transaction(cursor),
    ):
        rows = [call_rows(call, price(call, book), revision=1, settled_ns=1) for call in calls]
        revisions.apply(Changes(rows) if by_row else Changes(new=calls), 1)


def stored(ledger: Ledger) -> dict[str, CallRows]:
    with closing(ledger.cursor()) as cursor:
        found = cursor.execute(all_of("rebuild.calls_from", CALLS), {"after": "", "limit": 10_000}).fetchall()
        return stored_calls(cursor, found)


def repriced(ledger: Ledger, book: PriceBook, *, apply: bool = True) -> Repriced:
    with closing(ledger.cursor()) as cursor:
        return reprice(ledger, book, chosen_calls(cursor, {}), apply=apply)


@settings(max_examples=8, deadline=None)
@given(calls_made(), st.booleans(), st.sampled_from([(NOTHING_KNOWN, LIST, OWN_BOOK), (LIST, OWN_BOOK)]))
def test_every_call_is_priced_as_price_does(calls: list[Call], by_row: bool, books: tuple[PriceBook, ...]) -> None:
    with TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.duckdb") as ledger:
        settle_as(ledger, calls, books[0], by_row=by_row)
        for before, book in itertools.pairwise(books):
            said = {call.call_id: price(call, book) for call in calls}
            was = {call.call_id: price(call, before) for call in calls}
            dry = repriced(ledger, book, apply=False)
            found = repriced(ledger, book)
            assert found == dry
            assert found.calls == len(calls)
            rows = stored(ledger)
            for call in calls:
                expected = call_rows(call, said[call.call_id], revision=0, settled_ns=0)
                assert expected.differing(rows[call.call_id]) in {(), ("price_book",)}
            changed = [row for row in rows.values() if row.call.price_book == book.sha256]
            assert found.total.calls == len(changed)
            assert found.total.new_usd == sum(said[row.call.call_id].cost_usd or 0 for row in changed)
            assert found.total.old_usd == sum(was[row.call.call_id].cost_usd or 0 for row in changed)
            for deltas in found.by.values():
                assert sum(delta.calls for delta in deltas.values()) == found.total.calls
                assert sum(delta.new_usd for delta in deltas.values()) == found.total.new_usd
            assert repriced(ledger, book).total.calls == 0
