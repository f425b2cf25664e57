"""One run of the example app under `opentelemetry-instrument`, exactly as a reader would start it."""

import re
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from spanledger_collector.demo.failure import DemoFailed
from spanledger_collector.demo.processes import script, stop

__all__ = ["Transport", "app_environment", "run_app"]

_ERROR_LINE = re.compile(r"error|traceback|exception|failed|unavailable|unimplemented", re.IGNORECASE)
_LOCAL_KEYS = ("OPENAI_", "ANTHROPIC_")


@dataclass(frozen=True, slots=True)
class Transport:
    """How the app exports: `protocol` is the value of OTEL_EXPORTER_OTLP_PROTOCOL, `address` is HOST:PORT."""

    protocol: str
    address: str

    @property
    def variables(self) -> dict[str, str]:
        """The OpenTelemetry environment of this transport."""
        return {
            "OTEL_SERVICE_NAME": "demo-app",
            "OTEL_EXPORTER_OTLP_PROTOCOL": self.protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.address}",
        }


def app_environment(transport: Transport, provider_url: str | None, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of the app: `own` without OpenTelemetry settings, those of the transport, and the provider.

    With a `provider_url` the SDKs talk to that, with a made-up key; without, they keep what is in `own`.
    """
    foreign = ("OTEL_", *_LOCAL_KEYS) if provider_url else ("OTEL_",)
    environment = {name: value for name, value in own.items() if not name.startswith(foreign)} | transport.variables
    local = [part for part in (own.get("NO_PROXY"), "127.0.0.1", "localhost") if part]
    environment |= {"NO_PROXY": ",".join(local), "no_proxy": ",".join(local), "PYTHONUNBUFFERED": "1"}
    if provider_url:
        keys = {"OPENAI_API_KEY": "no-key-needed", "ANTHROPIC_API_KEY": "no-key-needed"}
        environment |= keys | {"OPENAI_BASE_URL": f"{provider_url}/v1", "ANTHROPIC_BASE_URL": provider_url}
    return environment


def run_app(
    app: Path, environment: Mapping[str, str], log: Path, say: Callable[[str], None], seconds: float = 60.0
) -> None:
    """Run the app to its end and `say` each line it prints; what it writes to stderr goes to `log`.

    Raises `DemoFailed` if it does not end with 0 in `seconds`, or if a line on stderr looks like an error: exporters
    report their troubles there and nowhere else.
    """
    with _started(app, environment, log, seconds) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        for printed in process.stdout:
            say(printed.decode(errors="replace").rstrip())
        code = process.wait()
    complaints = [text for text in log.read_text(errors="replace").splitlines() if _ERROR_LINE.search(text)]
    if code != 0:
        raise DemoFailed(f"The app ended with code {code}; what it wrote to stderr is in {log}.")
    if complaints:
        raise DemoFailed(f"The app wrote errors to stderr ({log}), the first one: {complaints[0]}")


@contextmanager
def _started(
    app: Path, environment: Mapping[str, str], log: Path, seconds: float
) -> Generator[subprocess.Popen[bytes]]:
    command = [script("opentelemetry-instrument"), sys.executable, str(app)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            start_new_session=True,
        )
    too_late = Timer(seconds, process.kill)
    too_late.start()
    try:
        yield process
    finally:
        too_late.cancel()
        stop(process)
