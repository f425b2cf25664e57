"""A server that answers exactly what a test wrote, byte for byte: for shapes that no well-behaved provider sends."""

import json
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Script:
    """One answer. `cut`: the connection breaks after the body, which promised more. `held`: only when the test ends."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    cut: bool = False
    held: bool = False


@dataclass
class Scripted:
    """A running scripted server: `url`, and the headers of each request that came."""

    url: str
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])


def answer(document: object, status: int = 200) -> Script:
    return Script(json.dumps(document).encode(), status=status)


def chat_events(*chunks: object, cut: bool = False) -> Script:
    """A stream as OpenAI sends it: data lines, and `[DONE]` unless it is cut."""
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Script("".join([*lines, "" if cut else "data: [DONE]\n\n"]).encode(), EVENTS, cut=cut)


def named_events(*events: Mapping[str, object], cut: bool = False) -> Script:
    """A stream as Anthropic (and the Responses API) sends it: each event names its type."""
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return Script("".join(lines).encode(), EVENTS, cut=cut)


@contextmanager
def serving(*scripts: Script) -> Generator[Scripted]:
    """Answer request after request with these scripts; the last one repeats."""
    remaining, ending = _repeating_last(scripts), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    scripted = Scripted(f"http://127.0.0.1:{server.server_port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            scripted.headers.append({name.lower(): value for name, value in self.headers.items()})
            script = next(remaining)
            self.send_response(script.status)
            self.send_header("content-type", script.content_type)
            self.send_header("retry-after-ms", "1")
            self.send_header("content-length", str(len(script.body) + script.cut))
            self.end_headers()
            self.wfile.write(script.body)
            if script.held:
                ending.wait(10)
            self.close_connection = self.close_connection or script.cut

        do_GET = do_POST  # noqa: N815  # named so in the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named so in the base class
            """Say nothing."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _repeating_last(scripts: Sequence[Script]) -> Iterator[Script]:
    yield from scripts
    while True:
        yield scripts[-1]
