"""What the instrumentation costs an application: CPU for each call and each streamed chunk, and time at the start.

    python benchmarks/overhead.py [--calls 20] [--streams 2] [--rounds 80] [--official PYTHON]

Every kind of application is a process of its own that asks one local server, in another process, in turns: a round of
one, a round of the next, so that a busy machine slows all of them alike. Printed are, of the CPU time that a process
took (user and system), what the bare SDK takes and what is added to that, with the ratio to what the official
instrumentation adds: as the median over the rounds, and of the fastest round of each. Of a busy machine neither means
much; what can be repeated there is the number of instructions, with valgrind.

The limits were set on a machine in a state in which the official instrumentation added 228 us to a call and 17.5 us to
a chunk: where it adds more or less than that, the ratio (at most 0.66 and 0.28) says what the numbers of ours mean.

`--official` is the interpreter of an environment that also has `opentelemetry-instrumentation-genai-openai` and
`-genai-anthropic`; what they add is measured against the bare SDK of that environment. Spans go to a provider that
drops them: sending them is the same for everybody.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple, cast

CHUNKS = 500
CHAT = {"role": "user", "content": "Where is my parcel?"}
SERVER = f"""
import http.server, json
def event(delta, reason=None, **more):
    choice = {{"index": 0, "delta": delta, "finish_reason": reason}}
    chunk = {{"id": "chatcmpl-abcdefgh", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}}
    return b"data: " + json.dumps({{**chunk, "choices": [choice], **more}}).encode() + b"\\n\\n"
usage = {{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
message = {{"role": "assistant", "content": "On its way."}}
gpt = json.dumps({{"id": "chatcmpl-abcdefgh", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
    "choices": [{{"index": 0, "message": message, "finish_reason": "stop"}}], "usage": usage}}).encode()
claude = json.dumps({{"id": "msg_abcdefgh", "type": "message", "role": "assistant", "model": "claude-sonnet-5",
    "content": [{{"type": "text", "text": "On its way."}}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {{"input_tokens": 10, "output_tokens": 5}}}}).encode()
events = event({{"content": "word "}}) * {CHUNKS} + event({{}}, "stop", usage=usage) + b"data: [DONE]\\n\\n"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", 65536  # head and body in one piece, else the client waits for the second
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = claude if self.path.endswith("/messages") else events if asked.get("stream") else gpt
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if body is events else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""The smallest answers, so that what is measured is the call."""

APPLICATION = f"""
import gc, json, sys, time
kind, port = sys.argv[1:]
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
if kind == "ours":
    from spanledger.instrumentor import SpanLedgerInstrumentor
    SpanLedgerInstrumentor().instrument()
elif kind == "official":
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()
import anthropic, openai
url = f"http://127.0.0.1:{{port}}"
gpt = openai.OpenAI(base_url=url + "/v1", api_key="none", http_client=openai.DefaultHttpxClient(trust_env=False))
claude = anthropic.Anthropic(base_url=url, api_key="none", http_client=anthropic.DefaultHttpxClient(trust_env=False))
ask = {{"messages": [{CHAT!r}]}}
def openai_call():
    gpt.chat.completions.create(model="gpt-4o", **ask)
def anthropic_call():
    claude.messages.create(model="claude-sonnet-5", max_tokens=50, **ask)
def openai_chunks():
    options = {{"include_usage": True}}
    for _ in gpt.chat.completions.create(model="gpt-4o", stream=True, stream_options=options, **ask):
        pass
for line in sys.stdin:
    name, times = json.loads(line)
    work = globals()[name]
    gc.collect()
    started = time.process_time()
    for _ in range(times):
        work()
    print(json.dumps((time.process_time() - started) / times), flush=True)
"""


class Work(NamedTuple):
    """What is asked for: the function of the application, and how many parts one turn of it has."""

    title: str
    function: str
    parts: int
    limit_us: float


WORK = (
    Work("openai, call", "openai_call", 1, 150.0),
    Work("anthropic, call", "anthropic_call", 1, 150.0),
    Work("openai, streamed chunk", "openai_chunks", CHUNKS, 5.0),
)


@contextmanager
def started(command: Sequence[str]) -> Generator[subprocess.Popen[str]]:
    """A process that is told what to do on stdin and answers on stdout."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answer_of(process: subprocess.Popen[str], question: str = "") -> str:
    """The line that the process answers."""
    if question:
        asking = cast("IO[str]", process.stdin)
        asking.write(f"{question}\n")
        asking.flush()
    line = cast("IO[str]", process.stdout).readline()
    if not line:
        raise SystemExit("an application ended before it answered")
    return line


class Added(NamedTuple):
    """CPU microseconds for each part of the work, of the bare SDK (`bare`) and what each instrumentation adds to it."""

    bare: float
    by_kind: dict[str, float]


BARE_OF = {"ours": "bare", "official": "bare, official's"}
"""The application that each is compared with: the SDK without it, in the same environment."""


def measure(applications: dict[str, subprocess.Popen[str]], work: Work, times: int, rounds: int) -> tuple[Added, Added]:
    """The medians over the rounds, where what is added is the difference within a round, and the fastest rounds.

    Every other round goes the other way round, so that no application always follows the same one.
    """
    took: dict[str, list[float]] = {kind: [] for kind in applications}
    for turn in range(rounds + 1):
        for kind in list(applications)[:: 1 if turn % 2 else -1]:
            seconds = float(answer_of(applications[kind], json.dumps([work.function, times])))
            if turn:  # the first is for warming up
                took[kind].append(seconds / work.parts * 1e6)
    measured = {kind: (took[kind], took[BARE_OF[kind]]) for kind in BARE_OF if kind in took}
    medians = {kind: median(us - of_bare for us, of_bare in zip(*pair, strict=True)) for kind, pair in measured.items()}
    fastest = {kind: min(us) - min(of_bare) for kind, (us, of_bare) in measured.items()}
    return Added(median(took["bare"]), medians), Added(min(took["bare"]), fastest)


def show(work: Work, name: str, added: Added) -> None:
    """One line: CPU of the bare SDK, what each instrumentation adds, and how ours compares."""
    parts = [f"bare {added.bare:8.1f} us", *(f"{kind} +{us:.1f} us" for kind, us in added.by_kind.items())]
    if "official" in added.by_kind:
        parts.append(f"ours/official {added.by_kind['ours'] / added.by_kind['official']:.2f}")
    print(f"{work.title:24}{name:8}", *parts, f"(at most {work.limit_us:g} us)", sep="  ")


def start_up(rounds: int) -> tuple[float, float]:
    """Median milliseconds of `opentelemetry-instrument python -c pass`: without our instrumentation, with it."""
    took: dict[str, list[float]] = {"spanledger": [], "": []}
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "-c", "pass"]
    nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    for _ in range(rounds):
        for disabled, found in took.items():
            environment = {**os.environ, **nowhere, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
            before = time.perf_counter()
            subprocess.run(command, env=environment, check=True)
            found.append((time.perf_counter() - before) * 1000)
    return median(took["spanledger"]), median(took[""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--official", metavar="PYTHON", help="interpreter with the official instrumentation too")
    given = parser.parse_args()
    interpreters: dict[str, str] = {"bare": sys.executable, "ours": sys.executable}
    if given.official:
        interpreters |= {"official": given.official, BARE_OF["official"]: given.official}
    with started([sys.executable, "-c", SERVER]) as server:
        port = answer_of(server).strip()
        with ExitStack() as stack:
            applications = {
                kind: stack.enter_context(started([python, "-c", APPLICATION, kind, port]))
                for kind, python in interpreters.items()
            }
            for work in WORK:
                times = cast("int", given.calls if work.parts == 1 else given.streams)
                medians, fastest = measure(applications, work, times, cast("int", given.rounds))
                show(work, "median", medians)
                show(work, "fastest", fastest)
    without, with_ours = start_up(25)
    print(f"start-up: {without:.0f} ms without, {with_ours:.0f} ms with: +{with_ours - without:.0f} ms (at most 30 ms)")


if __name__ == "__main__":
    main()
