"""OTLP protobuf to spans."""

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import DecodeError

from spanledger_collector.dialects import events_tell_errors
from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, Scope
from spanledger_collector.receive.attribute_columns import read_alike
from spanledger_collector.receive.decoded import AT_ONCE, ERROR, EXCEPTION, KINDS, PARENTS, Decoded, TooMuchAtOnce
from spanledger_collector.receive.in_common import resource_of, scope_of
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.receive.otlp_messages import STATUS_CODES, SpanMessage, TraceRequest, has_event, trace_request
from spanledger_collector.received_spans import MANY, ReceivedSpans, Skeletons

__all__ = ["decode_traces", "decode_traces_slowly"]

_fields_of: Final[Callable[[SpanMessage], tuple[Any, ...]]] = attrgetter(
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "status",
    "attributes",
)
_ATTRIBUTES_AT_ONCE: Final = 16 * AT_ONCE
"""Of spans, while others are kept waiting: some 10 ms, where half a million empty ones fit into a quick body."""
_known: Final = KnownAttributes(most_met=64 * 1024)
_known_aside: Final = KnownAttributes(most=4096, most_met=sys.maxsize)


def decode_traces(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest`; unknown fields, and fields that are not read, are ignored.

    Raises BadRequest for bytes that are none: malformed, with text that is not UTF-8, or nested over 100 messages deep.
    Raises TooMuchAtOnce for over 4,096 spans, and for more attributes, or new ones, or lists, than are quickly read.
    """
    return _read(body, _known, _ATTRIBUTES_AT_ONCE)


def decode_traces_slowly(body: bytes) -> Decoded:
    """The same whatever the attributes are, where nobody is kept waiting. Raises TooMuchAtOnce for over 4,096 spans."""
    return _read(body, _known_aside, sys.maxsize)


def _read(body: bytes, known: KnownAttributes, most: int) -> Decoded:
    known.begin()
    try:
        return _decoded(trace_request(body), known, most)
    except DecodeError as error:
        raise BadRequest("The body is not an ExportTraceServiceRequest in protobuf.") from error


def _decoded(request: TraceRequest, known: KnownAttributes, most: int) -> Decoded:
    parts: list[ReceivedSpans] = []
    room = AT_ONCE - len(request.resource_spans)
    for resource_spans in request.resource_spans:
        room -= len(resource_spans.scope_spans)
        if room < 0:
            raise TooMuchAtOnce
        resource = resource_of(dict(map(known.__getitem__, resource_spans.resource.attributes)))
        for scope_spans in resource_spans.scope_spans:
            room -= len(scope_spans.spans)
            if room < 0:
                raise TooMuchAtOnce
            if scope_spans.spans:
                scope = scope_of(scope_spans.scope.name, scope_spans.scope.version)
                spans = scope_spans.spans[:]  # a list made at once, which takes half as long as a walk
                most -= sum([len(span.attributes) for span in spans])
                if most < 0:
                    raise TooMuchAtOnce
                parts.append(_received(spans, resource, scope, known))
    return Decoded.of(parts)


def _received(sent: Sequence[SpanMessage], resource: Attributes, scope: Scope, known: KnownAttributes) -> ReceivedSpans:
    """The spans of one scope."""
    of_each = zip(*map(_fields_of, sent), strict=True)
    trace_ids, span_ids, parents, names, kinds, started, ended, states, attributes = of_each
    if not KINDS.keys() >= {*kinds}:
        kinds = [KINDS.get(kind, 0) for kind in kinds]
    if len(sent) >= MANY:
        alike, others = read_alike(attributes, kinds, scope.name, known)
    else:
        value_of = known.__getitem__
        alike, others = (), {place: dict(map(value_of, each[:])) for place, each in enumerate(attributes)}
    known.age(len(sent))
    statuses = [*map(STATUS_CODES.__getitem__, states)]
    if events_tell_errors(scope):
        told = zip(statuses, sent, strict=True)
        statuses = [ERROR if has_event(span, EXCEPTION) else status for status, span in told]
    skeletons = Skeletons(
        trace_ids,
        span_ids,
        [PARENTS.get(parent, parent) for parent in parents],
        names,
        kinds,
        started,
        ended,
        statuses,
        [resource] * len(sent),
        [scope] * len(sent),
    )
    return ReceivedSpans(skeletons, alike, others)
