"""What `ingest.py` measures of a server, and the line that it prints of it."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest_load import SENDERS, SPANS, send_all
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger_collector.settings import Address

__all__ = ["HEAD", "Case", "Measured", "Server", "reading_microseconds"]

HEAD: Final = (
    "server     over   conns stored before  spans/s  CPU s/100k  ratio  p50 ms  p99 ms ready s  idle  peak"
    "  behind  lag s       rows read us of read\n"
    "                                                                                     RSS, MiB"
)
_READ: Final = 10
"""Requests that are read for the baseline; the median of five times, which takes half a second."""
_TIMES: Final = 5


@dataclass(frozen=True)
class Server:
    """A server to send to; `pending` is what it has acknowledged and not done with."""

    pid: int
    addresses: dict[str, Address]
    ready_seconds: float = 0.0
    pending: Callable[[], int] = lambda: 0

    def cpu_seconds(self) -> float:
        """CPU time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, word: str) -> float:
        """The resident set now (`VmRSS`) or at most so far (`VmHWM`)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(f"{word}:")[2].split()[0]) / 1024

    def wait_until_idle(self) -> None:
        """Until it has used no CPU time for a while: what a start left to do is done."""
        used = -1.0
        while self.cpu_seconds() - used > 0.02:
            used = self.cpu_seconds()
            time.sleep(0.3)


def reading_microseconds(bodies: Sequence[bytes]) -> float:
    """CPU time in microseconds that reading a span takes here, by protobuf's full schema and attribute by attribute."""
    taken: list[float] = []
    for _ in range(_TIMES):
        began = time.process_time()
        spans = sum(map(_read, bodies[:_READ]))
        taken.append((time.process_time() - began) * 1e6 / spans)
    return statistics.median(taken)


def _read(body: bytes) -> int:
    """How many spans there were."""
    read: list[dict[str, object]] = []
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                attributes: dict[str, object] = {}
                for pair in span.attributes:
                    value = pair.value
                    attributes[pair.key] = getattr(value, value.WhichOneof("value") or "string_value")
                read.append(attributes)
    return len(read)


@dataclass(frozen=True)
class Measured:
    """Of one server: spans/s, CPU seconds for 100,000 spans, milliseconds of a request, seconds to be ready, MiB of
    memory, spans that were behind and for how many seconds, and the baseline in microseconds a span."""

    rate: float
    cpu: float
    p50: float
    p99: float
    ready: float
    idle: float
    peak: float
    behind: int
    lag: float
    reading: float


@dataclass(frozen=True)
class Case:
    """One line of the report."""

    name: str
    transport: str
    connections: int
    stored: int

    def measure(self, server: Server, bodies: Sequence[bytes], rate: int) -> Measured:
        """Send everything, and wait until the server is done with it."""
        senders = [SENDERS[self.transport](server.addresses[self.transport]) for _ in range(self.connections)]
        server.wait_until_idle()
        idle = server.memory_mib("VmRSS")
        send_all(senders[:1], bodies[:1], 0)
        server.wait_until_idle()  # the first request has the keys sealed that were read at the start
        reading = reading_microseconds(bodies)
        bodies = bodies[1:]
        used, started = server.cpu_seconds(), time.perf_counter()
        sent = send_all(senders, bodies, rate)
        behind = pending = server.pending()
        while pending:
            time.sleep(0.05)
            pending = server.pending()
        lag = time.perf_counter() - started - sent.seconds
        spans = len(bodies) * SPANS
        cpu = (server.cpu_seconds() - used) * 100_000 / spans
        p50, p99 = (1000 * sent.each[int(len(sent.each) * share)] for share in (0.5, 0.99))
        peak = server.memory_mib("VmHWM")
        return Measured(spans / sent.seconds, cpu, p50, p99, server.ready_seconds, idle, peak, behind, lag, reading)

    def show(self, one: Measured, baseline: float | None, rows: int | None) -> None:
        """Print the line, with the ratio of its CPU time to the `baseline`, and the rows that were stored, if known."""
        ratio = one.cpu / (baseline or one.cpu)
        stored = "-" if rows is None else f"{rows:,}"
        of_read = 10 * one.cpu / one.reading  # a second for 100,000 spans is 10 microseconds for each
        print(
            f"{self.name:<11}{self.transport:<6}{self.connections:>5}{self.stored:>12,}{one.rate:>9,.0f}"
            f"{one.cpu:>12.2f}{ratio:>7.2f}{one.p50:>8.1f}{one.p99:>8.1f}{one.ready:>8.2f}{one.idle:>6.0f}"
            f"{one.peak:>6.0f}{one.behind:>8,}{one.lag:>7.2f}{stored:>11}{one.reading:>8.1f}{of_read:>8.2f}",
            flush=True,
        )
