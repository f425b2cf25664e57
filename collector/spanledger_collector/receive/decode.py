"""OTLP protobuf to spans."""

from typing import Final

from google.protobuf.message import DecodeError

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import Decoded, kind_of, parent_of
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.receive.otlp_messages import SpanMessage, TraceRequest, status_code, trace_request

__all__ = ["decode_traces"]

_known: Final = KnownAttributes()


def decode_traces(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest`; unknown fields, and fields that are not read, are ignored.

    Raises BadRequest for bytes that are none: malformed, with text that is not UTF-8, or nested over 100 messages deep.
    """
    try:
        return _decoded(trace_request(body))
    except DecodeError as error:
        raise BadRequest("The body is not an ExportTraceServiceRequest in protobuf.") from error


def _decoded(request: TraceRequest) -> Decoded:
    decoded = Decoded()
    for resource_spans in request.resource_spans:
        resource = dict(map(_known.__getitem__, resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            scope = Scope(scope_spans.scope.name, scope_spans.scope.version)
            for span in scope_spans.spans:
                decoded.take(_received(span, resource, scope))
    return decoded


def _received(span: SpanMessage, resource: Attributes, scope: Scope) -> ReceivedSpan:
    return ReceivedSpan(
        span.trace_id,
        span.span_id,
        parent_of(span.parent_span_id),
        span.name,
        kind_of(span.kind),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status_code(span.status),
        dict(map(_known.__getitem__, span.attributes)),
        resource,
        scope,
    )
