"""OTLP protobuf to spans."""

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import Decoded, kind_of, parent_of, status_of
from spanledger_collector.receive.otlp_messages import SpanMessage, TraceRequest, trace_request

__all__ = ["KnownAttributes", "attributes_of", "decode_traces"]

_Pair = tuple[str, AttributeValue]


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
        status_of(span.status.code),
        dict(map(_known.__getitem__, span.attributes)),
        resource,
        scope,
    )


class KnownAttributes(dict[bytes, _Pair]):
    """Attributes as they are on the wire, and what they say: most of them come again and again, and looking them up
    saves the reading. Holds 16 MB at most. A look-up raises DecodeError for bytes that are no `KeyValue`."""

    def __init__(self, most: int = 32_768, longest: int = 192) -> None:
        """Remembers so many, and none of more bytes than `longest`: prompts and answers do not come again."""
        super().__init__()
        self._most = most
        self._longest = longest

    def __missing__(self, sent: bytes) -> _Pair:
        message = KeyValue.FromString(sent)
        pair = message.key, message.value.string_value or _value(message.value)
        if len(sent) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[sent] = pair
        return pair


_known: Final = KnownAttributes()


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
