"""How fast the collector takes spans in, durably and once, and what that costs, beside servers that do less.

    python benchmarks/ingest.py [--transport http grpc] [--connections 1 8 64] [--stored 0 1000000 10000000]
                                [--requests 200] [--retries 0.05] [--content] [--rate 20000] [--server journal ...]
                                [--peer 127.0.0.1:6006 --peer-pid PID]

Requests of 512 spans are serialised before the clock runs: half of them model calls with 14 attributes, half HTTP
spans with 6. `--content` puts two to four kB of prompts and answers on half of the model calls. The ledgers hold
`--stored` skeletons before. Each of these servers, a process of its own on one core (the sender has the others), gets
the same requests; the ratio is that of its CPU time to the `decode` server's:

    blackhole   reads the body and answers
    decode      also decodes every span
    journal     also makes every span durable before it answers, and brings it into the database, once
    spanledger  `spanledger serve`: also settles and prices every call

`of read` is the ratio of its CPU time for a span to `read us`, the microseconds that the sending process needs, just
before, to read a span of these requests with protobuf's full schema and a loop over its attributes: hosts differ, and
one host differs from hour to hour. `rows` is how many spans the ledger holds more, once the server has ended.

`behind` is how many spans (of `spanledger`: observations) were acknowledged and not yet in the journal (the ledger)
when the last answer came, and `lag` how long that took then. The CPU time is all that was used until the end of that.

`--peer` names another server for OTLP over HTTP that runs already, to be measured beside these, each on the same core.
Two that can be installed in an environment of their own, started there, and found at `--peer`:

    pip install 'lighttrace[server]'    # SQLite; answers when it is stored
    LIGHTTRACE_API_KEYS=key LIGHTTRACE_PASSWORD=word taskset -c 0 lighttrace --port 6007 & echo $!
    OTEL_EXPORTER_OTLP_HEADERS=x-api-key=key python benchmarks/ingest.py --peer 127.0.0.1:6007 --peer-pid PID

    pip install arize-phoenix           # SQLite; answers before it is stored: watch its CPU time until it is idle
    PHOENIX_WORKING_DIR=$(mktemp -d) taskset -c 0 phoenix serve & echo $!
    python benchmarks/ingest.py --requests 8 --peer 127.0.0.1:6006 --peer-pid PID
"""

import argparse
import asyncio
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.request import urlopen

from ingest_cases import HEAD, Case, Server
from ingest_load import SENDERS, SPANS, fill, requests_of

from spanledger_collector import dialects
from spanledger_collector.journal import Journal
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import http_server, listen
from spanledger_collector.receive.answers import Encoding, success
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.grpc_server import grpc_server
from spanledger_collector.receive.http_app import build_http_app
from spanledger_collector.receive.receiver import Receiver, Signal
from spanledger_collector.receive.senders import Sender
from spanledger_collector.scheduling import answers_first
from spanledger_collector.settings import Address
from spanledger_collector.sidecar import read_sidecar
from spanledger_collector.stats import Stats

ANYWHERE = Address("127.0.0.1", 0)
MIB = 1024 * 1024
CORE = min(os.sched_getaffinity(0))
"""The one on which servers run."""


class Blackhole(Receiver):
    """Answers without looking."""

    async def export(self, sender: Sender, signal: Signal, encoding: Encoding, body: bytes) -> bytes:  # noqa: ARG002 - as its base
        """Success."""
        return success(0, "", encoding)


class Decoding(Blackhole):
    """Decodes, and forgets."""

    async def export(self, sender: Sender, signal: Signal, encoding: Encoding, body: bytes) -> bytes:
        """Success, if it can be decoded."""
        decode_traces(body)
        return await super().export(sender, signal, encoding, body)


RECEIVERS: dict[str, type[Receiver]] = {"blackhole": Blackhole, "decode": Decoding, "journal": Receiver}
WHOLE = "spanledger"
WAITING = "waiting"
"""What the parent asks a receiver: how many spans are acknowledged and not in the journal."""


async def serve_some(kind: type[Receiver], db: Path, ready: Connection) -> None:
    """Serve one of the receivers until the parent says stop; tells it the addresses."""
    with Ledger.open(db) as ledger:
        stats = Stats()
        journal = Journal(ledger, stats, dialects, lambda: None)
        receiver = kind(journal, stats, max_request_bytes=16 * MIB, max_waiting_bytes=64 * MIB)
        listener = listen("OTLP/HTTP", ANYWHERE, "--http")
        async with (
            grpc_server(receiver, ANYWHERE, 5) as over_grpc,
            http_server(build_http_app(receiver), listener, 5) as over_http,
        ):
            ready.send((over_grpc, over_http))
            with answers_first():
                while await asyncio.to_thread(ready.recv) == WAITING:
                    ready.send(journal.waiting.spans)
        await asyncio.to_thread(journal.close)


def run_some(kind: str, db: Path, ready: Connection) -> None:
    """The process of a receiver."""
    os.sched_setaffinity(0, {CORE})
    asyncio.run(serve_some(RECEIVERS[kind], db, ready))


@contextmanager
def receiver_process(kind: str, db: Path) -> Generator[Server]:
    """One of the receivers in a process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = cast("tuple[Connection, Connection]", context.Pipe())
    process = context.Process(target=run_some, args=(kind, db, theirs))
    started = time.perf_counter()
    process.start()
    try:
        over_grpc, over_http = ours.recv()
        ready = time.perf_counter() - started
        yield Server(process.pid or 0, {"grpc": over_grpc, "http": over_http}, ready, lambda: asked(ours))
    finally:
        with suppress(BrokenPipeError):  # it may have died
            ours.send("stop")
        process.join()


def asked(receiver: Connection) -> int:
    """How many spans a receiver of ours has acknowledged and not brought into the journal."""
    receiver.send(WAITING)
    return receiver.recv()


def unsettled(web: str) -> int:
    """How many spans and observations a whole server has acknowledged and not brought into the ledger."""
    with urlopen(f"{web}/metrics", timeout=60) as response:
        said = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines() if not line.startswith("#"))
    return int(float(said["spanledger_intake_spans"]) + float(said["spanledger_observations_pending"]))


@contextmanager
def spanledger_process(db: Path) -> Generator[Server]:
    """The whole collector in a process."""
    serve = f"import os; os.sched_setaffinity(0, {{{CORE}}}); from spanledger_collector.cli import main; main()"
    options = [part for option in ("--grpc", "--http", "--web") for part in (option, str(ANYWHERE))]
    command = [sys.executable, "-c", serve, "serve", "--db", str(db), *options]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, over_grpc, over_http, _ = (process.stdout.readline().split()[-1] for _ in range(4))
        ready = time.perf_counter() - started
        sidecar = read_sidecar(db)
        assert sidecar is not None
        addresses = {"grpc": Address.parse(over_grpc), "http": Address.parse(over_http.removeprefix("http://"))}
        try:
            yield Server(process.pid, addresses, ready, lambda: unsettled(sidecar.web))
        finally:
            process.terminate()


def measure_ours(cases: Sequence[Case], filled: dict[int, Path], bodies: Sequence[bytes], rate: int) -> None:
    """Our servers, each on a ledger of its own."""
    baselines: dict[tuple[str, int], float] = {}
    for case in cases:
        with TemporaryDirectory() as folder:
            db = Path(folder, "ledger.duckdb")
            shutil.copy(filled[case.stored], db)
            process = spanledger_process(db) if case.name == WHOLE else receiver_process(case.name, db)
            with process as server:
                measured = case.measure(server, bodies, rate)
            of = (case.transport, case.connections)
            if case.name == "decode":
                baselines[of] = measured.cpu
            case.show(measured, baselines.get(of), rows_in(db) - case.stored)


def rows_in(db: Path) -> int:
    """How many spans a ledger holds whose server has ended."""
    with Ledger.open(db, read_only=True) as ledger, ledger.cursor() as cursor:
        ((rows,),) = cursor.execute("SELECT count(*) FROM store.spans").fetchall()
        return rows


def cases_of(options: argparse.Namespace) -> list[Case]:
    """Every server over every transport; servers that store nothing once for all numbers of stored spans."""
    return [
        Case(name, transport, connections, stored)
        for transport in options.transport
        for connections in options.connections
        for name in options.server
        for stored in (options.stored if name in {"journal", WHOLE} else options.stored[:1])
    ]


def main() -> None:
    """The report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--transport", nargs="+", choices=sorted(SENDERS), default=["http"])
    parser.add_argument("--connections", nargs="+", type=int, default=[8])
    parser.add_argument("--stored", nargs="+", type=int, default=[0], help="skeletons in the ledger before")
    parser.add_argument("--server", nargs="+", choices=[*RECEIVERS, WHOLE], default=[*RECEIVERS, WHOLE])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--retries", type=float, default=0.0, help="share of requests that are sent a second time")
    parser.add_argument("--content", action="store_true", help="prompts and answers on half of the model calls")
    parser.add_argument("--rate", type=int, default=0, help="spans per second; 0 for as fast as they are taken")
    parser.add_argument("--peer", type=Address.parse, help="host:port of another server that runs already")
    parser.add_argument("--peer-pid", type=int)
    options = parser.parse_args()
    bodies = requests_of(options.requests, options.retries, content=options.content)
    spans = options.requests * SPANS
    print(
        f"{len(bodies)} requests of {SPANS} spans ({spans:,} different ones), {len(bodies[0]) // 1000} kB each\n{HEAD}"
    )
    with TemporaryDirectory() as folder:
        filled = {stored: Path(folder, f"{stored}.duckdb") for stored in options.stored}
        for stored, db in filled.items():
            fill(db, stored)
        measure_ours(cases_of(options), filled, bodies, options.rate)
    if options.peer:
        peer = Server(options.peer_pid, {"http": options.peer})
        for connections in options.connections:
            case = Case("peer", "http", connections, 0)
            case.show(case.measure(peer, bodies, options.rate), None, None)


if __name__ == "__main__":
    main()
