"""Sends a trace of two spans, the inner one a model call, by OpenTelemetry's JSON exporter: send_json.py URL"""

import sys
from importlib import import_module

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

kept = InMemorySpanExporter()
provider = TracerProvider(resource=Resource({"service.name": "py http/json"}))
provider.add_span_processor(SimpleSpanProcessor(kept))
tracer = provider.get_tracer("spanledger", "0.1")
attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
    "half": 0.5,
    "yes": True,
}
with tracer.start_as_current_span("outer"):
    tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=attributes).end()
# Only where this runs is it installed.
exporter = import_module("opentelemetry.exporter.otlp.json.http.trace_exporter").OTLPSpanExporter(endpoint=sys.argv[1])
sys.exit(exporter.export(kept.get_finished_spans()) is not SpanExportResult.SUCCESS)
