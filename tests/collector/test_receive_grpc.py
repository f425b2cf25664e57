"""OTLP/gRPC by raw calls: partial success, and refusals with the code and details that the specification asks."""

import errno
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import Compression, StatusCode
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_http import send
from receiving import Receiving, received, receiving, request, stored, until

from spanledger_collector.errors import CannotListen
from spanledger_collector.journal import intake
from spanledger_collector.receive.receiver import Signal
from spanledger_collector.settings import Address

MIB = 1024 * 1024
TRACES = Signal.TRACES.service


class RefusedError(Exception):
    """A call that failed: its code, what it says, and the `Status` of its details."""

    def __init__(self, error: grpc.RpcError) -> None:
        assert isinstance(error, grpc.Call)
        self.code = error.code()
        self.words = error.details() or ""
        metadata: Any = error.trailing_metadata() or ()  # pairs, of which the stub says otherwise
        self.status = Status.FromString(dict(metadata).get("grpc-status-details-bin", b""))
        super().__init__(self.code, self.words)


def export(
    receiver: Receiving, body: bytes, service: str = TRACES, compression: Compression = Compression.NoCompression
) -> bytes:
    """One call on a channel of its own; raises RefusedError."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(str(receiver.grpc), options, compression) as channel:
        untyped: Any = channel  # its stub asks for serializers, which bytes need not
        try:
            return untyped.unary_unary(f"/{service}/Export")(body, timeout=20)
        except grpc.RpcError as error:
            raise RefusedError(error) from error


ONE = request([received(1)]).SerializeToString()


def test_the_services_are_those_of_the_protocol() -> None:
    assert [signal.service for signal in Signal] == [
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "opentelemetry.proto.collector.logs.v1.LogsService",
    ]


def test_a_rejected_span_is_a_partial_success(receiver: Receiving) -> None:
    sent = request([replace(received(5), span_id=b"short"), received(6)])
    partial = ExportTraceServiceResponse.FromString(export(receiver, sent.SerializeToString())).partial_success
    assert (partial.rejected_spans, partial.error_message) == (
        1,
        "spans rejected: 1 because the span id is not 8 bytes, or all zero",
    )
    assert stored(receiver.ledger, "SELECT count(*) FROM spans") == [(1,)]


@pytest.mark.parametrize("signal", Signal)
def test_garbage_is_refused_for_good(receiver: Receiving, signal: Signal) -> None:
    with pytest.raises(RefusedError) as caught:
        export(receiver, b"garbage", signal.service)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert "in protobuf" in caught.value.words
    assert (caught.value.status.code, caught.value.status.message) == (3, caught.value.words)
    assert receiver.counted("requests", "grpc", signal.value, "undecodable") == 1
    assert export(receiver, ONE) == b""


@pytest.mark.parametrize("signal", Signal)
def test_an_empty_request_is_taken(receiver: Receiving, signal: Signal) -> None:
    assert export(receiver, b"", signal.service) == b""
    assert receiver.counted("requests", "grpc", signal.value, "ok") == 1


@pytest.mark.parametrize("compression", Compression)
def test_what_is_over_the_limit_is_refused_before_and_after_decompression(
    receiver: Receiving, compression: Compression
) -> None:
    with pytest.raises(RefusedError) as caught:
        export(receiver, bytes(100 * MIB), compression=compression)
    assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in caught.value.words
    until(lambda: receiver.counted("requests", "grpc", "traces", "too_large") == 1)
    assert export(receiver, ONE) == b""


def test_other_services_and_methods_are_unimplemented(receiver: Receiving) -> None:
    with pytest.raises(RefusedError) as caught:
        export(receiver, b"", "opentelemetry.proto.collector.profiles.v1development.ProfilesService")
    assert caught.value.code is StatusCode.UNIMPLEMENTED


def test_overload_says_when_to_come_again(db: Path) -> None:
    with receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver:
        with receiver.budget.hold("one") as others, receiver.budget.hold("another") as more:
            others.grow(MIB)
            more.grow(MIB)
            with pytest.raises(RefusedError) as caught:
                export(receiver, ONE)
        assert caught.value.code is StatusCode.UNAVAILABLE
        retry = RetryInfo()
        assert caught.value.status.details[0].Unpack(retry)
        assert retry.retry_delay.seconds == 1
        assert receiver.counted("requests", "grpc", "traces", "overloaded") == 1
        assert export(receiver, ONE) == b""


def test_a_client_that_has_its_share_waiting_is_told_when_to_come_again(db: Path) -> None:
    with receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver:
        with receiver.budget.hold("127.0.0.1") as earlier:
            earlier.grow(MIB)
            with pytest.raises(RefusedError) as caught:
                export(receiver, ONE)
        assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
        retry = RetryInfo()
        assert caught.value.status.details[0].Unpack(retry), "without it, clients would drop the request"
        assert retry.retry_delay.seconds == 1


def test_a_closed_journal_answers_that_it_stops(receiver: Receiving) -> None:
    receiver.journal.close()
    with pytest.raises(RefusedError) as caught:
        export(receiver, ONE)
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert receiver.counted("requests", "grpc", "traces", "stopping") == 1


def test_a_disk_that_takes_nothing_asks_to_come_again_over_both_transports(
    receiver: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(intake, "_sync_data", full)
        with pytest.raises(RefusedError) as caught:
            export(receiver, ONE)
        over_http = send(receiver, ONE)
    retry = RetryInfo()
    assert (caught.value.code, caught.value.status.details[0].Unpack(retry)) == (StatusCode.UNAVAILABLE, True)
    assert "No space left on device" in caught.value.words
    assert (over_http.status, over_http.headers["retry-after"]) == (503, str(retry.retry_delay.seconds))
    for transport in ("grpc", "http"):
        assert receiver.counted("requests", transport, "traces", "not_stored") == 1
    assert receiver.counted("spans_logged") == 0
    assert (export(receiver, ONE), send(receiver, ONE).status) == (b"", 200)
    assert stored(receiver.ledger, "SELECT count(*) FROM spans") == [(1,)]


def test_a_second_server_on_the_port_is_refused_with_the_option_to_set(receiver: Receiving, tmp_path: Path) -> None:
    taken = Address("127.0.0.1", receiver.grpc.port)
    message = rf"OTLP/gRPC on {taken}: .*in use.* --grpc HOST:PORT"
    with pytest.raises(CannotListen, match=message) as caught, receiving(tmp_path / "other.duckdb", grpc=taken):
        pass
    assert caught.value.exit_code == 3


def test_metadata_that_is_no_text_is_not_in_the_log(receiver: Receiving, caplog: pytest.LogCaptureFixture) -> None:
    """As it may be a key. No library sends such: so the frames of HTTP/2 (RFC 9113, 7541), each field as a literal."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": f"/{TRACES}/Export".encode(),
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"authorization": b"Bearer secret\xe9",
    }
    head = b"".join(b"\0%c%b%c%b" % (len(name), name, len(value), value) for name, value in fields.items())
    frames = _frame(4, 0, 0, b"") + _frame(1, 4, 1, head) + _frame(0, 1, 1, b"\0" + len(ONE).to_bytes(4) + ONE)
    with socket.create_connection(receiver.grpc, timeout=10) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
        until(lambda: receiver.counted("requests", "grpc", "traces", "ok") == 1)
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content
