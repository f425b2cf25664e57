"""Run on a small disk of its own: a server there, until DuckDB gives up in the midst of a checkpoint, and the next one.

    python full_disk.py DISK

The disk is filled up when the log is as large as it may be, and all that was sent is in the ledger: so the next commit
leads to a checkpoint, for which there is no room, however fast the server or the disk is.

Says "as it should be" at its end.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from receiving import CHAT, received, request, stored, until

from spanledger_collector.journal import load_leftover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Address

KIB = 1024
LOG_BYTES = 2_000_000
LAST_BYTES = 70 * KIB
"""So little is left of the log when the disk is filled up: less than what a request of `MANY` spans brings into it."""
FEW, MANY, MOST = 50, 200, 800
"""Spans of a request: while next to nothing is left; when the disk is full; before."""
LEFT_BYTES = 250 * KIB
"""Room for what such a request brings into the intake and the log, and not for a checkpoint of all that is in it."""
SERVER = f"""
from spanledger_collector.journal import loader
from spanledger_collector.ledger import store
loader._SPANS_PER_BATCH = 1_000  # fewer than a row group, so that they take the way by the database's log
store._LOG_BYTES = {LOG_BYTES}  # so that a checkpoint comes soon
from spanledger_collector.cli import main; main()
"""
ANYWHERE = [part for option in ("--grpc", "--http", "--web") for part in (option, "127.0.0.1:0")]
WAITING = ("spanledger_intake_spans ", "spanledger_observations_pending ")


class Server(NamedTuple):
    """A server, where it takes OTLP over HTTP, and where its metrics are."""

    process: "subprocess.Popen[str]"
    address: Address
    metrics: str

    def is_done(self) -> bool:
        """Whether all that it acknowledged is in the ledger, or it has ended."""
        try:
            with urlopen(self.metrics, timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            self.process.wait(timeout=30)
            return True
        return [float(line.split()[1]) for line in lines if line.startswith(WAITING)] == [0, 0]


@contextmanager
def server(db: Path) -> Generator[Server]:
    """A server on this file."""
    command = [sys.executable, "-c", SERVER, "serve", "--db", str(db), *ANYWHERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline().split() for _ in range(4)]
            http, web = said[2][-1], next(word for word in said[3] if word.startswith("http://"))
            yield Server(process, Address.parse(http.removeprefix("http://")), f"{web.rstrip('/')}/metrics")
        finally:
            process.kill()


def free_bytes(folder: Path) -> int:
    """What still fits on the disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def post(address: Address, numbers: range) -> int:
    """Send spans of these numbers: the status. Raises OSError where nobody listens."""
    spans = [received(number, CHAT if number % 4 == 0 else None) for number in numbers]
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        body = request(spans).SerializeToString()
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        assert answer.status == 200 or answer.headers["retry-after"]
        return answer.status
    finally:
        connection.close()


def until_the_log_is_full(to: Server, log: Path) -> int:
    """Send until next to no more fits into the log before a checkpoint; the spans that were sent."""
    sent = 0
    while True:
        left = LOG_BYTES - log.stat().st_size
        if 0 < left < LAST_BYTES:
            return sent
        spans = MOST if left > LOG_BYTES / 3 else FEW
        assert post(to.address, range(sent, sent + spans)) == 200
        sent += spans
        until(to.is_done)


def until_refused(to: Server, first: int) -> Iterator[range]:
    """Send until a request is refused, or there is no server any more; what was acknowledged."""
    for numbers in (range(start, start + MANY) for start in count(first, MANY)):
        try:
            status = post(to.address, numbers)
        except (OSError, http.client.HTTPException):
            return
        if status != 200:
            assert status == 503, status
            return
        yield numbers
        until(to.is_done)  # lest the intake took all the room


def main(disk: Path) -> None:
    """Raises AssertionError where something is not as it should be."""
    db, ballast = disk / "ledger.duckdb", disk / "ballast"
    with server(db) as to:
        before = until_the_log_is_full(to, Path(f"{db}.wal"))
        ballast.write_bytes(bytes(free_bytes(disk) - LEFT_BYTES))
        acknowledged = [range(before), *until_refused(to, before)]
        _, said = to.process.communicate(timeout=60)
        assert to.process.returncode == 3, (to.process.returncode, said)
        assert "The server ends, because the database gave up on the ledger" in said, said
        assert "No space left on device" in said, said
        assert "Traceback" not in said, said
    assert len(acknowledged) > 1
    ballast.unlink()
    with Ledger.open(db) as ledger:
        load_leftover(ledger)
        spans = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
        assert spans >= {number for numbers in acknowledged for number in numbers}
    sent = acknowledged[-1].stop + MANY
    with server(db) as to:
        assert {post(to.address, range(first, first + MANY)) for first in range(0, sent, MANY)} == {200}
        to.process.terminate()
        assert to.process.wait(timeout=60) == 0
    with Ledger.open(db, read_only=True) as ledger:
        whole = len(range(0, sent, MANY)) * MANY
        assert stored(ledger, "SELECT count(*), count(DISTINCT span) FROM store.spans") == [(whole, whole)]
        assert stored(ledger, "SELECT count(*) FROM calls") == [(whole // 4,)]
    sys.stdout.write("as it should be\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
