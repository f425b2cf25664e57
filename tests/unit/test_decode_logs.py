"""OTLP log records: what is taken, its identity, and that protobuf and JSON tell the same."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.agent_emitters import claude_code_log, codex_log
from tests.emitters import Truth

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import AttributeValue, ReceivedSpan
from spanledger_collector.receive.decode_logs import decode_logs, decode_logs_json

END = 1_790_000_000_000_000_000
TRUTH = Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 30, 0, "req_0123456789abcdef")
CLAUDE = claude_code_log(TRUTH)


def pairs(attributes: Mapping[str, AttributeValue]) -> list[KeyValue]:
    """Attributes as OTLP has them."""
    return [KeyValue(key=name, value=_value(value)) for name, value in attributes.items()]


def _value(value: AttributeValue) -> AnyValue:
    match value:
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value))


def request(
    attributes: Mapping[str, AttributeValue] = CLAUDE,
    *,
    scope: str = "com.anthropic.claude_code.events",
    body: str = "",
    resource: Mapping[str, AttributeValue] | None = None,
    **fields: Any,  # noqa: ANN401 - whatever fields the message has
) -> ExportLogsServiceRequest:
    """A request of one record, which was observed a nanosecond after its time."""
    times: dict[str, Any] = {"time_unix_nano": END, "observed_time_unix_nano": END + 1}
    record = LogRecord(attributes=pairs(attributes), body=AnyValue(string_value=body), **(times | fields))
    sent = ExportLogsServiceRequest()
    of_resource = sent.resource_logs.add()
    of_resource.resource.attributes.extend(pairs(resource or {"service.name": "claude-code"}))
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = scope
    of_scope.log_records.append(record)
    return sent


def as_json(sent: ExportLogsServiceRequest) -> bytes:
    """The same in OTLP's JSON: ids are hex there."""
    document: dict[str, Any] = MessageToDict(sent, use_integers_for_enums=True)
    for of_resource in document["resourceLogs"]:
        for of_scope in of_resource["scopeLogs"]:
            for record in of_scope["logRecords"]:
                for name, field in (("traceId", "trace_id"), ("spanId", "span_id")):
                    if name in record:
                        original = sent.resource_logs[0].scope_logs[0].log_records[0]
                        assert record[name] == b64encode(getattr(original, field)).decode()
                        record[name] = getattr(original, field).hex()
    return json.dumps(document).encode()


def taken(sent: ExportLogsServiceRequest) -> ReceivedSpan:
    """The one record, which both encodings must give alike."""
    (by_protobuf,) = decode_logs(sent.SerializeToString()).spans
    (by_json,) = decode_logs_json(as_json(sent)).spans
    assert by_protobuf == by_json
    return by_protobuf


def skipped(sent: ExportLogsServiceRequest) -> int:
    """How many records are about something else, in both encodings."""
    by_protobuf, by_json = decode_logs(sent.SerializeToString()), decode_logs_json(as_json(sent))
    assert by_protobuf == by_json
    assert not by_protobuf.spans
    return by_protobuf.skipped


def test_a_record_ends_at_its_time_and_starts_as_long_before_as_it_took() -> None:
    record = taken(request())
    assert (record.name, record.kind, record.status) == ("claude_code.api_request", 0, 0)
    assert (record.started_ns, record.ended_ns) == (END - 10**9, END)
    assert (record.service, record.scope.name) == ("claude-code", "com.anthropic.claude_code.events")
    assert len(record.trace_id) == 16
    assert len(record.span_id) == 8
    assert record.parent_span_id is None


@pytest.mark.parametrize("duration", ["soon", "nan", "-5", "1e300", True, -1, [1], None])
def test_a_duration_that_is_none_leaves_a_moment(duration: AttributeValue) -> None:
    record = taken(request(CLAUDE | {"duration_ms": str(duration)}))
    assert record.started_ns == record.ended_ns == END


def test_a_record_in_a_span_lies_below_it() -> None:
    trace, span = bytes(range(16)), bytes(range(8))
    record = taken(request(trace_id=trace, span_id=span))
    assert (record.trace_id, record.parent_span_id) == (trace, span)
    assert record.span_id != span


@pytest.mark.parametrize(("trace", "span"), [(bytes(16), bytes(8)), (b"short", b"x")])
def test_ids_that_are_none_are_as_absent(trace: bytes, span: bytes) -> None:
    (record,) = decode_logs(request(trace_id=trace, span_id=span).SerializeToString()).spans
    assert len(record.trace_id) == 16
    assert record.parent_span_id is None


def test_a_retry_is_the_same_whatever_was_added_on_the_way() -> None:
    once = taken(request())
    again = taken(
        request(
            dict(reversed(CLAUDE.items())),
            resource={"service.name": "claude-code", "host.name": "one"},
            observed_time_unix_nano=END + 5,
        )
    )
    assert (once.trace_id, once.span_id) == (again.trace_id, again.span_id)


@given(st.integers(1, 10**6), st.sampled_from(["input_tokens", "request_id", "session.id", "model"]))
def test_another_moment_or_another_word_is_another_record(later: int, name: str) -> None:
    once = taken(request())
    assert taken(request(time_unix_nano=END + later)).span_id != once.span_id
    assert taken(request(CLAUDE | {name: "other"})).span_id != once.span_id


def test_without_a_time_of_its_own_the_moment_of_observing_counts() -> None:
    assert taken(request(time_unix_nano=0)).ended_ns == END + 1


def test_without_any_time_it_is_rejected_and_said_why() -> None:
    decoded = decode_logs(request(time_unix_nano=0, observed_time_unix_nano=0).SerializeToString())
    assert (decoded.rejected, [*decoded.spans], decoded.skipped) == ({"no_start": 1}, [], 0)


@pytest.mark.parametrize(
    "named",
    [
        request(CLAUDE | {"event.name": "api_request"}, body="claude_code.api_request"),
        request(CLAUDE | {"event.name": "api_request"}, event_name="claude_code.api_request"),
        request(CLAUDE, event_name="event otel/src/events.rs:361"),
    ],
    ids=["body", "field", "attribute"],
)
def test_the_name_may_stand_in_several_places(named: ExportLogsServiceRequest) -> None:
    record = taken(named)
    assert record.name == record.attributes["event.name"] == "claude_code.api_request"


@pytest.mark.parametrize(
    "other",
    [
        request({"event.name": "claude_code.user_prompt", "prompt": "secret"}),
        request({}, body="a line of text with gen_ai in it"),
        request(
            {name: value for name, value in codex_log(TRUTH).items() if not name.endswith("_count")},
            scope="codex_otel.log_only",
        ),
        request({"event.name": "gen_ai.client.inference.operation.details", "gen_ai.usage.input_tokens": 5}),
    ],
    ids=["prompt", "text", "part of a stream", "told again"],
)
def test_what_is_no_record_of_usage_is_counted_and_left(other: ExportLogsServiceRequest) -> None:
    assert skipped(other) == 1


def test_what_is_malformed_is_refused() -> None:
    with pytest.raises(BadRequest, match="not an ExportLogsServiceRequest"):
        decode_logs(b"\xff\xff")
    with pytest.raises(BadRequest, match="not JSON"):
        decode_logs_json(b"{")
    with pytest.raises(BadRequest, match="not as OTLP has it"):
        decode_logs_json(b'{"resourceLogs": 5}')
