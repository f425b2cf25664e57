"""Many rows in one transaction are in the file when it is committed, not in the log: a kill leaves them there."""

import asyncio
import shutil
import time
from pathlib import Path
from typing import Final

import pytest
from receiving import CHAT, received, stored, until

from spanledger_collector import dialects
from spanledger_collector.journal import Journal, loader
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.retention import sweep
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import ROWS_PER_GROUP, Ledger
from spanledger_collector.ledger.torn_log import log_of
from spanledger_collector.pricing import shipped_book
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.settings import Retention
from spanledger_collector.stats import Stats

_ALL: Final = ("SELECT * FROM spans ORDER BY ALL", "SELECT * FROM observations ORDER BY ALL")
_DAY_NS: Final = 86_400 * 10**9
_CALLS: Final = ("SELECT call_id, cost_usd FROM calls ORDER BY ALL",)


def _commit(ledger: Ledger, first: int, count: int) -> None:
    """Journal so many model calls in one transaction."""
    spans = [received(number, CHAT) for number in range(first, first + count)]
    writer = Writer(ledger, Stats())
    writer.commit([Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of(spans), time.time_ns()))])
    writer.close()


def _killed(ledger: Ledger, to: Path) -> Path:
    """What a kill would leave now."""
    shutil.copy(ledger.path, to)
    shutil.copy(log_of(ledger.path), log_of(to))
    return to


@pytest.mark.parametrize("more", [0, 500])
def test_what_fills_a_row_group_is_in_the_file_and_survives_a_kill(db: Path, tmp_path: Path, more: int) -> None:
    with Ledger.open(db) as ledger:
        ledger.checkpoint()
        _commit(ledger, 0, ROWS_PER_GROUP + more)
        written = log_of(db).stat().st_size
        assert written < 10 * ROWS_PER_GROUP, "no rows are in the log"
        Settler(ledger, shipped_book()).settle_pending()
        written = log_of(db).stat().st_size
        assert written < 100 * ROWS_PER_GROUP, "nor of calls"
        _commit(ledger, 100_000, 100)
        assert log_of(db).stat().st_size > written + 100 * 100, "few rows are"
        killed = _killed(ledger, tmp_path / "killed.duckdb")
        before = [stored(ledger, question) for question in _ALL + _CALLS]
    assert [len(rows) for rows in before] == [ROWS_PER_GROUP + more + 100] * 2 + [ROWS_PER_GROUP + more]
    with Ledger.open(killed) as ledger:
        assert [stored(ledger, question) for question in _ALL + _CALLS] == before
        ledger.checkpoint()
    with Ledger.open(killed, read_only=True) as ledger:
        assert [stored(ledger, question) for question in _ALL + _CALLS] == before


def test_a_log_that_lost_its_end_leaves_nothing_of_such_a_transaction(db: Path, tmp_path: Path) -> None:
    with Ledger.open(db) as ledger:
        _commit(ledger, 0, 10)
        _commit(ledger, 100, ROWS_PER_GROUP)
        killed = _killed(ledger, tmp_path / "killed.duckdb")
    log = log_of(killed)
    log.write_bytes(log.read_bytes()[:-1])
    with Ledger.open(killed) as ledger:
        assert stored(ledger, "SELECT count(*) FROM spans") == [(10,)]
        _commit(ledger, 100, ROWS_PER_GROUP)
        ledger.checkpoint()
    with Ledger.open(killed) as ledger:
        assert stored(ledger, "SELECT count(*), count(DISTINCT span_id) FROM spans") == [(ROWS_PER_GROUP + 10,) * 2]
        assert stored(ledger, "SELECT count(*) FROM observations") == [(ROWS_PER_GROUP + 10,)]


async def test_spans_that_come_fast_are_loaded_by_the_batch(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first they are fast enough here, however few, and there is all the time in the world. The first is not
    to wait: on a machine that was started a minute ago it would do so for minutes."""
    monkeypatch.setattr(loader, "_SPANS_PER_BATCH", 8)
    stats = Stats()
    journal = Journal(ledger, stats, dialects, lambda: None, pause_seconds=0.01)
    try:
        await journal.append([received(0)])
        await asyncio.to_thread(until, lambda: journal.waiting.spans == 0)
        monkeypatch.setattr(loader, "_LONGEST", 100_000)
        for number in range(1, 9):
            assert journal.waiting.spans == number - 1
            await journal.append([received(number)])
        await asyncio.to_thread(until, lambda: journal.waiting.spans == 0)
        assert stats.snapshot()["journal_commits"] == 2
        await journal.append([received(9)])
    finally:
        await asyncio.to_thread(journal.close)
    assert stored(ledger, "SELECT count(*) FROM spans") == [(10,)], "the end waits for no batch"


async def test_no_batch_is_waited_for_that_there_is_no_room_for(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_MOST", Held(spans=4, bytes=1_000_000))
    monkeypatch.setattr(loader, "_LONGEST", 100_000)
    journal = Journal(ledger, Stats(), dialects, lambda: None, pause_seconds=0.01)
    try:
        for number in range(12):
            await asyncio.wait_for(journal.append([received(number)]), 60)
    finally:
        await asyncio.to_thread(journal.close)
    assert stored(ledger, "SELECT count(*) FROM spans") == [(12,)]


async def test_while_a_batch_gathers_nobody_waits_for_it_and_nothing_of_it_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it can store more is answered, other work commits, and what gathers comes after it."""
    monkeypatch.setattr(loader, "_SPANS_PER_BATCH", 8)
    monkeypatch.setattr(loader, "_LONGEST", 100_000)
    journal = Journal(ledger, Stats(), dialects, lambda: None, pause_seconds=0.01)
    try:
        await journal.append([received(0, CHAT)])
        await asyncio.to_thread(until, lambda: journal.waiting.spans == 0)
        await journal.append([received(number, CHAT) for number in range(1, 4)])
        assert journal.refuses() is None
        settler = Settler(ledger, shipped_book())
        assert settler.settle_pending() == 1
        assert sweep(ledger, Retention(0, 0, 0), time.time_ns() + _DAY_NS).observations == 1
        ledger.reclaim()
        assert journal.waiting.spans == 3, "it gathers all the while"
    finally:
        await asyncio.to_thread(journal.close)
    assert settler.settle_pending() == 3
    assert stored(ledger, "SELECT count(*) FROM calls") == [(3,)]
