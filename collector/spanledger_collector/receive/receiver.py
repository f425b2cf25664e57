"""What happens to a request whatever its transport: decoded, journaled, counted, answered."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import TypeAlias

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanledger_collector.errors import BadRequest, ReceiveError
from spanledger_collector.journal import Journal
from spanledger_collector.keys import KeyRing
from spanledger_collector.receive.answers import Encoding, success
from spanledger_collector.receive.bodies import Budget
from spanledger_collector.receive.decode import decode_traces
from spanledger_collector.receive.decode_json import decode_traces_json
from spanledger_collector.receive.decode_logs import decode_logs, decode_logs_json
from spanledger_collector.receive.decoded import Decoded
from spanledger_collector.receive.json_values import check_json
from spanledger_collector.receive.senders import Sender, as_sent_by
from spanledger_collector.stats import Stats

__all__ = ["Receiver", "Signal"]

_LARGE = 1024 * 1024
"""Bodies from this size (bytes) are decoded in a thread, so that the event loop serves others meanwhile."""
_LARGE_AT_ONCE = 2
"""As many of them are held decoded, which takes ten times the memory of their bytes, until they are stored."""


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


class Receiver:
    """Takes requests to the journal. Metrics are acknowledged and counted, and nothing is read from them."""

    def __init__(
        self,
        journal: Journal,
        stats: Stats,
        *,
        max_request_bytes: int,
        max_waiting_bytes: int,
        keys: KeyRing | None = None,
    ) -> None:
        """Without `keys` everybody may send."""
        self.keys = keys
        self.max_request_bytes = max_request_bytes
        self.budget = Budget(max(max_waiting_bytes, 2 * max_request_bytes))
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._journal = journal
        self._stats = stats
        stats.waiting_bytes.set_function(lambda: self.budget.held)

    @contextmanager
    def counted(self, transport: str, signal: str) -> Generator[None, None, None]:
        """Counts how a request ends."""
        try:
            yield
        except ReceiveError as error:
            self._stats.requests.labels(transport, signal, error.reason).inc()
            raise
        self._stats.requests.labels(transport, signal, "ok").inc()

    async def export(self, sender: Sender, signal: Signal, encoding: Encoding, body: bytes) -> bytes:
        """The answer to a request, once its spans are durable. Raises ReceiveError."""
        decode = _DECODERS[signal, encoding]
        if len(body) < _LARGE:
            return await self._store(sender, signal, encoding, decode(body))
        async with self._large:
            return await self._store(sender, signal, encoding, await asyncio.to_thread(decode, body))

    async def _store(self, sender: Sender, signal: Signal, encoding: Encoding, decoded: Decoded) -> bytes:
        rejected = sum(decoded.rejected.values())
        self._stats.received.inc(len(decoded.spans) + rejected)
        for reason, count in decoded.rejected.items():
            self._stats.rejected.labels(reason).inc(count)
        self._stats.log_records_skipped.inc(decoded.skipped)
        await self._journal.append(as_sent_by(sender, decoded.spans))
        return success(rejected, decoded.explain_rejected(), encoding, logs=signal is Signal.LOGS)


_Decode: TypeAlias = Callable[[bytes], Decoded]


def _checked(check: Callable[[bytes], None]) -> _Decode:
    """For a signal from which nothing is read: what is malformed is refused all the same."""

    def decode(body: bytes) -> Decoded:
        check(body)
        return Decoded()

    return decode


def _protobuf(message: type[Message]) -> Callable[[bytes], None]:
    def check(body: bytes) -> None:
        try:
            message.FromString(body)
        except DecodeError as error:
            raise BadRequest(f"The body is not an {message.__name__} in protobuf.") from error

    return check


_DECODERS: Mapping[tuple[Signal, Encoding], _Decode] = {
    (Signal.TRACES, Encoding.PROTOBUF): decode_traces,
    (Signal.TRACES, Encoding.JSON): decode_traces_json,
    (Signal.METRICS, Encoding.PROTOBUF): _checked(_protobuf(ExportMetricsServiceRequest)),
    (Signal.METRICS, Encoding.JSON): _checked(check_json),
    (Signal.LOGS, Encoding.PROTOBUF): decode_logs,
    (Signal.LOGS, Encoding.JSON): decode_logs_json,
}
"""What is read from each signal: what a decoder gives goes to the journal and into the partial success."""
