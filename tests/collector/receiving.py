"""The front half of the collector in this process: real sockets, the real journal, no settling. And spans to send."""

import asyncio
import json
import time
from base64 import b64decode
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from background import in_background
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.types import ASGIApp

from spanledger_collector import dialects
from spanledger_collector.connections import ConnectionLimits
from spanledger_collector.journal import Journal
from spanledger_collector.journal.rows import Dialects
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import http_server, listen
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope
from spanledger_collector.receive.bodies import Budget
from spanledger_collector.receive.grpc_server import grpc_server
from spanledger_collector.receive.http_app import build_http_app
from spanledger_collector.receive.receiver import Receiver
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.settings import Address
from spanledger_collector.stats import Snapshot, Stats

__all__ = [
    "ANY_PORT",
    "CHAT",
    "START",
    "Appended",
    "PatientJournal",
    "Receiving",
    "in_json",
    "journal_on",
    "received",
    "receiving",
    "request",
    "stored",
    "until",
]

ANY_PORT = Address("127.0.0.1", 0)
START = 1_790_000_000_000_000_000
_LIMITS = ConnectionLimits()


@dataclass(frozen=True)
class Receiving:
    """A receiver that runs, and what it writes to."""

    ledger: Ledger
    stats: Stats
    journal: Journal
    budget: Budget
    grpc: Address
    http: Address

    def counted(self, *path: str) -> float:
        """One number of the statistics; 0 where nothing was counted under that name yet."""
        found: float | Snapshot = self.stats.snapshot()
        for name in path:
            found = found.get(name, 0.0) if isinstance(found, dict) else 0.0
        assert isinstance(found, float), f"{path} is a group"
        return found


@contextmanager
def receiving(
    db: Path,
    *,
    max_request_bytes: int = 1024 * 1024,
    max_waiting_bytes: int = 8 * 1024 * 1024,
    grpc: Address = ANY_PORT,
    grace: float = 5,
    limits: ConnectionLimits = _LIMITS,
    cors_origins: Sequence[str] = (),
) -> Generator[Receiving]:
    """Receive in a thread of its own, so that a test may block."""

    async def serve(ready: Callable[[Receiving], None], until_stopped: Callable[[], Awaitable[object]]) -> None:
        with Ledger.open(db) as ledger, journal_on(ledger) as (journal, stats):
            receiver = Receiver(
                journal, stats, max_request_bytes=max_request_bytes, max_waiting_bytes=max_waiting_bytes
            )
            app = build_http_app(receiver, cors_origins)
            async with _servers(receiver, app, grpc, grace, limits) as addresses:
                ready(Receiving(ledger, stats, journal, receiver.budget, *addresses))
                await until_stopped()

    with in_background(serve) as running:
        yield running


@asynccontextmanager
async def _servers(
    receiver: Receiver, app: ASGIApp, address: Address, grace: float, limits: ConnectionLimits
) -> AsyncGenerator[tuple[Address, Address]]:
    listener = listen("OTLP/HTTP", ANY_PORT, "--http")
    async with (
        grpc_server(receiver, address, grace, limits=limits) as grpc,
        http_server(app, listener, grace, limits=limits) as http,
    ):
        yield grpc, http


class Appended(NamedTuple):
    """What became of spans."""

    stored: int
    duplicates: int = 0
    conflicts: int = 0


class PatientJournal(Journal):
    """A journal that returns only when the spans are in the database too, so that a test may ask at once."""

    def __init__(self, ledger: Ledger, stats: Stats, reading: Dialects, on_commit: Callable[[], None]) -> None:
        super().__init__(ledger, stats, reading, on_commit, pause_seconds=0.0)
        self._counts = stats

    async def append(self, spans: ReceivedSpans | Sequence[ReceivedSpan], client: str = "") -> None:
        await super().append(spans, client)
        await asyncio.to_thread(until, lambda: self.waiting.requests == 0)

    async def take(self, *requests: Sequence[ReceivedSpan]) -> Appended:
        """Append the requests at once; what became of all their spans, if nothing else was appended meanwhile."""
        before = self._counted()
        await asyncio.gather(*map(self.append, requests))
        return Appended(*(after - former for after, former in zip(self._counted(), before, strict=True)))

    def _counted(self) -> Sequence[int]:
        counts = self._counts.snapshot()
        found = [counts[f"spans_{name}"] for name in ("journaled", "duplicate", "conflicting")]
        return [int(count) for count in found if isinstance(count, float)]


@contextmanager
def journal_on(
    ledger: Ledger, reading: Dialects = dialects, on_commit: Callable[[], None] = lambda: None
) -> Generator[tuple[PatientJournal, Stats]]:
    """A journal, closed at the end."""
    stats = Stats()
    journal = PatientJournal(ledger, stats, reading, on_commit)
    try:
        yield journal, stats
    finally:
        journal.close()


def received(
    number: int,
    attributes: Attributes | None = None,
    *,
    name: str = "GET /",
    started_ns: int = START,
    parent: bytes | None = None,
) -> ReceivedSpan:
    """The span of that number; two with the same arguments are equal."""
    return ReceivedSpan(
        trace_id=(number // 4 + 1).to_bytes(16),
        span_id=(number + 1).to_bytes(8),
        parent_span_id=parent,
        name=name,
        kind=3,
        started_ns=started_ns + number,
        ended_ns=started_ns + number + 1000,
        status=1,
        attributes=attributes or {},
        resource={"service.name": "shop"},
        scope=Scope("tests", "1"),
    )


CHAT: dict[str, AttributeValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
}
"""Attributes of a model call."""


def request(spans: Sequence[ReceivedSpan]) -> ExportTraceServiceRequest:
    """The spans (whose attributes are text and integers) as an exporter sends them."""
    sent = ExportTraceServiceRequest()
    for span in spans:
        resource_spans = sent.resource_spans.add()
        resource_spans.resource.attributes.add(key="service.name").value.string_value = span.service
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = span.scope.name, span.scope.version
        written = scope_spans.spans.add(trace_id=span.trace_id, span_id=span.span_id, name=span.name)
        written.parent_span_id = span.parent_span_id or b""
        written.kind = span.kind  # pyright: ignore[reportAttributeAccessIssue] - an enum's number is an int at run time
        written.start_time_unix_nano, written.end_time_unix_nano = span.started_ns, span.ended_ns
        written.status.code = span.status  # pyright: ignore[reportAttributeAccessIssue] - as above
        for key, value in span.attributes.items():
            pair = written.attributes.add(key=key).value
            if isinstance(value, int):
                pair.int_value = value
            else:
                pair.string_value = str(value)
    return sent


def in_json(sent: ExportTraceServiceRequest) -> bytes:
    """The request in OTLP JSON, which deviates from protobuf's own mapping: ids in hex, enums as numbers."""
    document = MessageToDict(sent, use_integers_for_enums=True)
    for resource_spans in document["resourceSpans"]:
        for span in (span for scope_spans in resource_spans["scopeSpans"] for span in scope_spans["spans"]):
            ids = {name: b64decode(span[name]).hex() for name in ("traceId", "spanId", "parentSpanId") if name in span}
            span.update(ids)
    return json.dumps(document).encode()


def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def stored(ledger: Ledger, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    cursor = ledger.cursor()
    try:
        return cursor.execute(sql).fetchall()
    finally:
        cursor.close()
