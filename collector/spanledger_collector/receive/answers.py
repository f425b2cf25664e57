"""What a client is answered: success, partial success, or an error as its transport has it.

Sources: OTLP specification, sections "OTLP/gRPC Response", "OTLP/HTTP Response" and "Failures"; `google.rpc.Status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Self

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from spanledger_collector.errors import (
    BadRequest,
    NotStored,
    Overloaded,
    ReceiveError,
    RetryableError,
    Stopping,
    Throttled,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnsupportedMedia,
    WrongMethod,
    WrongPath,
)

__all__ = ["ANSWERS", "Answer", "Encoding", "error_status", "success"]


class Encoding(Enum):
    """How a body is encoded; the value is the media type of the answer."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"

    @classmethod
    def of(cls, content_type: str) -> Self | None:
        """The encoding of a Content-Type header, whatever its parameters."""
        media = content_type.partition(";")[0].strip().lower()
        return cls("application/x-protobuf" if media == "application/protobuf" else media) if media in _MEDIA else None

    def encode(self, message: Message) -> bytes:
        """A message of an answer."""
        return MessageToJson(message, indent=None).encode() if self is Encoding.JSON else message.SerializeToString()


_MEDIA = {"application/protobuf", *(encoding.value for encoding in Encoding)}


@dataclass(frozen=True, slots=True)
class Answer:
    """The codes of one error on both transports."""

    http: int
    grpc: grpc.StatusCode


ANSWERS: Mapping[type[ReceiveError], Answer] = {
    # "Bad Data": HTTP 400, "the client MUST NOT retry"; gRPC InvalidArgument in "Failures".
    BadRequest: Answer(400, grpc.StatusCode.INVALID_ARGUMENT),
    # "All Other Responses": every other 4xx is not retried. RESOURCE_EXHAUSTED without RetryInfo is not retried either.
    TooLarge: Answer(413, grpc.StatusCode.RESOURCE_EXHAUSTED),
    # RFC 9110, section 15.5.2; gRPC's code for "no valid authentication credentials". Neither is retried.
    Unauthenticated: Answer(401, grpc.StatusCode.UNAUTHENTICATED),
    UnsupportedMedia: Answer(415, grpc.StatusCode.INVALID_ARGUMENT),
    WrongPath: Answer(404, grpc.StatusCode.UNIMPLEMENTED),
    WrongMethod: Answer(405, grpc.StatusCode.UNIMPLEMENTED),
    # "OTLP/HTTP Throttling": 503 (or 429) with Retry-After; "OTLP/gRPC Throttling": UNAVAILABLE with RetryInfo.
    Overloaded: Answer(503, grpc.StatusCode.UNAVAILABLE),
    # RESOURCE_EXHAUSTED is retried only because RetryInfo says so. Over HTTP it could be 429 as well, at which older
    # exporters for Python give up.
    Throttled: Answer(503, grpc.StatusCode.RESOURCE_EXHAUSTED),
    TooSlow: Answer(503, grpc.StatusCode.DEADLINE_EXCEEDED),
    NotStored: Answer(503, grpc.StatusCode.UNAVAILABLE),
    Stopping: Answer(503, grpc.StatusCode.UNAVAILABLE),
}
"""Every error that a client can be told; the specification's section beside it."""


def success(rejected: int, message: str, encoding: Encoding, *, logs: bool = False) -> bytes:
    """The answer to a request of which `rejected` spans or log records were not taken ("Partial Success"), or none."""
    if not rejected:
        return encoding.encode(ExportTraceServiceResponse())  # the same for every signal: empty
    if logs:
        lost = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
        return encoding.encode(ExportLogsServiceResponse(partial_success=lost))
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return encoding.encode(ExportTraceServiceResponse(partial_success=partial))


def error_status(error: ReceiveError) -> Status:
    """The `Status` that tells an error: the body over HTTP, `grpc-status-details-bin` over gRPC."""
    status = Status(code=ANSWERS[type(error)].grpc.value[0], message=str(error))
    if isinstance(error, RetryableError):
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=error.retry_after)))
    return status
