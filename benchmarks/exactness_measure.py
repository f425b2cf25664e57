"""The loop that the exactness benchmarks of further SDKs share: replay what the bare SDK can read, and compare."""

import argparse
from collections import Counter
from pathlib import Path

import exactness
from exactness import Exchange, Replay
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanledger.instrumentor import SpanLedgerInstrumentor

Counts = Counter[tuple[str, str, bool, bool]]


def options(about: str | None) -> argparse.Namespace:
    """The command line: where the corpus is, and which clients to use."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--asynchronous", action="store_true", help="use the asynchronous clients")
    return parser.parse_args()


def measure(replay: Replay, exchanges: list[Exchange]) -> int:
    """Print what is not exact, and the table; 1 if an exchange with true usage is not exact, else 0."""
    readable = [exchange for exchange in exchanges if exactness.parsed_by_the_bare_sdk(replay, exchange)]
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    SpanLedgerInstrumentor().instrument()
    counts: Counts = Counter()
    for exchange in readable:
        exporter.clear()
        replay.ask(exchange)
        spans = [span for span in exporter.get_finished_spans() if "gen_ai.operation.name" in (span.attributes or {})]
        found = list(exactness.differences(exchange, spans))
        counts[exchange["provider"], exchange["endpoint"], bool(exchange.get("truth")), not found] += 1
        for text in found:
            print(exchange["id"], exchange["provider"], exchange["endpoint"], exchange["path"], text)
    exactness.print_table(counts)
    return int(any(truth and not exact for _, _, truth, exact in counts))
