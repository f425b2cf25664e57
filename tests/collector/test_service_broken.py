"""A database that gave up while it was open: the process says so and ends, so that a supervisor starts it again."""

import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from receiving import CHAT, received, request, stored

from spanledger_collector.ledger.store import Ledger

_BREAK = """
import duckdb
import spanledger_collector.{module} as module

def broken(*args):
    raise duckdb.FatalException("FATAL Error: the disk is gone\\nand more of it")

module.{method} = broken
from spanledger_collector.cli import main; main()
"""
_WORKING = "from spanledger_collector.cli import main; main()"
_ANYWHERE = [part for option in ("--grpc", "--http", "--web") for part in (option, "127.0.0.1:0")]


@contextmanager
def _server(db: Path, program: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The process, and where it takes OTLP over HTTP."""
    command = [sys.executable, "-c", program, "serve", "--db", str(db), *_ANYWHERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(4)]
            yield process, said[2].split()[-1] if said[2] else ""
        finally:
            process.kill()


def _post(url: str) -> int:
    body = request([received(1, CHAT)]).SerializeToString()
    sent = Request(f"{url}/v1/traces", body, {"content-type": "application/x-protobuf"})
    try:
        with urlopen(sent, timeout=20) as response:
            return response.status
    except HTTPError as refused:
        refused.close()
        return refused.code


def _assert_said_why(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "The server ends, because the database gave up on the ledger" in errors
    assert "the disk is gone" in errors


def test_the_journal_meets_it(db: Path) -> None:
    with _server(db, _BREAK.format(module="journal.writer", method="Writer.commit")) as (process, url):
        assert _post(url) == 200, "it is in the intake"
        _assert_said_why(process)
    with _server(db, _WORKING) as (process, url):
        assert _post(url) == 200, "sent again by somebody who did not get the answer"
        process.terminate()
        assert process.wait(timeout=60) == 0
    with Ledger.open(db) as ledger:
        assert stored(ledger, "SELECT count(*) FROM spans") == stored(ledger, "SELECT count(*) FROM calls") == [(1,)]


def test_settling_meets_it(db: Path) -> None:
    with _server(db, _BREAK.format(module="ledger.settling", method="Settler.settle_pending")) as (process, _):
        _assert_said_why(process)


def test_a_checkpoint_that_finds_the_disk_full(tmp_path: Path) -> None:
    """What DuckDB says itself, on a disk of 24 MiB in a namespace of its own (`full_disk.py`)."""
    if shutil.which("unshare") is None:
        pytest.skip("this system has no namespaces")
    on_a_small_disk = 'mount -t tmpfs -o size=24m none "$1" || exit 77; exec "$2" "$3" "$1"'
    program = Path(__file__).with_name("full_disk.py")
    command = ["unshare", "--mount", "sh", "-c", on_a_small_disk, "sh", tmp_path, sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"mounting is not permitted here: {done.stderr}")
    assert "as it should be" in done.stdout, done.stderr
