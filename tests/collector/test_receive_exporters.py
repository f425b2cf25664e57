"""The real OpenTelemetry exporters against the receiver: all signals, both transports, every compression."""

from typing import Any

import pytest
from grpc import Compression as GrpcCompression
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from receiving import Receiving, stored
from sdk_spans import EXPORT_SECONDS, spans


def grpc_spans(receiver: Receiving, compression: GrpcCompression) -> SpanExporter:
    return GrpcSpans(endpoint=f"http://{receiver.grpc}", insecure=True, compression=compression, timeout=EXPORT_SECONDS)


def http_spans(receiver: Receiving, compression: Compression) -> SpanExporter:
    return HttpSpans(endpoint=f"{receiver.http.url}/v1/traces", compression=compression, timeout=EXPORT_SECONDS)


@pytest.mark.parametrize("compression", [GrpcCompression.NoCompression, GrpcCompression.Gzip, GrpcCompression.Deflate])
def test_spans_over_grpc(receiver: Receiving, compression: GrpcCompression) -> None:
    _check_stored_once(receiver, "grpc", grpc_spans(receiver, compression))


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_spans_over_http(receiver: Receiving, compression: Compression) -> None:
    _check_stored_once(receiver, "http", http_spans(receiver, compression))


def _check_stored_once(receiver: Receiving, transport: str, exporter: SpanExporter) -> None:
    sent = spans()
    for _ in range(2):
        assert exporter.export(sent) is SpanExportResult.SUCCESS
    exporter.shutdown()
    found = stored(receiver.ledger, "SELECT name, kind, service, scope, status FROM spans ORDER BY started_at")
    assert found == [
        ("outer", "internal", "shop", "spanledger", "unset"),
        ("chat", "client", "shop", "spanledger", "unset"),
    ]
    assert stored(receiver.ledger, "SELECT request_model FROM observations") == [("gpt-4o-mini",)]
    assert receiver.counted("requests", transport, "traces", "ok") == 2
    assert receiver.counted("spans_received") == 4
    assert receiver.counted("spans_duplicate") == 2
    assert receiver.counted("spans_conflicting") == 0


def test_the_same_spans_over_both_transports_are_one(receiver: Receiving) -> None:
    sent = spans()
    for exporter in (grpc_spans(receiver, GrpcCompression.Gzip), http_spans(receiver, Compression.NoCompression)):
        assert exporter.export(sent) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert receiver.counted("spans_journaled") == receiver.counted("spans_duplicate") == 2
    assert receiver.counted("spans_conflicting") == 0


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_metrics_are_acknowledged_and_counted(
    receiver: Receiving, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    exporter: MetricExporter = (
        GrpcMetrics(endpoint=f"http://{receiver.grpc}", insecure=True, timeout=EXPORT_SECONDS)
        if transport == "grpc"
        else HttpMetrics(endpoint=f"{receiver.http.url}/v1/metrics", timeout=EXPORT_SECONDS)
    )
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)])
    provider.get_meter("tests").create_counter("sold").add(3)
    assert provider.force_flush()
    provider.shutdown()
    assert receiver.counted("requests", transport, "metrics", "ok") >= 1
    assert caplog.text == ""


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_an_empty_export_of_logs_is_acknowledged(receiver: Receiving, transport: str) -> None:
    exporter: Any = (
        GrpcLogs(endpoint=f"http://{receiver.grpc}", insecure=True, timeout=EXPORT_SECONDS)
        if transport == "grpc"
        else HttpLogs(endpoint=f"{receiver.http.url}/v1/logs", timeout=EXPORT_SECONDS)
    )
    exporter.export([])
    exporter.shutdown()
    assert receiver.counted("requests", transport, "logs", "ok") == 1
