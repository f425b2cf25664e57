"""A small HTTP server on this machine, in a thread, for as long as a test takes."""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LocalHandler(BaseHTTPRequestHandler):
    """What handlers here have in common: connections stay, the body is read by its length, nothing is logged."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.reply(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def reply(self, body: bytes) -> None:
        """Answer a request that had this body."""
        raise NotImplementedError

    def send_chunk(self, data: bytes) -> None:
        """One chunk of a chunked answer; an empty one ends it."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named so in the base class
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as in the base class
        if not isinstance(sys.exception(), ConnectionError):  # a client that goes is part of many tests
            super().handle_error(request, client_address)


@contextmanager
def local_server(handler: type[LocalHandler]) -> Generator[str]:
    """The URL of a server that answers with `handler`."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
