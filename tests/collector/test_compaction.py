"""Compaction: the same ledger in a smaller file, and at no moment anything else; and the thread that forgets."""

import os
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from background import held
from click.testing import CliRunner
from receiving import CHAT, received, stored, until
from settling_bench import settling_bench

from spanledger_collector import dialects, retention_thread
from spanledger_collector.cli import spanledger
from spanledger_collector.errors import LedgerLocked, LedgerUnreadable
from spanledger_collector.journal.entries import encode_entries, encode_entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.intake import Intake, intake_of
from spanledger_collector.journal.loading import held_by
from spanledger_collector.ledger import compaction, retention
from spanledger_collector.ledger.compaction import compact
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.retention_thread import RetentionThread
from spanledger_collector.settings import Retention
from spanledger_collector.stats import Stats

DAY_NS = 86_400 * 10**9
OPENED_BY_ANOTHER = "import sys, duckdb; duckdb.connect(sys.argv[1])"


def content(db: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    with Ledger.open(db, read_only=True) as ledger:
        names = stored(ledger, "SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY ALL")
        return {name: stored(ledger, f"SELECT * FROM {name} ORDER BY ALL") for (name,) in names}


def test_a_file_with_gaps_becomes_small_and_says_the_same(db: Path) -> None:
    with settling_bench(db) as bench:
        for first in range(0, 30_000, 6000):
            bench.arrive(
                [received(number, CHAT if number % 50 == 0 else None) for number in range(first, first + 6000)]
            )
        bench.ask("DELETE FROM store.spans WHERE span % 50 <> 1")
        bench.ledger.checkpoint()
    before, what = db.stat().st_size, content(db)
    assert compact(db) == (before, db.stat().st_size)
    assert db.stat().st_size < 0.9 * before
    assert content(db) == what
    assert [path.name for path in db.parent.iterdir()] == [db.name]
    with settling_bench(db) as again:
        assert again.settler.settle_pending() == 600
        views = again.ask("SELECT count(*) FROM usage"), again.ask("SELECT count(*) FROM spans")
        assert views == ([(600,)], [(600,)])


def test_until_the_copy_is_whole_nobody_else_gets_at_the_file(
    small_ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = compaction._check_same  # pyright: ignore[reportPrivateUsage] - where the copy is complete and not in its place
    tried: list[int] = []

    def check(connection: duckdb.DuckDBPyConnection) -> None:
        command = [sys.executable, "-c", OPENED_BY_ANOTHER, small_ledger]
        done = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
        tried.append(done.returncode)
        checked(connection)

    monkeypatch.setattr(compaction, "_check_same", check)
    compact(small_ledger)
    assert tried == [1]


def test_a_copy_that_fails_or_was_broken_off_changes_nothing(
    small_ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = content(small_ledger)
    left = small_ledger.with_name(f"{small_ledger.name}.compact")
    left.write_bytes(b"what somebody who was killed left behind")
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(compaction, "sync", full)
        with pytest.raises(LedgerUnreadable, match=r"No space left on device\. It is as it was"):
            compact(small_ledger)
    assert not left.exists()
    assert content(small_ledger) == what
    compact(small_ledger)
    assert content(small_ledger) == what


def test_the_copy_belongs_to_whom_the_ledger_did(small_ledger: Path) -> None:
    small_ledger.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(small_ledger, 1, 2)
    before = small_ledger.stat()
    compact(small_ledger)
    after = small_ledger.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_log_that_stays_is_no_log_of_the_copy(small_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    what = content(small_ledger)
    log = small_ledger.with_name(f"{small_ledger.name}.log")
    log.touch()

    def log_of(_path: Path) -> Path:
        return log

    monkeypatch.setattr(compaction, "log_of", log_of)
    with pytest.raises(LedgerUnreadable, match="cannot be emptied into it"):
        compact(small_ledger)
    assert content(small_ledger) == what


def test_the_command(small_ledger: Path) -> None:
    done = CliRunner().invoke(spanledger, ["compact", "--db", str(small_ledger)])
    assert (done.exit_code, " bytes before, " in done.output) == (0, True)
    with held(small_ledger) as pid:
        done = CliRunner().invoke(spanledger, ["compact", "--db", str(small_ledger)])
        assert (done.exit_code, f"process {pid}" in done.stderr) == (3, True)
        with pytest.raises(LedgerLocked):
            compact(small_ledger)
    done = CliRunner().invoke(spanledger, ["compact", "--db", "absent.duckdb"])
    assert (done.exit_code, "There is no ledger" in done.stderr) == (3, True)


def test_the_command_takes_in_what_a_server_left(small_ledger: Path) -> None:
    spans = [received(number, CHAT) for number in range(30)]
    entry = Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of(spans), time.time_ns()))
    folder = intake_of(small_ledger)
    intake = Intake(folder)
    intake.append(held_by(entry), encode_entries([encode_entry(entry)]))
    intake.close(0)
    before = len(content(small_ledger)["store.spans"])
    done = CliRunner().invoke(spanledger, ["compact", "--db", str(small_ledger)])
    assert done.exit_code == 0, done.output
    assert len(content(small_ledger)["store.spans"]) == before + 30
    assert not folder.exists()


def test_a_server_forgets_turn_by_turn_while_it_receives_and_settles(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stats = Stats()
    later = time.time_ns() + 60 * 86_400 * 10**9
    with settling_bench(db) as bench:
        bench.settle(received(1, CHAT), received(2), received(8))
        thread = RetentionThread(
            bench.ledger,
            bench.settler,
            Retention(),
            stats,
            first_seconds=0.0,
            every_seconds=0.05,
            clock_ns=lambda: later,
        )
        try:
            until(lambda: bench.ask("SELECT count(*) FROM spans") == [(1,)])
            bench.settle(received(20, CHAT), received(24))
            until(lambda: bench.ask("SELECT count(*) FROM spans") == [(2,)])
            with bench.settler.paused():  # between two turns, as two transactions may not both change a table
                bench.ask("ALTER TABLE store.spans RENAME TO gone")
            until(lambda: "Retention failed and is tried again later" in caplog.text)
        finally:
            thread.close()
        assert "Retention: Dropped(skeletons=" in caplog.text
        assert stats.snapshot()["retention_dropped"] == {
            "skeletons": 3.0,
            "attributes": 0.0,
            "observations": 0.0,
            "calls": 0.0,
        }


def test_a_sweep_ends_though_something_becomes_too_old_all_the_time(
    db: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five spans, a day apart; each look at the clock is a day later. A turn is over after each piece of work, so that
    several are needed: the sweep of what was too old in the beginning comes to all classes, and to its end."""
    caplog.set_level("INFO")
    monkeypatch.setattr(retention_thread, "_TURN_SECONDS", 0.0)
    monkeypatch.setattr(retention, "_SKELETONS_AT_A_TIME", 1)
    now = time.time_ns() + 3 * DAY_NS
    clock = count(now, DAY_NS)
    with settling_bench(db) as bench:
        bench.settle(received(1, CHAT), *(received(number) for number in range(10, 60, 10)))
        for number in range(10, 60, 10):
            at = now - 33 * DAY_NS + number // 10 * DAY_NS
            bench.ask(f"UPDATE store.spans SET received_at = make_timestamp_ns({at}) WHERE span = {number + 1}")
        thread = RetentionThread(
            bench.ledger, bench.settler, Retention(), Stats(), first_seconds=0.0, clock_ns=lambda: next(clock)
        )
        try:
            until(lambda: "Retention: " in caplog.text)
        finally:
            thread.close()
    assert "Dropped(skeletons=2," in caplog.text, "what was 32 and 31 days old when it began"


def test_a_sweep_makes_use_of_the_room_of_what_went(db: Path) -> None:
    groups = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('store.spans')"
    later = time.time_ns() + 60 * DAY_NS
    with settling_bench(db) as bench:
        for first in (10, 20, 30):
            bench.settle(received(first, CHAT), received(first + 4))
            bench.ledger.checkpoint()
        assert bench.ask(groups) == [(3,)]
        sweeper = partial(RetentionThread, first_seconds=0.0, every_seconds=0.1, clock_ns=lambda: later)
        thread = sweeper(bench.ledger, bench.settler, Retention(), Stats())
        try:  # what is asked in the midst of a sweep keeps the database from merging; the next one does it
            until(lambda: bench.ask(groups) == [(1,)])
        finally:
            thread.close()
        assert bench.ask("SELECT count(*) FROM spans") == [(3,)]
