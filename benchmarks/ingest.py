"""How fast the collector takes spans in, durably and once, and what that costs, beside servers that do less.

    python benchmarks/ingest.py [--requests 200] [--connections 8] [--transport http|grpc] [--retries 0.05]

Requests of 512 spans are serialised before the clock runs: half of them model calls with 14 attributes, half HTTP and
database spans with 6. Each of these servers, a process of its own, gets the same requests:

    blackhole   reads the body and answers
    decode      also decodes every span
    journal     also makes every span durable, once
    spanledger  `spanledger serve`: also settles and prices every call (the clock runs until the last one is)
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector import dialects
from spanledger_collector.journal import Journal
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import http_server, listen
from spanledger_collector.receive.answers import Encoding, success
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.grpc_server import grpc_server
from spanledger_collector.receive.http_app import build_http_app
from spanledger_collector.receive.receiver import Receiver, Signal
from spanledger_collector.settings import Address
from spanledger_collector.sidecar import read_sidecar
from spanledger_collector.stats import Stats

SPANS = 512
ANYWHERE = Address("127.0.0.1", 0)
LIMITS = {"max_request_bytes": 16 * 1024 * 1024, "max_waiting_bytes": 64 * 1024 * 1024}
MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "o3-mini")


def span_request(random: Random) -> bytes:
    """One request of 512 spans, in traces of eight."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = resource_spans.scope_spans.add()
    spans.scope.name, spans.scope.version = "spanledger", "0.1.0"
    now = time.time_ns()
    trace_ids = [random.randbytes(16) for _ in range(SPANS // 8)]
    for number in range(SPANS):
        parent = b"" if number % 8 == 0 else spans.spans[number - number % 8].span_id
        span = spans.spans.add(trace_id=trace_ids[number // 8], span_id=random.randbytes(8), parent_span_id=parent)
        span.start_time_unix_nano = now + number
        span.end_time_unix_nano = now + number + random.randrange(10**9)
        attributes = model_call(random) if number % 2 else http_call(random)
        span.kind, span.name = Span.SPAN_KIND_CLIENT, str(attributes.get("gen_ai.request.model", "GET /items"))
        for key, value in attributes.items():
            pair = span.attributes.add(key=key).value
            if isinstance(value, int):
                pair.int_value = value
            else:
                pair.string_value = value
    return request.SerializeToString()


def model_call(random: Random) -> dict[str, str | int]:
    """The attributes of a model call."""
    model = random.choice(MODELS)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": f"chatcmpl-{random.getrandbits(96):024x}",
        "gen_ai.usage.input_tokens": random.randrange(100, 9000),
        "gen_ai.usage.output_tokens": random.randrange(900),
        "gen_ai.usage.cache_read.input_tokens": random.randrange(100),
        "server.address": "api.openai.com",
        "server.port": 443,
        "user.id": f"user-{random.randrange(50)}",
        "session.id": f"session-{random.randrange(500)}",
        "spanledger.feature": "search",
        "gen_ai.request.max_tokens": 1000,
    }


def http_call(random: Random) -> dict[str, str | int]:
    """The attributes of an HTTP span."""
    return {
        "http.request.method": "GET",
        "url.full": f"http://items.internal/items/{random.randrange(10**6)}",
        "server.address": "items.internal",
        "server.port": 80,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }


class Blackhole(Receiver):
    """Answers without looking."""

    async def export(self, signal: Signal, encoding: Encoding, body: bytes) -> bytes:  # noqa: ARG002 - as its base
        """Success."""
        return success(0, "", encoding)


class Decoding(Blackhole):
    """Decodes, and forgets."""

    async def export(self, signal: Signal, encoding: Encoding, body: bytes) -> bytes:
        """Success, if it can be decoded."""
        decode_traces(body)
        return await super().export(signal, encoding, body)


RECEIVERS: dict[str, type[Receiver]] = {"blackhole": Blackhole, "decode": Decoding, "journal": Receiver}


async def serve_some(kind: type[Receiver], db: Path, ready: Connection) -> None:
    """Serve one of the receivers until the parent says stop; tells it the addresses."""
    with Ledger.open(db) as ledger:
        stats = Stats()
        journal = Journal(ledger, stats, dialects, lambda: None)
        receiver = kind(journal, stats, **LIMITS)
        listener = listen("OTLP/HTTP", ANYWHERE, "--http")
        async with (
            grpc_server(receiver, ANYWHERE, 5) as over_grpc,
            http_server(build_http_app(receiver), listener, 5) as over_http,
        ):
            ready.send((over_grpc, over_http))
            await asyncio.to_thread(ready.recv)
        await asyncio.to_thread(journal.close)


def run_some(kind: str, db: Path, ready: Connection) -> None:
    """The process of a receiver."""
    asyncio.run(serve_some(RECEIVERS[kind], db, ready))


@dataclass(frozen=True)
class Server:
    """A server to send to; `web` where it settles."""

    pid: int
    grpc: Address
    http: Address
    web: str | None = None

    def cpu_seconds(self) -> float:
        """CPU time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The largest resident set so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def pending(self) -> int:
        """How many observations are not settled yet."""
        if self.web is None:
            return 0
        with urlopen(f"{self.web}/v1/status", timeout=60) as response:
            return json.load(response)["pending"]


@contextmanager
def receiver_process(kind: str, db: Path) -> Generator[Server]:
    """One of the receivers in a process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_some, args=(kind, db, theirs))
    process.start()
    try:
        over_grpc, over_http = ours.recv()
        yield Server(process.pid or 0, over_grpc, over_http)
    finally:
        ours.send("stop")
        process.join()


@contextmanager
def spanledger_process(db: Path) -> Generator[Server]:
    """The whole collector in a process."""
    command = [sys.executable, "-c", "from spanledger_collector.cli import main; main()", "serve", "--db", str(db)]
    options = [part for option in ("--grpc", "--http", "--web") for part in (option, str(ANYWHERE))]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, over_grpc, over_http, _ = (process.stdout.readline().split()[-1] for _ in range(4))
        sidecar = read_sidecar(db)
        assert sidecar is not None
        http_address = Address.parse(over_http.removeprefix("http://"))
        try:
            yield Server(process.pid, Address.parse(over_grpc), http_address, sidecar.web)
        finally:
            process.terminate()


def http_sender(server: Server) -> Callable[[bytes], None]:
    """Sends on a connection of its own."""
    connection = http.client.HTTPConnection(*server.http, timeout=60)

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/traces", body, {"content-type": Encoding.PROTOBUF.value})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status

    return send


def grpc_sender(server: Server) -> Callable[[bytes], None]:
    """Sends on a channel of its own."""
    channel: Any = grpc.insecure_channel(str(server.grpc), [("grpc.use_local_subchannel_pool", 1)])
    call = channel.unary_unary(f"/{Signal.TRACES.service}/Export")

    def send(body: bytes) -> None:
        call(body, timeout=60)

    return send


SENDERS = {"http": http_sender, "grpc": grpc_sender}


def measure(name: str, server: Server, requests: Sequence[bytes], connections: int, transport: str) -> None:
    """Send everything and print one line."""
    senders = [SENDERS[transport](server) for _ in range(connections)]
    work = iter(requests)
    taken: list[float] = []

    def run(send: Callable[[bytes], None]) -> None:
        for body in work:  # shared: each request is sent once
            started = time.perf_counter()
            send(body)
            taken.append(time.perf_counter() - started)

    used, started = server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(run, senders))
    sent_in = time.perf_counter() - started
    while server.pending():
        time.sleep(0.05)
    lag = time.perf_counter() - started - sent_in
    spans = len(requests) * SPANS
    cpu = (server.cpu_seconds() - used) * 100_000 / spans
    taken.sort()
    p50, p99 = (1000 * taken[int(len(taken) * share)] for share in (0.5, 0.99))
    rate, peak = spans / sent_in, server.peak_mib()
    print(f"{name:<11} {rate:>8,.0f} {cpu:>11.2f} {p50:>8.1f} {p99:>8.1f} {peak:>8.0f} {lag:>7.2f}")


def main() -> None:
    """The report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--transport", choices=sorted(SENDERS), default="http")
    parser.add_argument("--retries", type=float, default=0.0, help="share of requests that are sent a second time")
    options = parser.parse_args()
    random = Random(1)
    requests = [span_request(random) for _ in range(options.requests)]
    for _ in range(int(options.retries * options.requests)):
        requests.insert(random.randrange(len(requests)), random.choice(requests))
    print(f"{len(requests)} requests of {SPANS} spans, {len(requests[0]) // 1000} kB each, over {options.transport}")
    print("server       spans/s  CPU s/100k   p50 ms   p99 ms  RSS MiB   lag s")
    for name in (*RECEIVERS, "spanledger"):
        with TemporaryDirectory() as folder:
            db = Path(folder, "ledger.duckdb")
            process = spanledger_process(db) if name == "spanledger" else receiver_process(name, db)
            with process as server:
                measure(name, server, requests, options.connections, options.transport)


if __name__ == "__main__":
    main()
