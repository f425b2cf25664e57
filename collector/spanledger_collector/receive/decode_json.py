"""OTLP JSON to spans: the proto3 JSON mapping with the deviations of OTLP (ids in hex). Enums may come as numbers, as
OTLP has them, and by name, as that mapping does.

Source: OTLP specification, section "JSON Protobuf Encoding".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanledger_collector.dialects import events_tell_errors
from spanledger_collector.model import Attributes, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import (
    AT_ONCE,
    ERROR,
    EXCEPTION,
    Decoded,
    TooMuchAtOnce,
    kind_of,
    parent_of,
    status_of,
)
from spanledger_collector.receive.json_values import (
    Message,
    Number,
    Pair,
    ResourceMessage,
    ScopeMessage,
    attributes_of,
    check_size,
    chunks_of,
    id_of,
    parsed,
    resource_from,
    scope_from,
    unsigned_of,
)
from spanledger_collector.received_spans import ReceivedSpans

__all__ = ["decode_traces_json", "trace_parts_json"]

_KINDS: Final[Mapping[str, int]] = dict(Span.SpanKind.items())
_CODES: Final[Mapping[str, int]] = dict(Status.StatusCode.items())


class _Status(Message):
    code: int | str | None = None


class _Event(Message):
    name: str | None = None


class _Span(Message):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
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
    An id that is no hex text of its length rejects its span. Raises TooMuchAtOnce for over 4,096 spans.
    """
    check_size(body, at_once=True)
    request = parsed(_requests, body)
    if sum(len(each.spans or ()) for sent in request.resource_spans or () for each in sent.scope_spans or ()) > AT_ONCE:
        raise TooMuchAtOnce
    return _decoded(_spans(request))


def trace_parts_json(body: bytes) -> Iterator[Decoded]:
    """The same in parts, however many spans there are. Raises TooLarge for far more objects than spans need."""
    check_size(body)
    return map(_decoded, chunks_of(_spans(parsed(_requests, body))))


def _decoded(spans: Iterable[ReceivedSpan]) -> Decoded:
    return Decoded.of([ReceivedSpans.of([*spans])])


def _spans(request: _Request) -> Iterator[ReceivedSpan]:
    for resource_spans in request.resource_spans or ():
        resource = resource_from(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans or ():
            scope = scope_from(scope_spans.scope)
            by_events = events_tell_errors(scope)
            for span in scope_spans.spans or ():
                received = _received(span, resource, scope)
                yield replace(received, status=ERROR) if by_events and _has_exception(span) else received


def _has_exception(span: _Span) -> bool:
    return any(event.name == EXCEPTION for event in span.events or ())


def _received(span: _Span, resource: Attributes, scope: Scope) -> ReceivedSpan:
    return ReceivedSpan(
        id_of(span.trace_id, 16),
        id_of(span.span_id, 8),
        parent_of(id_of(span.parent_span_id, 8)),
        span.name or "",
        kind_of(_number_of(span.kind, _KINDS)),
        unsigned_of(span.start_time_unix_nano),
        unsigned_of(span.end_time_unix_nano),
        status_of(_number_of(span.status and span.status.code, _CODES)),
        attributes_of(span.attributes),
        resource,
        scope,
    )


def _number_of(sent: int | str | None, names: Mapping[str, int]) -> int:
    """The number of an enum's value, 0 for a name that we do not know, as for such a number."""
    return names.get(sent, 0) if isinstance(sent, str) else sent or 0
