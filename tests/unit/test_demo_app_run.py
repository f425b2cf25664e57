"""How the demo runs its app: in an environment of known settings, and not content with an app that complains."""

import os
from pathlib import Path

import pytest

from spanledger_collector.demo.app_run import Transport, app_environment, run_app
from spanledger_collector.demo.failure import DemoFailed

GRPC = Transport("grpc", "127.0.0.1:14317")
SILENT = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
OWN = {
    "PATH": "/bin",
    "NO_PROXY": "intranet",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere:4317",
    "OPENAI_API_KEY": "a real one",
    "ANTHROPIC_AUTH_TOKEN": "a real one",
}


def test_local_provider_replaces_every_key_and_endpoint() -> None:
    environment = app_environment(GRPC, "http://127.0.0.1:8080", OWN)
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:14317"
    assert environment["OPENAI_BASE_URL"] == "http://127.0.0.1:8080/v1"
    assert environment["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8080"
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert environment["PATH"] == "/bin"
    assert "a real one" not in environment.values()
    assert not {"OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} & environment.keys()


def test_live_keeps_the_keys_and_only_aims_the_telemetry() -> None:
    environment = app_environment(GRPC, None, OWN)
    assert environment["OPENAI_API_KEY"] == environment["ANTHROPIC_AUTH_TOKEN"] == "a real one"
    assert "OPENAI_BASE_URL" not in environment
    assert "OTEL_SDK_DISABLED" not in environment


def test_run_app_passes_on_what_the_app_prints(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys; print('one'); print('two'); print('just a note', file=sys.stderr)")
    said: list[str] = []
    run_app(tmp_path / "app.py", os.environ | SILENT, tmp_path / "app.log", said.append)
    assert said == ["one", "two"]


@pytest.mark.parametrize(
    ("app", "complaint"),
    [
        ("raise SystemExit(3)", "code 3"),
        ("import logging; logging.error('Failed to export traces')", "Failed to export"),
    ],
)
def test_run_app_fails_with_the_app(tmp_path: Path, app: str, complaint: str) -> None:
    (tmp_path / "app.py").write_text(app)
    with pytest.raises(DemoFailed, match=complaint):
        run_app(tmp_path / "app.py", os.environ | SILENT, tmp_path / "app.log", print)
