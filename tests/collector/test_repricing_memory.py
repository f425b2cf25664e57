"""However many calls there are, a reprice takes the memory of a page of them, and leaves the ledger as it was if it
fails."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from tests.collector.test_repricing_same_as_price import repriced, settle_as
from tests.priced_calls import NOTHING_KNOWN
from tests.unit.pricing_cases import make_call, mtok

from spanledger_collector.errors import MemoryTooSmall
from spanledger_collector.ledger import bulk_pricing
from spanledger_collector.ledger.bulk_pricing import Pages
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book

CALLS, PAGES = 4000, 10
MIB = 1024 * 1024
HELD = "SELECT sum(memory_usage_bytes + temporary_storage_bytes) FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"
PRICED = "SELECT count(*), count(cost_usd), sum(cost_usd), min(revision), max(revision) FROM calls"
COST = CALLS * (mtok("2.5", 1000) + mtok("10", 100))


@pytest.fixture
def ledger(db: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Ledger]:
    """Of calls without a price, in pages of a tenth, with a third of the memory of a server."""
    monkeypatch.setattr(bulk_pricing, "CALLS_AT_A_TIME", CALLS // PAGES)
    one = make_call("openai", "gpt-4o", {"input": 1000, "output": 100})
    calls = [
        replace(one, call_id=f"{number:032x}", span_id=number.to_bytes(8), started_ns=one.started_ns + number)
        for number in range(CALLS)
    ]
    with Ledger.open(db, memory_bytes=64 * MIB) as ledger:
        settle_as(ledger, calls, NOTHING_KNOWN, by_row=False)
        yield ledger


def asked(ledger: Ledger, sql: str) -> tuple[object, ...]:
    with closing(ledger.cursor()) as cursor:
        (row,) = cursor.execute(sql).fetchall()
    return row


def test_what_is_held_does_not_grow_with_the_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    deltas = Pages.deltas

    def measured(pages: Pages) -> list[tuple[object, ...]]:
        (bytes_held,) = asked(ledger, HELD)
        assert isinstance(bytes_held, int)
        held.append(bytes_held)
        return deltas(pages)

    monkeypatch.setattr(Pages, "deltas", measured)
    found = repriced(ledger, shipped_book(), apply=False)
    assert (found.calls, found.total.calls, found.total.new_usd) == (CALLS, CALLS, COST)
    assert len(held) in (PAGES, PAGES + 1)
    assert max(held[PAGES // 2 :]) < 1.5 * max(held[: PAGES // 4])
    assert asked(ledger, PRICED) == (CALLS, 0, None, 1, 1)
    assert repriced(ledger, shipped_book()) == found
    assert asked(ledger, PRICED) == (CALLS, CALLS, COST, 2, 2)


def test_a_page_that_fails_leaves_all_as_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Pages._run, 0  # pyright: ignore[reportPrivateUsage] - where each statement is run

    def full(pages: Pages, name: str, *given: object, **named: object) -> list[tuple[object, ...]]:
        nonlocal written
        written += name == "revise_calls"
        if written == PAGES // 2:
            raise duckdb.OutOfMemoryException("no more")
        return write(pages, name, *given, **named)  # pyright: ignore[reportArgumentType] - as they came

    with monkeypatch.context() as patched:
        patched.setattr(Pages, "_run", full)
        with pytest.raises(MemoryTooSmall, match=r"is as it was: .*\(no more\). Choose fewer"):
            repriced(ledger, shipped_book())
    assert asked(ledger, PRICED) == (CALLS, 0, None, 1, 1)
    assert asked(ledger, "SELECT (SELECT count(*) FROM charge_rows) + (SELECT count(*) FROM price_history)") == (0,)
    assert repriced(ledger, shipped_book()).total.calls == CALLS
