"""OTLP log records, in protobuf and JSON, to what they tell of model calls."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, Scope
from spanledger_collector.receive import json_values, known_attributes
from spanledger_collector.receive.decoded import AT_ONCE, Decoded, TooMuchAtOnce
from spanledger_collector.receive.in_common import resource_of, scope_of
from spanledger_collector.receive.json_values import Message, Number, Pair, ResourceMessage, ScopeMessage, Value
from spanledger_collector.receive.log_records import LogRecord, span_of
from spanledger_collector.received_spans import ReceivedSpans

__all__ = ["decode_logs", "decode_logs_json", "log_parts_json"]


_Read: TypeAlias = tuple[LogRecord, Attributes, Scope]
"""A record, its resource and its scope."""


def decode_logs(body: bytes) -> Decoded:
    """The records about model calls of an `ExportLogsServiceRequest`.

    Raises BadRequest for bytes that are none: malformed, with text that is not UTF-8, or nested over 100 messages deep.
    Raises TooMuchAtOnce for over 4,096 records.
    """
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise BadRequest("The body is not an ExportLogsServiceRequest in protobuf.") from error
    room = AT_ONCE - len(request.resource_logs)
    for sent in request.resource_logs:
        room -= len(sent.scope_logs) + sum(len(each.log_records) for each in sent.scope_logs)
        if room < 0:
            raise TooMuchAtOnce
    return _decoded(_records(request))


def _decoded(records: Iterable[_Read]) -> Decoded:
    found = [span_of(*each) for each in records]
    spans = [span for span in found if span is not None]
    return Decoded.of([ReceivedSpans.of(spans)], skipped=len(found) - len(spans))


def _records(request: ExportLogsServiceRequest) -> Iterator[_Read]:
    for resource_logs in request.resource_logs:
        resource = resource_of(known_attributes.attributes_of(resource_logs.resource.attributes))
        for scope_logs in resource_logs.scope_logs:
            scope = scope_of(scope_logs.scope.name, scope_logs.scope.version)
            for sent in scope_logs.log_records:
                record = LogRecord(
                    sent.trace_id,
                    sent.span_id,
                    sent.time_unix_nano,
                    sent.observed_time_unix_nano,
                    sent.event_name,
                    sent.body.string_value,
                    known_attributes.attributes_of(sent.attributes),
                )
                yield record, resource, scope


class _LogRecord(Message):
    trace_id: str | None = None
    span_id: str | None = None
    time_unix_nano: Number | None = None
    observed_time_unix_nano: Number | None = None
    event_name: str | None = None
    body: Value | None = None
    attributes: list[Pair] | None = None


class _ScopeLogs(Message):
    scope: ScopeMessage | None = None
    log_records: list[_LogRecord] | None = None


class _ResourceLogs(Message):
    resource: ResourceMessage | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Request(Message):
    resource_logs: list[_ResourceLogs] | None = None


_requests = msgspec.json.Decoder(_Request)


def decode_logs_json(body: bytes) -> Decoded:
    """The records about model calls of an `ExportLogsServiceRequest` in JSON.

    Raises BadRequest for what is not JSON, not of that shape, nested over 48 values deep, or has a number out of range.
    Raises TooMuchAtOnce for what has more objects than some 1,000 records.
    """
    json_values.check_size(body, at_once=True)
    return _decoded(_json_records(json_values.parsed(_requests, body)))


def log_parts_json(body: bytes) -> Iterator[Decoded]:
    """The same in parts, however many records there are. Raises TooLarge for far more objects than records need."""
    json_values.check_size(body)
    return map(_decoded, json_values.chunks_of(_json_records(json_values.parsed(_requests, body))))


def _json_records(request: _Request) -> Iterator[_Read]:
    for resource_logs in request.resource_logs or ():
        resource = json_values.resource_from(resource_logs.resource)
        for scope_logs in resource_logs.scope_logs or ():
            scope = json_values.scope_from(scope_logs.scope)
            for sent in scope_logs.log_records or ():
                record = LogRecord(
                    json_values.id_of(sent.trace_id, 16),
                    json_values.id_of(sent.span_id, 8),
                    json_values.unsigned_of(sent.time_unix_nano),
                    json_values.unsigned_of(sent.observed_time_unix_nano),
                    sent.event_name or "",
                    sent.body and sent.body.string_value,
                    json_values.attributes_of(sent.attributes),
                )
                yield record, resource, scope
