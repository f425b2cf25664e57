"""OTLP protobuf to spans."""

from collections.abc import Sequence
from itertools import repeat
from typing import Final

from google.protobuf.message import DecodeError

from spanledger_collector.dialects import events_tell_errors
from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import EXCEPTION, Decoded, failed, kind_of, parent_of
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.receive.otlp_messages import SpanMessage, TraceRequest, has_event, status_codes, trace_request

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
            sent = list(scope_spans.spans)
            spans = _received(sent, resource, scope)
            decoded.take_all(_with_errors(spans, sent) if events_tell_errors(scope) else spans)
    return decoded


def _with_errors(spans: Sequence[ReceivedSpan], sent: Sequence[SpanMessage]) -> list[ReceivedSpan]:
    return [failed(span) if has_event(message, EXCEPTION) else span for span, message in zip(spans, sent, strict=True)]


def _received(spans: Sequence[SpanMessage], resource: Attributes, scope: Scope) -> list[ReceivedSpan]:
    """The spans of one scope; field by field, which is quicker than span by span."""
    known = _known.__getitem__
    records = map(
        ReceivedSpan,
        [span.trace_id for span in spans],
        [span.span_id for span in spans],
        map(parent_of, [span.parent_span_id for span in spans]),
        [span.name for span in spans],
        map(kind_of, [span.kind for span in spans]),
        [span.start_time_unix_nano for span in spans],
        [span.end_time_unix_nano for span in spans],
        status_codes([span.status for span in spans]),
        [dict(map(known, span.attributes)) for span in spans],
        repeat(resource),
        repeat(scope),
    )
    return list(records)
