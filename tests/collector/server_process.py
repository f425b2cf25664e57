"""The server as a process of its own: started, asked, sent to, ended."""

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from receiving import CHAT, received, request

from spanledger_collector.settings import Address

__all__ = ["COMMAND", "Server", "post", "serving"]

_READY: Final = re.compile(
    r"SpanLedger is ready\. Ledger: (.+)\n +OTLP/gRPC +(\S+)\n +OTLP/HTTP +http://(\S+)\n +web +(\S+)\n"
)
_MAIN: Final = "from spanledger_collector.cli import main; main()"
COMMAND = [sys.executable, "-c", _MAIN, "serve"]
_LIMITED: Final = (
    f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({{0}}, resource.RLIM_INFINITY)); {_MAIN}"
)


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    grpc: Address
    http: Address
    web: str

    log: Path

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        with urlopen(f"{self.web}/v1/status", timeout=10) as response:
            return json.load(response)

    def stop(self) -> tuple[int, str]:
        """End it by SIGTERM: its exit code and what it logged."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60), self.log.read_text()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(db: Path, *, file_size: int | None = None) -> Generator[Server]:
    """A server on ports of its choice; `file_size` is the largest file it may write, as if the disk ended there."""

    anywhere = [part for option in ("--grpc", "--http", "--web") for part in (option, "127.0.0.1:0")]
    limited = _LIMITED.format(file_size or "resource.RLIM_INFINITY")
    log = db.with_name("serve.log")
    with log.open("w") as errors:
        command = [sys.executable, "-c", limited, "serve", "--db", str(db), *anywhere]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield _ready(process, log)
    finally:
        process.kill()
        process.communicate()


def _ready(process: subprocess.Popen[str], log: Path) -> Server:
    assert process.stdout is not None
    said = "".join(process.stdout.readline() for _ in range(4))
    match = _READY.fullmatch(said)
    assert match is not None, f"{said!r}, and in the log {log.read_text()!r}"
    return Server(process, Address.parse(match[2]), Address.parse(match[3]), match[4], log)


def post(address: Address, numbers: Sequence[int]) -> int | None:
    """Send the spans of these numbers over HTTP: the status, or None where no answer came."""
    body = request([received(number, CHAT if number % 2 else None) for number in numbers]).SerializeToString()
    connection = http.client.HTTPConnection(*address, timeout=20)
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
