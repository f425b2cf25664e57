"""OTLP protobuf to spans."""

import sys
from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError

from spanledger_collector.dialects import events_tell_errors
from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import AT_ONCE, EXCEPTION, KINDS, PARENTS, Decoded, TooMuchAtOnce, failed
from spanledger_collector.receive.in_common import resource_of, scope_of
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.receive.otlp_messages import STATUS_CODES, SpanMessage, TraceRequest, has_event, trace_request

__all__ = ["decode_traces", "decode_traces_slowly"]

_known: Final = KnownAttributes(most_met=64 * 1024)
_known_aside: Final = KnownAttributes(most=4096, most_met=sys.maxsize)


def decode_traces(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest`; unknown fields, and fields that are not read, are ignored.

    Raises BadRequest for bytes that are none: malformed, with text that is not UTF-8, or nested over 100 messages deep.
    Raises TooMuchAtOnce for over 4,096 spans, and for more new attributes, or lists among them, than are quickly read.
    """
    return _read(body, _known)


def decode_traces_slowly(body: bytes) -> Decoded:
    """The same whatever the attributes are, where nobody is kept waiting. Raises TooMuchAtOnce for over 4,096 spans."""
    return _read(body, _known_aside)


def _read(body: bytes, known: KnownAttributes) -> Decoded:
    known.begin()
    try:
        return _decoded(trace_request(body), known)
    except DecodeError as error:
        raise BadRequest("The body is not an ExportTraceServiceRequest in protobuf.") from error


def _decoded(request: TraceRequest, known: KnownAttributes) -> Decoded:
    decoded = Decoded()
    room = AT_ONCE - len(request.resource_spans)
    for resource_spans in request.resource_spans:
        room -= len(resource_spans.scope_spans)
        if room < 0:
            raise TooMuchAtOnce
        resource = resource_of(dict(map(known.__getitem__, resource_spans.resource.attributes)))
        for scope_spans in resource_spans.scope_spans:
            scope = scope_of(scope_spans.scope.name, scope_spans.scope.version)
            room -= len(scope_spans.spans)
            if room < 0:
                raise TooMuchAtOnce
            sent = scope_spans.spans[:]
            spans = _received(sent, resource, scope, known)
            decoded.take_all(_with_errors(spans, sent) if events_tell_errors(scope) else spans)
    return decoded


def _with_errors(spans: Sequence[ReceivedSpan], sent: Sequence[SpanMessage]) -> list[ReceivedSpan]:
    return [failed(span) if has_event(message, EXCEPTION) else span for span, message in zip(spans, sent, strict=True)]


def _received(
    spans: Sequence[SpanMessage], resource: Attributes, scope: Scope, known: KnownAttributes
) -> list[ReceivedSpan]:
    """The spans of one scope. A slice of what is repeated is a list made at once, and takes half as long as a walk; and
    the records come after all attributes, whose look-ups else find less of what they need in the CPU's cache."""
    value_of = known.__getitem__
    attributes = [dict(map(value_of, span.attributes[:])) for span in spans]
    known.age(len(spans))
    return [
        ReceivedSpan(
            span.trace_id,
            span.span_id,
            PARENTS.get(parent := span.parent_span_id, parent),
            span.name,
            KINDS.get(span.kind, 0),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            STATUS_CODES[span.status],
            own,
            resource,
            scope,
        )
        for span, own in zip(spans, attributes, strict=True)
    ]
