"""The doctor: what it finds wrong, and that it finds nothing wrong where nothing is."""

import json
import os
import socket
import sys
import types
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from web_port import WebPort, web_port

from spanledger._patching import PatchPoint, Sdk
from spanledger.providers import SDKS
from spanledger_collector.cli import spanledger
from spanledger_collector.cli.checks.exporting import target
from spanledger_collector.cli.checks.finding import Finding
from spanledger_collector.cli.checks.patches import check_patches
from spanledger_collector.cli.checks.variables import check_variables

NO_SERVER = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "SPANLEDGER_", "USAGE_TRACKING")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Something listens where spans are sent."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
        yield


@pytest.fixture
def web(small_ledger: Path) -> Generator[WebPort]:
    with web_port(small_ledger) as running:
        yield running


def doctor(*words: str) -> tuple[int, list[Finding]]:
    result = CliRunner().invoke(spanledger, ["doctor", "--format", "json", *words])
    document = json.loads(result.stdout)
    findings = [Finding(**finding) for finding in document["findings"]]
    assert document["troubles"] == sum(finding.level == "trouble" for finding in findings)
    return result.exit_code, findings


@pytest.mark.usefixtures("listening")
def test_where_all_is_well_it_finds_no_trouble(web: WebPort) -> None:
    exit_code, findings = doctor("--url", web.url)
    assert [finding for finding in findings if finding.level == "trouble"] == []
    assert exit_code == 0
    seen = " ".join(finding.seen for finding in findings)
    assert f"at {web.url}" in seen
    assert "9 spans arrived, 3 about model calls, 5 calls in the ledger" in seen


def test_nobody_where_spans_are_sent_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", NO_SERVER)
    exit_code, findings = doctor("--url", NO_SERVER)
    assert exit_code == 1
    (trouble,) = [finding for finding in findings if finding.level == "trouble"]
    assert "nothing answers where spans are sent, 127.0.0.1:9 (grpc)" in trouble.seen
    assert "spanledger serve" in trouble.remedy


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(
    "change", ["DELETE FROM store.observations", "UPDATE store.observations SET dialect = 'http-client'"]
)
def test_spans_of_others_and_mere_requests_are_trouble(small_ledger: Path, change: str) -> None:
    with duckdb.connect(small_ledger) as connection:
        connection.execute(change)
    with web_port(small_ledger) as web:
        exit_code, findings = doctor("--url", web.url)
    assert exit_code == 1
    assert "Is SpanLedger installed where the app runs?" in "".join(finding.remedy for finding in findings)


@pytest.mark.usefixtures("listening")
def test_what_the_server_refused_is_trouble(web: WebPort) -> None:
    web.served.stats.rejected.labels("impossible_time").inc(3)
    exit_code, findings = doctor("--url", web.url)
    assert exit_code == 1
    assert "refused since the server started: 3 spans (impossible_time)" in [finding.seen for finding in findings]


@pytest.mark.usefixtures("listening")
def test_what_was_acknowledged_and_is_in_no_answer_is_trouble(web: WebPort) -> None:
    web.served.stats.intake_unreadable.set_function(lambda: 1200)
    web.served.stats.refused.inc(2)
    exit_code, findings = doctor("--url", web.url)
    assert exit_code == 1
    seen = [finding.seen for finding in findings]
    assert "1,200 acknowledged spans that an earlier server left behind cannot be read" in seen
    assert "2 acknowledged requests cannot be stored" in seen
    assert ".intake; the server's log says why" in "".join(finding.remedy for finding in findings)


def test_people_get_lines_and_a_verdict() -> None:
    result = CliRunner().invoke(spanledger, ["doctor", "--url", NO_SERVER])
    assert result.exit_code == 1
    assert "TROUBLE export: nothing answers" in result.stdout
    assert result.stdout.rstrip().endswith("Trouble found: 1.")


def test_the_installed_sdks_are_patched_and_left_as_they_were() -> None:
    from openai.resources.chat import Completions

    before = vars(Completions)["create"]
    found = {finding.about.partition(" ")[0]: finding for finding in check_patches()}
    assert found["openai"].level == "ok"
    assert "functions patched" in found["openai"].seen
    assert found["anthropic"].level == "ok"
    assert vars(Completions)["create"] is before


def test_every_patch_point_is_named() -> None:
    """As patched, absent or failed, whatever the format."""
    sdks = {sdk.distribution: {point.key for point in sdk.points} for sdk in SDKS}
    named = {finding.about.partition(" ")[0]: finding.points for finding in check_patches() if finding.points}
    assert len(named) > 8
    for sdk, points in named.items():
        assert {point.point for point in points} == sdks[sdk]
        assert {point.status for point in points} <= {"patched", "absent"}
    by_hand = CliRunner().invoke(spanledger, ["doctor", "--url", NO_SERVER]).stdout
    assert "        patched openai._base_client: SyncAPIClient.request, AsyncAPIClient.request" in by_hand
    assert "        absent google.genai._interactions._base_client: SyncAPIClient.request" in by_hand


def unused(wrapped: Callable[..., object], _instance: object, args: tuple[object, ...], _named: object) -> object:
    return wrapped(*args)


def test_a_point_that_could_not_be_patched_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = types.ModuleType("frozen_sdk")
    frozen.number = int  # pyright: ignore[reportAttributeAccessIssue]  # whose methods cannot be replaced
    monkeypatch.setitem(sys.modules, "frozen_sdk", frozen)
    points = tuple(PatchPoint("frozen_sdk", name, unused) for name in ("number.bit_length", "missing"))
    broken = Sdk(distribution="openai", supported=">=1", points=points)
    monkeypatch.setattr("spanledger._report.SDKS", (broken,))
    monkeypatch.setattr("spanledger_collector.cli.checks.patches.SDKS", (broken,))
    [finding] = [finding for finding in check_patches() if finding.points]
    assert finding.level == "trouble"
    assert [point.status for point in finding.points] == ["failed", "absent"]
    assert finding.points[0].reason is not None
    assert "frozen_sdk:number.bit_length failed" in finding.seen


@pytest.mark.parametrize(
    ("environment", "trouble"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED=true"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "OTEL_TRACES_EXPORTER=none"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER=console"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, "OTEL_TRACES_SAMPLER=traceidratio"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "OTEL_TRACES_SAMPLER=always_off"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "a, spanledger"}, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=a,"),
        ({"SPANLEDGER_ENABLED": "false"}, "SPANLEDGER_ENABLED=false"),
        ({"USAGE_TRACKING_ENABLED": "0"}, "USAGE_TRACKING_ENABLED=0"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "16"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=16"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:port"}, "OTEL_EXPORTER_OTLP_ENDPOINT: "),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/xml"},
            "protocol http/xml",
        ),
    ],
)  # fmt: skip
def test_a_variable_that_loses_spans_is_trouble_with_a_remedy(environment: Mapping[str, str], trouble: str) -> None:
    found = [finding for finding in check_variables(environment) if finding.level == "trouble"]
    assert len(found) == 1
    assert found[0].seen.startswith(trouble)
    assert found[0].remedy


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "otlp,console"},
        {"OTEL_TRACES_EXPORTER": "otlp_proto_http", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
        {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"},
        {"OTEL_SDK_DISABLED": "false", "SPANLEDGER_ENABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example/otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        },
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "128"},
    ],
)
def test_a_sound_environment_is_no_trouble(environment: Mapping[str, str]) -> None:
    assert [finding for finding in check_variables(environment) if finding.level == "trouble"] == []


def test_secrets_are_not_shown() -> None:
    found = check_variables(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hush",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:hush@collector.example",
            "SPANLEDGER_API_KEY": "hush",
            "SECRET_OF_OTHERS": "hush",
        }
    )
    assert "hush" not in str(found)
    assert "OTEL_EXPORTER_OTLP_HEADERS=(set, not shown)" in [finding.seen for finding in found]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("grpc", "localhost", 4317)),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("http/protobuf", "localhost", 4318)),
        ({"OTEL_TRACES_EXPORTER": "otlp_proto_http"}, ("http/protobuf", "localhost", 4318)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example"}, ("grpc", "a.example", 443)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2"},
            ("grpc", "b", 2),
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4317"}, ("grpc", "::1", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "a:4317"}, ("grpc", "a", 4317)),
    ],
)  # fmt: skip
def test_where_spans_are_sent(environment: Mapping[str, str], expected: tuple[str, str, int]) -> None:
    found = target(environment)
    assert (found.protocol, found.host, found.port) == expected
