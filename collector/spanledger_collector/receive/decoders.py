"""How each signal is read in each encoding: at once where that is quick, in parts where it is not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics

from spanledger_collector.errors import BadRequest
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decode import decode_traces, decode_traces_slowly
from spanledger_collector.receive.decode_json import decode_traces_json, trace_parts_json
from spanledger_collector.receive.decode_logs import decode_logs, decode_logs_json, log_parts_json
from spanledger_collector.receive.decoded import Decoded
from spanledger_collector.receive.json_values import check_json
from spanledger_collector.receive.otlp_messages import WHOLE_TRACES
from spanledger_collector.receive.parts import check_all, parts_of

__all__ = ["DECODERS", "LARGE", "Decoder", "Signal"]

_Decode: TypeAlias = Callable[[bytes], Decoded]
_Parts: TypeAlias = Callable[[bytes], Iterator[Decoded]]
LARGE: Final = 768 * 1024
"""Bodies from this size (bytes) are decoded in parts: of so many empty messages protobuf makes 50 MB in 40 ms."""
_QUICK: Final = 320 * 1024
"""Bytes that are decoded in 20 ms, whatever they are."""
_LARGEST_READ: Final = 1024 * 1024
"""Bytes: in a log record that alone is larger nothing is looked for, nor is such a metric checked, as what protobuf
makes of them may take a hundred times their size. Records of usage have some hundred bytes."""


class Signal(Enum):
    """The signals of OTLP; the value is the last part of the path over HTTP."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"

    @property
    def service(self) -> str:
        """The name of the gRPC service."""
        singular = {"traces": "trace"}.get(self.value, self.value)
        return f"opentelemetry.proto.collector.{singular}.v1.{singular.capitalize()}Service"


@dataclass(frozen=True, slots=True)
class Decoder:
    """What a decoder gives goes to the journal and into the partial success. `at_once` raises TooMuchAtOnce for what it
    leaves to `in_parts`; both raise BadRequest, the latter also TooLarge.

    Bodies of less than `quick_bytes` are decoded on the event loop, larger ones in a thread, so that the event loop
    serves others meanwhile.
    """

    at_once: _Decode
    in_parts: _Parts
    quick_bytes: int = _QUICK


def _cut(decode: _Decode, messages: Sequence[type[Message]], too_large: Decoded | None = None) -> _Parts:
    """For protobuf, made of these messages; `too_large` is what is read in what cannot be cut and is large."""

    def in_parts(body: bytes) -> Iterator[Decoded]:
        check_all(body, messages)
        for part in parts_of(body):
            yield too_large if too_large is not None and len(part) > _LARGEST_READ else decode(part)

    return in_parts


def _check_metrics(body: bytes) -> Decoded:
    """Nothing is read from metrics: what is malformed is refused all the same."""
    try:
        ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise BadRequest("The body is not an ExportMetricsServiceRequest in protobuf.") from error
    return Decoded()


def _check_metrics_json(body: bytes) -> Decoded:
    check_json(body)
    return Decoded()


def _metrics_json(body: bytes) -> Iterator[Decoded]:
    yield _check_metrics_json(body)


_METRICS: Final = (ExportMetricsServiceRequest, ResourceMetrics, ScopeMetrics)
_LOGS: Final = (ExportLogsServiceRequest, ResourceLogs, ScopeLogs)
DECODERS: Final[Mapping[tuple[Signal, Encoding], Decoder]] = {
    # 512 spans are 200 KiB, or 600 with prompts and answers, over which decoding passes in next to no time; the most
    # hostile bodies take 30 ms. In a thread they would take a tenth more CPU time, as it waits for the interpreter.
    (Signal.TRACES, Encoding.PROTOBUF): Decoder(decode_traces, _cut(decode_traces_slowly, WHOLE_TRACES), LARGE),
    (Signal.TRACES, Encoding.JSON): Decoder(decode_traces_json, trace_parts_json),
    (Signal.METRICS, Encoding.PROTOBUF): Decoder(_check_metrics, _cut(_check_metrics, _METRICS, Decoded())),
    (Signal.METRICS, Encoding.JSON): Decoder(_check_metrics_json, _metrics_json),
    (Signal.LOGS, Encoding.PROTOBUF): Decoder(decode_logs, _cut(decode_logs, _LOGS, Decoded(skipped=1))),
    (Signal.LOGS, Encoding.JSON): Decoder(decode_logs_json, log_parts_json),
}
