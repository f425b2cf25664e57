"""OTLP protobuf to spans."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import Decoded, kind_of, parent_of, status_of

__all__ = ["attributes_of", "decode_traces"]


def decode_traces(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest`; unknown fields are ignored.

    Raises BadRequest for bytes that are none: malformed, with text that is not UTF-8, or nested over 100 messages deep.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise BadRequest("The body is not an ExportTraceServiceRequest in protobuf.") from error
    decoded = Decoded()
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = Scope(scope_spans.scope.name, scope_spans.scope.version)
            for span in scope_spans.spans:
                decoded.take(_received(span, resource, scope))
    return decoded


def _received(span: Span, resource: Attributes, scope: Scope) -> ReceivedSpan:
    return ReceivedSpan(
        span.trace_id,
        span.span_id,
        parent_of(span.parent_span_id),
        span.name,
        kind_of(span.kind),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status_of(span.status.code),
        attributes_of(span.attributes),
        resource,
        scope,
    )


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """A list of keys and values as a mapping."""
    # Most values are text; reading the field first saves asking which one is set.
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(element) for element in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case field:
            return getattr(value, field)
