"""The server as a process: started, killed at any moment, out of disk, drained; and what it tells its operator."""

import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Event

import pytest
from receiving import stored, until
from server_process import COMMAND, post, serving

from spanledger_collector.journal import load_leftover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Address
from spanledger_collector.sidecar import Sidecar, read_sidecar, sidecar_path


def kill_while_starting(db: Path, seconds: float) -> None:
    """Start a server and kill it after that time, whether or not it is ready."""
    anywhere = [part for option in ("--grpc", "--http", "--web") for part in (option, "127.0.0.1:0")]
    process = subprocess.Popen(
        [*COMMAND, "--db", str(db), *anywhere], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("kills", "per_client"), [(4, 1500), pytest.param(40, 6000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_kill_at_random_moments_loses_nothing_and_doubles_nothing(db: Path, kills: int, per_client: int) -> None:
    """Four clients send and send again what was not acknowledged, while the server is killed and started again: in the
    midst of requests, of commits, of settling, of checkpoints, and of starting."""
    seed = Random(2)
    acknowledged: list[int] = []
    address: list[Address] = []
    over = Event()

    def client(first: int) -> None:
        number, end = first, first + per_client
        while number < end and not over.is_set():
            numbers = range(number, min(number + 25, end))
            if post(address[0], numbers) == 200:
                acknowledged.extend(numbers)
                number += 25
            else:
                time.sleep(0.02)

    with ThreadPoolExecutor(4) as pool, ExitStack() as stack:
        stack.callback(over.set)  # so that the clients end where an assertion fails
        server = stack.enter_context(serving(db))
        address[:] = [server.http]
        clients = [pool.submit(client, first) for first in range(0, 4 * per_client, per_client)]
        for kill in range(kills):
            time.sleep(seed.uniform(0.05, 0.5))
            known = list(acknowledged)
            server.kill()
            if kill % 4 == 3:
                kill_while_starting(db, seed.uniform(0.0, 1.5))
            if kill % 2:  # the other times the next server takes in what is left
                with Ledger.open(db) as ledger:
                    load_leftover(ledger)
                    found = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
                assert found.issuperset(known)
            server = stack.enter_context(serving(db))
            address[:] = [server.http]
        for each in clients:
            each.result(timeout=600)
        until(lambda: server.status()["pending"] == 0, 60)
        code, errors = server.stop()
        assert (code, "Traceback" in errors) == (0, False)

    with Ledger.open(db, read_only=True) as ledger:
        spans = [span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans ORDER BY span")]
        assert spans == list(range(4 * per_client))
        assert len(acknowledged) == len(spans)
        sql, observed = "SELECT count(*), count(DISTINCT span_id) FROM {}", (2 * per_client, 2 * per_client)
        assert stored(ledger, sql.format("observations")) == stored(ledger, sql.format("calls")) == [observed]
        assert stored(ledger, "SELECT count(*) FROM conflicts") == [(0,)]
        assert stored(ledger, "SELECT count(*), max(seq) - min(seq) + 1 FROM observations") == [observed]


def test_a_full_disk_is_answered_with_a_retryable_error_and_loses_nothing(db: Path) -> None:
    sent = range(0, 12_000, 400)
    with serving(db, file_size=1_500_000) as server:
        answers = {first: post(server.http, range(first, first + 400)) for first in sent}
        refused = [first for first, status in answers.items() if status != 200]
        assert {answers[first] for first in refused} == {503}
        until(lambda: server.status()["counters"]["journal_commit_failures"] > 0)
        server.kill()
    accepted = {number for first in sent if answers[first] == 200 for number in range(first, first + 400)}
    assert accepted
    with serving(db) as server:
        until(lambda: server.status()["spans"] == len(accepted))
        assert {post(server.http, range(first, first + 400)) for first in refused} == {200}
        until(lambda: server.status()["pending"] == 0, 60)
        assert server.stop()[0] == 0
    with Ledger.open(db, read_only=True) as ledger:
        assert stored(ledger, "SELECT count(*) FROM spans") == [(12_000,)]


def test_a_disk_that_cannot_be_written_is_named(db: Path) -> None:
    """A mount for reading only, in a namespace of its own, over the folder of the ledger."""
    serve = " ".join(shlex.quote(part) for part in [*COMMAND, "--db", str(db)])
    mounted = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f"mount -t tmpfs -o ro none {shlex.quote(str(db.parent))} || exit 77; ",
    ]
    mounted[-1] += serve
    try:
        done = subprocess.run(mounted, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no namespaces")
    if done.returncode in (1, 77):
        pytest.skip(f"mounting is not permitted here: {done.stderr}")
    assert done.returncode == 3
    assert f"The ledger {db} cannot be opened: " in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stopped_server_has_settled_what_it_accepted_and_leaves_one_file(db: Path) -> None:
    with serving(db) as server:
        assert read_sidecar(db) == Sidecar(server.process.pid, server.web)
        for first in range(0, 2000, 100):
            assert post(server.http, range(first, first + 100)) == 200
        code, errors = server.stop()
    assert code == 0
    assert [line for line in errors.splitlines() if " INFO " not in line] == []
    assert not sidecar_path(db).exists()
    assert {path.name for path in db.parent.iterdir()} == {db.name, "serve.log"}
    with Ledger.open(db, read_only=True) as ledger:
        assert stored(ledger, "SELECT count(*) FROM calls") == [(1000,)]


def test_a_second_server_on_the_file_or_a_port_says_why_it_cannot_start(db: Path, tmp_path: Path) -> None:
    def started(*options: str) -> tuple[int, str]:
        done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == ""
        return done.returncode, done.stderr

    with serving(db) as server:
        code, said = started("--db", str(db), "--grpc", "127.0.0.1:0")
        assert (code, f"in use by process {server.process.pid}" in said) == (3, True)
        web = Address.parse(server.web.removeprefix("http://"))
        for option, taken in (("--grpc", server.grpc), ("--http", server.http), ("--web", web)):
            others = [part for other in ("--grpc", "--http", "--web") for part in (other, "127.0.0.1:0")]
            code, said = started("--db", str(tmp_path / "other"), *others, option, str(taken))
            assert code == 3
            assert said.count("\n") == 1, "one line for the operator, no traceback"
            assert f"on {taken}: Address already in use. Choose another address with {option} HOST:PORT." in said
        assert read_sidecar(db) == Sidecar(server.process.pid, server.web), "others did not touch it"
    code, said = started("--grpc", "4317")
    assert (code, "is not HOST:PORT" in said) == (2, True)


def test_what_was_pending_when_it_was_killed_is_settled_at_the_next_start(db: Path) -> None:
    with serving(db) as server:
        assert post(server.http, range(100)) == 200
        server.kill()
    with Ledger.open(db) as ledger:
        cursor = ledger.cursor()
        for table in ("calls", "store.settle_index"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM meta WHERE key LIKE 'settled%'")
        cursor.close()
    with serving(db) as server:
        until(lambda: server.status()["calls"] == 50)
        assert server.stop()[0] == 0
