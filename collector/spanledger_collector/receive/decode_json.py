"""OTLP JSON to spans: the proto3 JSON mapping with the deviations of OTLP (ids in hex, enums as numbers).

Source: OTLP specification, section "JSON Protobuf Encoding".
"""

import msgspec

from spanledger_collector.dialects import events_tell_errors
from spanledger_collector.model import Attributes, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import EXCEPTION, Decoded, failed, kind_of, parent_of, status_of
from spanledger_collector.receive.json_values import (
    Message,
    Number,
    Pair,
    ResourceMessage,
    ScopeMessage,
    attributes_of,
    id_of,
    parsed,
    scope_of,
    unsigned_of,
)

__all__ = ["decode_traces_json"]


class _Status(Message):
    code: int | None = None


class _Event(Message):
    name: str | None = None


class _Span(Message):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: Number | None = None
    end_time_unix_nano: Number | None = None
    attributes: list[Pair] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _ScopeSpans(Message):
    scope: ScopeMessage | None = None
    spans: list[_Span] | None = None


class _ResourceSpans(Message):
    resource: ResourceMessage | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(Message):
    resource_spans: list[_ResourceSpans] | None = None


_requests = msgspec.json.Decoder(_Request)


def decode_traces_json(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest` in JSON.

    Raises BadRequest for what is not JSON, not of that shape, nested over 48 values deep, or has a number out of range.
    An id that is no hex text of its length rejects its span.
    """
    decoded = Decoded()
    for resource_spans in parsed(_requests, body).resource_spans or ():
        resource = attributes_of(resource_spans.resource and resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans or ():
            scope = scope_of(scope_spans.scope)
            by_events = events_tell_errors(scope)
            for span in scope_spans.spans or ():
                received = _received(span, resource, scope)
                decoded.take(failed(received) if by_events and _has_exception(span) else received)
    return decoded


def _has_exception(span: _Span) -> bool:
    return any(event.name == EXCEPTION for event in span.events or ())


def _received(span: _Span, resource: Attributes, scope: Scope) -> ReceivedSpan:
    return ReceivedSpan(
        id_of(span.trace_id, 16),
        id_of(span.span_id, 8),
        parent_of(id_of(span.parent_span_id, 8)),
        span.name or "",
        kind_of(span.kind or 0),
        unsigned_of(span.start_time_unix_nano),
        unsigned_of(span.end_time_unix_nano),
        status_of((span.status and span.status.code) or 0),
        attributes_of(span.attributes),
        resource,
        scope,
    )
