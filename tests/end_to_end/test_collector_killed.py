"""kill -9 of the collector: what it acknowledged is there after a restart, once, and a resend changes nothing."""

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from spanledger import semconv
from spanledger.meters import METER_BY_NAME
from spanledger_collector.demo.processes import Collector, collector

SNAPSHOT_SQL = "SELECT * EXCLUDE (settled_at) FROM calls ORDER BY call_id"


def grpc_exporter(ledger: Collector, seconds: float = 60) -> SpanExporter:
    return GrpcExporter(endpoint=f"http://{ledger.grpc}", insecure=True, timeout=seconds)


def http_exporter(ledger: Collector) -> SpanExporter:
    return HttpExporter(endpoint=f"http://{ledger.http}/v1/traces", timeout=60)


EXPORTERS = pytest.mark.parametrize("exporter", [grpc_exporter, http_exporter])


def spans_of_calls(first: int, count: int) -> Sequence[ReadableSpan]:
    """Finished spans of `count` chat calls, as our instrumentation makes them; `first` numbers their response ids."""
    kept = InMemorySpanExporter()
    tracers = TracerProvider(resource=Resource({"service.name": "killer"}))
    tracers.add_span_processor(SimpleSpanProcessor(kept))
    tracer = tracers.get_tracer(semconv.SCOPE_NAME, "0.1.0")
    for number in range(first, first + count):
        attributes = {
            semconv.OPERATION_NAME: "chat",
            semconv.PROVIDER_NAME: "openai",
            semconv.REQUEST_MODEL: "gpt-4o-mini",
            semconv.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
            semconv.RESPONSE_ID: f"chatcmpl-{number:06}",
            METER_BY_NAME["input"].attribute: 1000 + number,
            METER_BY_NAME["output"].attribute: 10,
        }
        tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=attributes).end()
    return kept.get_finished_spans()


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(db), read_only=True) as ledger:
        return ledger.execute(sql).fetchall()


@contextmanager
def exporting(make: Callable[[Collector], SpanExporter], ledger: Collector) -> Generator[SpanExporter]:
    exporter = make(ledger)
    try:
        yield exporter
    finally:
        exporter.shutdown()


@EXPORTERS
def test_acknowledged_is_there_once_after_kill(exporter: Callable[[Collector], SpanExporter], tmp_path: Path) -> None:
    db, log = tmp_path / "ledger.duckdb", tmp_path / "serve.log"
    batches = [spans_of_calls(100 * batch, 100) for batch in range(3)]
    with collector(db, log) as ledger, exporting(exporter, ledger) as sender:
        for batch in batches:
            assert sender.export(batch) is SpanExportResult.SUCCESS
        ledger.running.process.send_signal(signal.SIGKILL)
        ledger.running.process.wait()

    with collector(db, log) as ledger:
        ledger.wait_until_settled()
        assert ledger.stop() == 0, log.read_text()
    expected = sorted(f"chatcmpl-{number:06}" for number in range(300))
    assert [row[0] for row in rows(db, "SELECT response_id FROM observations ORDER BY 1")] == expected
    assert [row[0] for row in rows(db, "SELECT response_id FROM calls ORDER BY 1")] == expected

    before = rows(db, SNAPSHOT_SQL)
    with collector(db, log) as ledger, exporting(exporter, ledger) as sender:
        for batch in batches:
            assert sender.export(batch) is SpanExportResult.SUCCESS
        ledger.wait_until_settled()
        assert ledger.stop() == 0, log.read_text()
    assert rows(db, SNAPSHOT_SQL) == before
    assert rows(db, "SELECT (SELECT count(*) FROM observations), (SELECT count(*) FROM conflicts)") == [(300, 0)]


def test_kill_amid_a_stream_of_batches_loses_nothing_acknowledged(tmp_path: Path) -> None:
    db, log = tmp_path / "ledger.duckdb", tmp_path / "serve.log"
    acknowledged: list[str] = []
    enough, over = Event(), Event()
    impatient = partial(grpc_exporter, seconds=2)  # so long does it try to reach a server that is gone
    with collector(db, log) as ledger, exporting(impatient, ledger) as sender:

        def send_until_refused() -> None:
            for batch in range(10_000):
                if sender.export(spans_of_calls(10 * batch, 10)) is SpanExportResult.SUCCESS:
                    acknowledged.extend(f"chatcmpl-{number:06}" for number in range(10 * batch, 10 * batch + 10))
                elif over.is_set():
                    return
                if len(acknowledged) >= 300:
                    enough.set()

        sending = Thread(target=send_until_refused)
        sending.start()
        try:
            assert enough.wait(60)
        finally:
            over.set()
        ledger.running.process.send_signal(signal.SIGKILL)  # while the other thread goes on sending
        ledger.running.process.wait()
        sending.join()

    with collector(db, log) as ledger:
        ledger.wait_until_settled()
        assert ledger.stop() == 0, log.read_text()
    found = [row[0] for row in rows(db, "SELECT response_id FROM calls")]
    assert len(found) == len(set(found))
    assert set(found) >= set(acknowledged)
    assert len(acknowledged) >= 300
