"""Batches with more results than the queue of spans holds: every one is exported, and nobody waits for that."""

import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any

import anthropic
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from wire_processes import ROOT
from wire_recording import attributes_of
from wire_scripted import Script, answer, serving

from spanledger._outbox import Outbox
from spanledger.instrumentor import SpanLedgerInstrumentor

RESULTS = 5_000
QUEUE = 1_024


class Slow(SpanExporter):
    """Exports nothing before it may, as one whose collector is slow."""

    def __init__(self) -> None:
        self.may_export = Event()
        self.exported: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may_export.wait(30)
        self.exported += spans
        return SpanExportResult.SUCCESS


def batch_of(name: str, count: int = RESULTS) -> tuple[Script, Script]:
    path = "/v1/messages/batches/msgbatch_1/results"
    found = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "results_url": path}
    message: dict[str, Any] = {"type": "message", "role": "assistant", "model": "m", "content": []}
    lines: list[bytes] = []
    for number in range(count):
        said: dict[str, Any] = {
            **message,
            "id": f"{name}-{number}",
            "usage": {"input_tokens": number, "output_tokens": 1},
        }
        lines.append(answer({"custom_id": "c", "result": {"type": "succeeded", "message": said}}).body + b"\n")
    return answer(found), Script(b"".join(lines), "application/x-jsonl")


def results(url: str) -> Iterator[object]:
    http = anthropic.DefaultHttpxClient(verify=False)
    client = anthropic.Anthropic(base_url=url, api_key="k", http_client=http)
    return iter(client.messages.batches.results("msgbatch_1"))


@contextmanager
def instrumented_with(provider: TracerProvider) -> Generator[None]:
    instrumentor = SpanLedgerInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def test_more_results_than_the_queue_holds() -> None:
    exporter, provider = Slow(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
    with instrumented_with(provider), serving(*batch_of("slow")) as server:
        assert sum(1 for _ in results(server.url)) == RESULTS  # read to the end although nothing can be exported yet
        assert exporter.exported == []
        exporter.may_export.set()
        until = time.monotonic() + 30
        while len(exporter.exported) < RESULTS and time.monotonic() < until:
            time.sleep(0.02)
    said = [attributes_of(span) for span in exporter.exported if "gen_ai.response.id" in attributes_of(span)]
    assert {str(one["gen_ai.response.id"]) for one in said} == {f"slow-{number}" for number in range(RESULTS)}
    inputs = sum(int(str(one["gen_ai.usage.input_tokens"])) for one in said)
    assert inputs == RESULTS * (RESULTS - 1) // 2
    provider.shutdown()


AT_THE_END = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

class Printer(SpanExporter):
    def export(self, spans):
        ids = [span.attributes["gen_ai.response.id"] for span in spans if "gen_ai.response.id" in span.attributes]
        print(*ids, sep="\\n", flush=True)
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Printer(), max_queue_size=1024))
trace.set_tracer_provider(provider)
from spanledger.instrumentor import SpanLedgerInstrumentor
SpanLedgerInstrumentor().instrument()
import anthropic
http = anthropic.DefaultHttpxClient(verify=False)
client = anthropic.Anthropic(base_url=sys.argv[1], api_key="k", http_client=http)
list(client.messages.batches.results("msgbatch_1"))
"""


def test_an_application_that_ends_at_once() -> None:
    with serving(*batch_of("last", 3_000)) as server:
        command = [sys.executable, "-c", AT_THE_END, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == sorted(f"last-{number}" for number in range(3_000))


def test_trouble_with_one_does_not_hold_up_the_others() -> None:
    sent: list[int] = []
    flushed = Event()

    def flush() -> None:
        flushed.set()
        raise RuntimeError("no collector")

    outbox = Outbox(flush)
    outbox.send(lambda: sent[7])
    for number in range(600):
        outbox.send(lambda number=number: sent.append(number))
    until = time.monotonic() + 10
    while len(sent) < 600 and time.monotonic() < until:
        time.sleep(0.01)
    assert sent == list(range(600))
    assert flushed.is_set()
