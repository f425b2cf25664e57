"""A damaged write-ahead log: an end that was never acknowledged goes, and nothing else does without a word."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from receiving import stored

from spanledger_collector.errors import LedgerUnreadable
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.torn_log import log_of

BATCHES, SPANS = 5, 50
DYING = """
import sys, os
sys.path.insert(0, {tests!r})
from receiving import received
from settling_bench import settling_bench
from pathlib import Path

with settling_bench(Path({db!r})) as bench:
    bench.ledger.checkpoint()
    for batch in range({batches}):
        bench.arrive([received(number) for number in range(batch * {spans}, (batch + 1) * {spans})])
        print(os.path.getsize({db!r} + ".wal"), flush=True)
    os._exit(9)
"""


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, list[int]]:
    """The file and the log of a server that was killed, and where its commits end in the log."""
    db = tmp_path_factory.mktemp("dead") / "ledger.duckdb"
    code = DYING.format(tests=str(Path(__file__).parent), db=str(db), batches=BATCHES, spans=SPANS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    return db.read_bytes(), log_of(db).read_bytes(), [int(line) for line in done.stdout.split()]


def spans_in(db: Path, file: bytes, log: bytes) -> int:
    """How many spans are there once the server has started on these files."""
    db.write_bytes(file)
    log_of(db).write_bytes(log)
    with Ledger.open(db) as ledger:
        return stored(ledger, "SELECT count(*) FROM spans")[0][0]


def test_a_torn_end_costs_nothing_that_was_acknowledged(
    db: Path, dead: tuple[bytes, bytes, list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    file, log, ends = dead
    acknowledged = SPANS * (BATCHES - 1)
    random = Random(5)
    begin, end = ends[-2], ends[-1]
    for place in (begin, begin + 1, begin + 20, (begin + end) // 2, end - 200, end - 30):
        for torn in (bytes(end - place), random.randbytes(end - place), bytes(end - place + 5000)):
            assert spans_in(db, file, log[:place] + torn) == acknowledged, f"at {place} of {begin} to {end}"
    assert "within a commit that nobody was told of" in caplog.text
    assert log_of(db).with_name(f"{db.name}.wal.torn").exists()


@pytest.mark.parametrize("more", [b"", b"\0" * 4096, os.urandom(300)])
def test_what_follows_the_last_commit_changes_nothing(
    db: Path, dead: tuple[bytes, bytes, list[int]], more: bytes
) -> None:
    file, log, _ = dead
    assert spans_in(db, file, log + more) == SPANS * BATCHES


def test_damage_before_a_commit_is_told_and_nothing_is_cut(db: Path, dead: tuple[bytes, bytes, list[int]]) -> None:
    file, log, ends = dead
    for place in (ends[0] + 100, ends[2] + 100, ends[-1] - 200):
        damaged = log[:place] + bytes([log[place] ^ 0xFF]) + log[place + 1 :]
        with pytest.raises(LedgerUnreadable, match="is damaged where commits follow that may have been acknowledged"):
            spans_in(db, file, damaged)
        assert log_of(db).read_bytes() == damaged
    assert spans_in(db, file, log) == SPANS * BATCHES
