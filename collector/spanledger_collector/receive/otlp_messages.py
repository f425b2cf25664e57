"""The trace messages of OTLP as far as we read them, under types of our own: the same bytes for a third of the work.

What is not read is left out, and attributes and status stay the bytes that they are on the wire, so that who reads
them may know them already. Names and numbers come from the released messages.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanledger_collector.receive.decoded import status_of

__all__ = ["STATUS_CODES", "WHOLE_TRACES", "SpanMessage", "TraceRequest", "has_event", "trace_request"]


class SpanMessage(Protocol):
    """`Span`; an attribute is a `KeyValue` as bytes, and so are the `Status` and each `Event`."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Sequence[bytes]
    events: Sequence[bytes]
    status: bytes


class ScopeMessage(Protocol):
    """`InstrumentationScope`."""

    name: str
    version: str


class ScopeSpansMessage(Protocol):
    """`ScopeSpans`."""

    scope: ScopeMessage
    spans: Sequence[SpanMessage]


class ResourceMessage(Protocol):
    """`Resource`; an attribute is a `KeyValue` as bytes."""

    attributes: Sequence[bytes]


class ResourceSpansMessage(Protocol):
    """`ResourceSpans`."""

    resource: ResourceMessage
    scope_spans: Sequence[ScopeSpansMessage]


class TraceRequest(Protocol):
    """`ExportTraceServiceRequest`."""

    resource_spans: Sequence[ResourceSpansMessage]


_READ: Final[Mapping[str, type]] = {
    "Span": SpanMessage,
    "InstrumentationScope": ScopeMessage,
    "ScopeSpans": ScopeSpansMessage,
    "Resource": ResourceMessage,
    "ResourceSpans": ResourceSpansMessage,
    "ExportTraceServiceRequest": TraceRequest,
}
"""What we read of each message; the annotations name its fields."""

_EVENT: Final = f".{trace_pb2.Span.Event.DESCRIPTOR.full_name}"
_AS_BYTES: Final = {
    *(f".{message.DESCRIPTOR.full_name}" for message in (common_pb2.KeyValue, trace_pb2.Status)),
    _EVENT,
}


def _own_types(as_bytes: Collection[str]) -> DescriptorPool:
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            if message.name in _READ:
                _reduce(message, set(_READ[message.name].__annotations__), as_bytes)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _reduce(message: DescriptorProto, names: set[str], as_bytes: Collection[str]) -> None:
    """Leave only these fields, some of them as bytes."""
    fields = [field for field in message.field if field.name in names]
    for field in fields:
        if field.type_name in as_bytes:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    del message.field[:]
    message.field.extend(fields)


_Request: Final[Any] = GetMessageClass(
    _own_types(_AS_BYTES).FindMessageTypeByName(trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name)
)
_whole: Final = _own_types({_EVENT})
WHOLE_TRACES: Final[Sequence[type[Message]]] = [
    GetMessageClass(_whole.FindMessageTypeByName(message.DESCRIPTOR.full_name))
    for message in (trace_service_pb2.ExportTraceServiceRequest, trace_pb2.ResourceSpans, trace_pb2.ScopeSpans)
]
"""A request, what is in it and what is in that, with their attributes and status: what we read of them can be read if
these can."""


def trace_request(body: bytes) -> TraceRequest:
    """The message in the bytes. Raises `google.protobuf.message.DecodeError` for bytes that are none."""
    return _Request.FromString(body)


def has_event(span: SpanMessage, name: str) -> bool:
    """Whether a span has an event of that name. Raises DecodeError for what is no message."""
    return any(trace_pb2.Span.Event.FromString(event).name == name for event in span.events)


class _StatusCodes(dict[bytes, int]):
    """The codes of `Status` messages, unset (0) for a number that we do not know. Raises DecodeError for none."""

    def __missing__(self, sent: bytes) -> int:
        return status_of(trace_pb2.Status.FromString(sent).code)


STATUS_CODES: Final = _StatusCodes(
    {trace_pb2.Status(code=code).SerializeToString(): int(code) for code in trace_pb2.Status.StatusCode.values()}
)
"""By their bytes; the codes that there are, without a message, need not be read."""
