"""What gRPC may take into memory: messages are read in turns, and a request that is refused leaves nothing behind."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from receiving import CHAT, Receiving, received, receiving, request, stored

from spanledger_collector.connections import ConnectionLimits
from spanledger_collector.demo.processes import collector
from spanledger_collector.errors import Overloaded, Throttled
from spanledger_collector.receive import grpc_server, turns
from spanledger_collector.receive.receiver import Signal
from spanledger_collector.receive.turns import Turns

MIB = 1024 * 1024
EXPORT = f"/{Signal.TRACES.service}/Export"
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def padded(size: int) -> bytes:
    """A request of that size, nearly: one field that no version of the protocol knows."""
    length = bytes(size >> 7 * place & 127 | (128 if place < 3 else 0) for place in range(4))
    body = b"\x7a" + length + bytes(size)
    assert ExportTraceServiceRequest.FromString(body).ByteSize() == len(body)
    return body


def retry_seconds(error: grpc.RpcError) -> int:
    """When to come again, by its details."""
    assert isinstance(error, grpc.Call)
    metadata: Any = error.trailing_metadata() or ()  # pairs, of which the stub says otherwise
    retry = RetryInfo()
    (details,) = Status.FromString(dict(metadata)["grpc-status-details-bin"]).details
    assert details.Unpack(retry)
    return retry.retry_delay.seconds


def memory_mib(pid: int, word: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{word}:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell what memory is used")
def test_many_large_messages_at_once_stay_within_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four messages of 4 MB: 256 MB, where 8 MiB may wait and as many again be read."""
    monkeypatch.setenv("SPANLEDGER_MAX_REQUEST_BYTES", str(4 * MIB))
    monkeypatch.setenv("SPANLEDGER_MAX_WAITING_BYTES", str(8 * MIB))
    body = padded(4_000_000)
    with collector(tmp_path / "ledger.duckdb", tmp_path / "serve.log") as ledger:
        pid = ledger.running.process.pid
        before = memory_mib(pid, "VmRSS")
        channels: list[Any] = [grpc.insecure_channel(str(ledger.grpc), OPTIONS) for _ in range(4)]
        calls = [channel.unary_unary(EXPORT).future(body, timeout=60) for channel in channels for _ in range(16)]
        errors = [error for call in calls if (error := call.exception()) is not None]
        assert {error.code() for error in errors} <= {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAVAILABLE}
        assert all(retry_seconds(error) > 0 for error in errors)
        assert len(errors) < len(calls), "some get through"
        grown = memory_mib(pid, "VmHWM") - before
        assert channels[0].unary_unary(EXPORT)(b"", timeout=20) == b""
        for channel in channels:
            channel.close()
    assert grown < 120, f"{grown:.0f} MiB"


def test_a_large_message_is_taken(db: Path) -> None:
    sent = request([received(number, {**CHAT, "note": "x" * 2000}) for number in range(3000)]).SerializeToString()
    with receiving(db, max_request_bytes=16 * MIB, max_waiting_bytes=64 * MIB) as receiver:
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            with grpc.insecure_channel(str(receiver.grpc), OPTIONS, compression) as channel:
                untyped: Any = channel
                assert untyped.unary_unary(EXPORT)(sent, timeout=60) == b""
        assert stored(receiver.ledger, "SELECT count(*) FROM observations") == [(3000,)]
        assert receiver.counted("spans_duplicate") == 3000


def test_a_message_that_does_not_come_is_given_up(receiver: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "_BODY_SECONDS", 0.2)
    over = Event()

    def never() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    with grpc.insecure_channel(str(receiver.grpc), OPTIONS) as channel:
        untyped: Any = channel
        with pytest.raises(grpc.RpcError) as caught:
            untyped.stream_unary(EXPORT)(never(), timeout=30)
        over.set()
    error: Any = caught.value
    assert (error.code(), retry_seconds(error)) == (StatusCode.DEADLINE_EXCEEDED, 1)
    assert receiver.counted("requests", "grpc", "traces", "too_slow") == 1


def test_a_request_without_a_message_is_refused_for_good(receiver: Receiving) -> None:
    with grpc.insecure_channel(str(receiver.grpc), OPTIONS) as channel:
        untyped: Any = channel
        with pytest.raises(grpc.RpcError) as caught:
            untyped.stream_unary(EXPORT)(iter(()), timeout=30)
    error: Any = caught.value
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, "The request has no message.")
    assert receiver.counted("requests", "grpc", "traces", "undecodable") == 1


def test_a_host_whose_turns_are_all_taken_waits_and_is_then_told_so(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over, reading = Event(), Semaphore(0)
    read = grpc_server._message  # pyright: ignore[reportPrivateUsage] - who is there has a turn

    async def message(context: Any, limit: int) -> bytes:  # noqa: ANN401 - gRPC's, passed on
        reading.release()
        return await read(context, limit)

    def never() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    def code(future: "grpc.Future[bytes]") -> StatusCode:
        error: Any = future.exception()
        return StatusCode.OK if error is None else error.code()

    with (
        receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver,
        grpc.insecure_channel(str(receiver.grpc), OPTIONS) as channel,
    ):
        untyped: Any = channel
        monkeypatch.setattr(grpc_server, "_message", message)
        slow = [untyped.stream_unary(EXPORT).future(never(), timeout=30) for _ in range(2)]
        assert all(reading.acquire(timeout=20) for _ in slow)
        monkeypatch.setattr(turns, "_SECONDS", 0.2)
        assert code(untyped.unary_unary(EXPORT).future(b"", timeout=20)) is StatusCode.RESOURCE_EXHAUSTED
        assert receiver.counted("requests", "grpc", "traces", "throttled") == 1
        over.set()
        assert {code(each) for each in slow} == {StatusCode.INVALID_ARGUMENT}
        assert code(untyped.unary_unary(EXPORT).future(b"", timeout=20)) is StatusCode.OK


def test_grpc_knows_every_option_that_it_is_given() -> None:
    """It passes over one of another name without a word."""
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert found.origin is not None
    library = Path(found.origin).read_bytes()
    given = grpc_server._options(ConnectionLimits())  # pyright: ignore[reportPrivateUsage] - all but the one of a receiver
    names = ["grpc.max_receive_message_length", *(name for name, _ in given)]
    assert [name for name in names if name.encode() + b"\0" not in library] == []


@pytest.mark.slow
def test_clients_may_look_often_whether_the_server_lives(receiver: Receiving) -> None:
    """By default gRPC takes three looks within minutes, on a connection without a request, for an attack."""
    often = [
        ("grpc.keepalive_time_ms", 6_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    lost = Event()

    def watch(state: grpc.ChannelConnectivity) -> None:
        if state is not grpc.ChannelConnectivity.READY and connected.is_set():
            lost.set()

    connected = Event()
    with grpc.insecure_channel(str(receiver.grpc), [*OPTIONS, *often]) as channel:
        channel.subscribe(watch)
        untyped: Any = channel
        assert untyped.unary_unary(EXPORT)(b"", timeout=20) == b""
        connected.set()
        assert not lost.wait(32), "five looks later it is the same connection"


async def test_turns_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_SECONDS", 0.1)
    shared = Turns(4)
    async with AsyncExitStack() as stack:
        for client in ("one", "one", "another"):
            await stack.enter_async_context(shared.turn(client))
        with pytest.raises(Throttled):
            await stack.enter_async_context(shared.turn("one"))
        await stack.enter_async_context(shared.turn("third"))
        with pytest.raises(Overloaded):
            await stack.enter_async_context(shared.turn("fourth"))
    async with shared.turn("one"), shared.turn("one"), shared.turn("fourth"):
        pass


async def test_who_waits_gets_the_turn_that_is_given_back() -> None:
    shared = Turns(2)
    order: list[str] = []
    first, second = shared.turn("one"), shared.turn("one")

    async def next_one() -> None:
        async with second:
            order.append("second")

    async with first:
        waiting = asyncio.create_task(next_one())
        await asyncio.sleep(0)
        order.append("first")
    await waiting
    assert order == ["first", "second"]


async def test_crowds_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_WAITING", 4)
    monkeypatch.setattr(turns, "_WAITING_PER_CLIENT", 3)
    shared = Turns(100)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(shared.turn("one"))
        with pytest.raises(Throttled):
            await stack.enter_async_context(shared.turn("one"))
        await stack.enter_async_context(shared.turn("another"))
        with pytest.raises(Overloaded):
            await stack.enter_async_context(shared.turn("third"))


def test_a_server_that_stops_lets_go_of_clients_that_still_send(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over, begun = Event(), Event()
    read = grpc_server._message  # pyright: ignore[reportPrivateUsage] - where a request waits for its message

    async def message(context: Any, limit: int) -> bytes:  # noqa: ANN401 - gRPC's, passed on
        begun.set()
        return await read(context, limit)

    def never() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    monkeypatch.setattr(grpc_server, "_message", message)
    with receiving(db, grace=0.2) as receiver:
        channel: Any = grpc.insecure_channel(str(receiver.grpc), OPTIONS)
        call = channel.stream_unary(EXPORT).future(never(), timeout=30)
        assert begun.wait(20)
    error = call.exception()
    over.set()
    channel.close()
    assert error.code() in {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}, "it may be sent again"
