"""An application in a process of its own, which may fork: what it prints is what it exported, span by span."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

PRELUDE = '''
import gc, json, os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

class Printer(SpanExporter):
    """One line for each exported span, written at once, as several processes write."""

    def export(self, spans):
        for span in spans:
            said = dict(span.attributes)
            document = {
                "pid": os.getpid(),
                "span_id": span.context.span_id,
                "model": said["gen_ai.request.model"],
                "status": said["spanledger.usage_status"],
                "output": said.get("gen_ai.usage.output_tokens", 0),
                "user": said.get("user.id"),
            }
            os.write(1, json.dumps(document).encode() + b"\\n")
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
from spanledger.instrumentor import SpanLedgerInstrumentor
SpanLedgerInstrumentor().instrument()
import openai, spanledger

def client():
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="k", http_client=http, max_retries=0)

def ask(model, user=None, client=client(), **more):
    with spanledger.attribution(user=user):
        question = [{"role": "user", "content": "Where is my parcel?"}]
        return client.chat.completions.create(model=model, messages=question, **more)
'''


class Exported(NamedTuple):
    """What one line says of a span."""

    pid: int
    span_id: int
    model: str
    status: str
    output: int
    user: str | None


def exported_by(app: str, url: str) -> list[Exported]:
    """Run `app` after the prelude, with the URL of a provider; the spans that it and its children exported."""
    command = [sys.executable, "-c", app, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return [Exported(**json.loads(line)) for line in done.stdout.splitlines()]
