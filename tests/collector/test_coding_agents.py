"""What coding agents send, through the real log exporters into a real server: each call once, priced and attributed."""

import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from otlp_http import JSON, PROTOBUF, send
from receiving import Receiving, until
from server_process import Server, serving
from tests.agent_emitters import claude_code_log, codex_log, gemini_cli_log
from tests.emitters import Truth

from spanledger_collector.receive.decoders import Signal

NOW = time.time_ns()
CALLS: Mapping[str, tuple[str, Truth, dict[str, Any]]] = {
    "claude-code": (
        "com.anthropic.claude_code.events",
        claude := Truth("anthropic", "claude-sonnet-4-5-20250929", 1000, 20_000, 0, 300, 0, "req_011CVexample1"),
        claude_code_log(claude),
    ),
    "codex_cli_rs": (
        "codex_otel.log_only",
        codex := Truth("openai", "gpt-5-mini", 4000, 8000, 0, 500, 700),
        codex_log(codex),
    ),
    "gemini-cli": (
        "gemini-cli",
        gemini := Truth("gcp.gemini", "gemini-2.5-flash", 900, 100, 0, 50, 450),
        gemini_cli_log(gemini),
    ),
}


def emit(exporter: object, service: str, scope: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Send records as an agent does, each at a moment of its own."""
    provider = LoggerProvider(Resource({"service.name": service, "service.instance.id": "one"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))  # pyright: ignore[reportArgumentType] - both exporters are what it takes
    logger = provider.get_logger(scope)
    for number, attributes in enumerate(records):
        logger.emit(LogRecord(timestamp=NOW + number, attributes=dict(attributes), body="said"))
    provider.shutdown()


def exporter_to(server: Server, transport: str) -> object:
    """An exporter of logs."""
    if transport == "grpc":
        return GrpcLogs(endpoint=f"http://{server.grpc}", insecure=True, timeout=10)
    return HttpLogs(endpoint=f"{server.http.url}/v1/logs", timeout=10)


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_each_call_of_an_agent_is_counted_once(db: Path, transport: str) -> None:
    noise = {"event.name": "claude_code.user_prompt", "prompt": "secret"}
    with serving(db) as server:
        for _ in range(2):  # the second time as a retry does: the same records again
            for service, (scope, _, attributes) in CALLS.items():
                emit(exporter_to(server, transport), service, scope, [attributes, noise])
        until(lambda: server.status()["calls"] == len(CALLS))
        counted = server.status()["counters"]
        assert counted["spans_duplicate"] == len(CALLS)
        assert counted["log_records_skipped"] == 2 * len(CALLS)
        assert server.stop()[0] == 0
    rows = {row["service"]: row for row in _rows(db, "FROM calls")}
    for service, (_, truth, _) in CALLS.items():
        row = rows[service]
        assert (row["provider"], row["request_model"]) == (truth.provider, truth.model)
        assert (row["input_tokens"], row["output_tokens"]) == (truth.whole_input, truth.whole_output)
        assert (row["cache_read_tokens"], row["reasoning_tokens"] or 0) == (truth.cache_read, truth.reasoning)
        assert row["price_status"] == "priced"
    assert rows["claude-code"]["cost_usd"] == Decimal(1000 * 3 + 20_000 * 3 // 10 + 300 * 15) / 10**6
    said = [(row["user_id"], row["org_id"], row["session_id"]) for _, row in sorted(rows.items())]
    assert said == [
        ("account-1", "org-1", "session-1"),
        ("account-1", None, "conversation-1"),
        ("ana@example.org", None, "session-1"),
    ]
    assert "secret" not in json.dumps(_rows(db, "FROM observations"), default=str)


def test_a_record_without_any_time_is_refused_in_a_partial_success(receiver: Receiving) -> None:
    attributes = [
        {"key": name, "value": {"stringValue": str(value)}} for name, value in CALLS["claude-code"][2].items()
    ]
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": attributes}]}]}]}
    body = ParseDict(document, ExportLogsServiceRequest()).SerializeToString()
    with grpc.insecure_channel(str(receiver.grpc)) as channel:
        untyped: Any = channel  # its stub asks for serializers, which bytes need not
        over_grpc = untyped.unary_unary(f"/{Signal.LOGS.service}/Export")(body, timeout=20)
    in_json = json.loads(send(receiver, json.dumps(document).encode(), JSON, "/v1/logs").body)
    answers = [
        ExportLogsServiceResponse.FromString(over_grpc),
        ExportLogsServiceResponse.FromString(send(receiver, body, PROTOBUF, "/v1/logs").body),
        ParseDict(in_json, ExportLogsServiceResponse()),
    ]
    for answer in answers:
        assert answer.partial_success.rejected_log_records == 1
        assert answer.partial_success.error_message == "log records rejected: 1 because the start time is zero"
    assert receiver.counted("spans_rejected", "no_start") == len(answers)


def _rows(db: Path, sql: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(db), read_only=True) as ledger:
        asked = ledger.execute(sql)
        names = [column[0] for column in asked.description or []]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
