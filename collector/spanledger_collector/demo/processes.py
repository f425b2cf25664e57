"""The processes of the demo: each in a session of its own, stopped on any way out, waited for by condition."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from spanledger_collector.demo.failure import DemoFailed

__all__ = ["Collector", "Running", "collector", "fetch", "free_ports", "provider", "script", "stop"]

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TAIL_LINES = 8


@dataclass(frozen=True, slots=True)
class Running:
    """A process whose output goes to `log`; `what` names it in messages."""

    what: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, condition: Callable[[], bool], what_for: str) -> None:
        """Return when `condition` holds. Raises `DemoFailed` if the process ends or half a minute passes before."""
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            if self.process.poll() is not None:
                raise DemoFailed(f"{self.what} ended with code {self.process.returncode}. {self._last_lines()}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{_START_SECONDS:g} s passed without {what_for}. {self._last_lines()}")
            time.sleep(_POLL_SECONDS)

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"The last lines of {self.log}:", *lines])


@dataclass(frozen=True, slots=True)
class Collector:
    """A running `spanledger serve`: its ledger file, its addresses (HOST:PORT) and its process."""

    db: Path
    grpc: str
    http: str
    web: str
    running: Running

    @property
    def url(self) -> str:
        """Where its web port answers."""
        return f"http://{self.web}"

    def wait_until_settled(self) -> None:
        """Return when everything received is in the ledger. Raises `DemoFailed` after half a minute."""
        self.running.wait_until(lambda: fetch(f"{self.url}/v1/status")["pending"] == 0, "the ledger being settled")

    def stop(self) -> int:
        """Ask it to drain and end; its exit code."""
        return stop(self.running.process)


@contextmanager
def collector(db: Path, log: Path) -> Generator[Collector]:
    """`spanledger serve` on `db`, ready to receive on free ports; its output goes to `log`."""
    grpc, http, web = (f"127.0.0.1:{port}" for port in free_ports(3))
    command = [script("spanledger"), "serve", "--db", str(db), "--grpc", grpc, "--http", http, "--web", web]
    with _started("The collector", command, log) as running:
        running.wait_until(lambda: _is_ready(f"http://{web}/readyz"), "the collector being ready")
        yield Collector(db, grpc, http, web, running)


@contextmanager
def provider(examples: Path, log: Path) -> Generator[str]:
    """The local provider of the examples, as a process of its own; its URL."""
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(examples / "provider_server"), "--port", str(port)]
    with _started("The local provider", command, log) as running:
        running.wait_until(lambda: _is_ready(f"{url}/_served"), "the local provider being ready")
        yield url


def script(name: str) -> str:
    """The path of a console script: beside this Python if it is there, else wherever PATH finds it."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if found is None:
        raise DemoFailed(f"The command `{name}` is neither beside {sys.executable} nor on PATH.")
    return found


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end (SIGTERM), insist after 20 s (SIGKILL), and return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that were free a moment ago."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def fetch(url: str) -> Any:  # noqa: ANN401 - JSON of whatever shape the address answers with
    """The JSON at a local address, proxies aside. Raises OSError if nobody answers."""
    with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
        return json.load(response)


def _is_ready(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
            return response.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def _started(what: str, command: Sequence[str], log: Path) -> Generator[Running]:
    """A process in a session of its own, so that Ctrl-C reaches the demo only, which then stops it in order."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Running(what, process, log)
    finally:
        stop(process)
