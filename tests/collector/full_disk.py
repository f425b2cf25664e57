"""Run on a small disk of its own: a server there, until DuckDB gives up in the midst of a checkpoint, and the next one.

    python full_disk.py DISK

Says "as it should be" at its end.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from receiving import CHAT, received, request, stored

from spanledger_collector.journal import load_leftover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Address

MIB = 1024 * 1024
PER_REQUEST = 200
SERVER = """
from spanledger_collector.journal import loader
from spanledger_collector.ledger import store
loader._SPANS_PER_BATCH = 1_000  # fewer than a row group, so that they take the way by the database's log
store._LOG_BYTES = 1_000_000  # so that a checkpoint comes soon
from spanledger_collector.cli import main; main()
"""
ANYWHERE = [part for option in ("--grpc", "--http", "--web") for part in (option, "127.0.0.1:0")]


@contextmanager
def server(db: Path) -> Generator[tuple["subprocess.Popen[str]", Address]]:
    """A server, and where it takes OTLP over HTTP."""
    command = [sys.executable, "-c", SERVER, "serve", "--db", str(db), *ANYWHERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(4)]
            yield process, Address.parse(said[2].split()[-1].removeprefix("http://"))
        finally:
            process.kill()


def free_bytes(folder: Path) -> int:
    """What still fits on the disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def post(address: Address, first: int) -> int:
    """Send so many spans: the status, and whether it says when to come again."""
    spans = [received(number, CHAT if number % 4 == 0 else None) for number in range(first, first + PER_REQUEST)]
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        body = request(spans).SerializeToString()
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        assert answer.status == 200 or answer.headers["retry-after"]
        return answer.status
    finally:
        connection.close()


def refused(address: Address) -> Iterator[int]:
    """Send until a request is refused; the numbers of the first spans of those that were acknowledged."""
    for first in range(0, 1_000_000, PER_REQUEST):
        status = post(address, first)
        if status != 200:
            assert status == 503, status
            return
        yield first
    raise AssertionError("the disk never was full")


def main(disk: Path) -> None:
    """Raises AssertionError where something is not as it should be."""
    db, ballast = disk / "ledger.duckdb", disk / "ballast"
    with server(db) as (process, address):
        ballast.write_bytes(bytes(free_bytes(disk) - 2 * MIB))
        acknowledged = list(refused(address))
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, (process.returncode, said)
        assert "The server ends, because the database gave up on the ledger" in said, said
        assert "No space left on device" in said, said
        assert "Traceback" not in said, said
    assert acknowledged
    ballast.unlink()
    with Ledger.open(db) as ledger:
        load_leftover(ledger)
        spans = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
        assert spans >= {first + number for first in acknowledged for number in range(PER_REQUEST)}
    with server(db) as (process, address):
        again = range(0, acknowledged[-1] + 2 * PER_REQUEST, PER_REQUEST)
        assert {post(address, first) for first in again} == {200}
        process.terminate()
        assert process.wait(timeout=60) == 0
    with Ledger.open(db, read_only=True) as ledger:
        count = len(again) * PER_REQUEST
        assert stored(ledger, "SELECT count(*), count(DISTINCT span) FROM store.spans") == [(count, count)]
        assert stored(ledger, "SELECT count(*) FROM calls") == [(count // 4,)]
    sys.stdout.write("as it should be\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
