"""Spans as the OpenTelemetry SDK makes them, for its exporters to send."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from receiving import CHAT

__all__ = ["EXPORT_SECONDS", "spans"]

EXPORT_SECONDS = 60
"""For an exporter that is to succeed: on a busy machine none gives up, or sends a second time and is counted twice."""


def spans() -> Sequence[ReadableSpan]:
    """A trace of two spans, the inner one a model call."""
    kept = InMemorySpanExporter()
    tracers = TracerProvider(resource=Resource({"service.name": "shop"}))
    tracers.add_span_processor(SimpleSpanProcessor(kept))
    tracer = tracers.get_tracer("spanledger", "0.1")
    attributes: dict[str, Any] = {**CHAT, "gen_ai.response.finish_reasons": ["stop"], "odd": 0.25}
    with tracer.start_as_current_span("outer"):
        tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=attributes).end()
    return kept.get_finished_spans()
