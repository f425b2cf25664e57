"""Slow, greedy and malicious clients: survived, counted, and no reason for others to wait."""

import http.client
import json
import socket
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest
from otlp_http import JSON, MIB, ONE, PROTOBUF, connected_from, head, send
from receiving import CHAT, Receiving, received, receiving, request, until

from spanledger_collector.connections import ConnectionLimits, allow_files
from spanledger_collector.receive import receiver as receiver_module
from spanledger_collector.receive.answers import Encoding
from spanledger_collector.receive.decoded import Decoded
from spanledger_collector.receive.decoders import DECODERS, Signal

IMPATIENT = ConnectionLimits(connections=4, head_seconds=0.3, idle_seconds=60)
PATIENT = ConnectionLimits(connections=4, head_seconds=60, idle_seconds=60)


@pytest.fixture
def small(db: Path) -> Generator[Receiving]:
    """A receiver with room for four connections, which gives them time."""
    with receiving(db, limits=PATIENT) as receiver:
        yield receiver


def is_open(connection: socket.socket) -> bool:
    """Whether the server keeps it, having said nothing."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        connection.setblocking(True)


@pytest.mark.parametrize("said", [b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_come_is_given_up(db: Path, said: bytes) -> None:
    with receiving(db, limits=IMPATIENT) as receiver, socket.create_connection(receiver.http, timeout=10) as slow:
        slow.sendall(said)
        assert slow.recv(100) == b"", "closed by the server"
        assert send(receiver, ONE).status == 200


def test_a_head_that_drips_in_is_given_up_and_one_after_a_request_too(db: Path) -> None:
    with receiving(db, limits=IMPATIENT) as receiver, socket.create_connection(receiver.http, timeout=10) as slow:
        slow.sendall(head(len(ONE)) + ONE)
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 ")
        slow.settimeout(0.02)
        until(lambda: dripped(slow))  # each byte in time, the head never


def dripped(connection: socket.socket) -> bool:
    """Send one byte more; whether the server has closed the connection."""
    try:
        connection.sendall(b"X")
        return connection.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_an_idle_connection_outlives_the_time_for_a_head(db: Path) -> None:
    with receiving(db, limits=IMPATIENT) as receiver:
        connection = http.client.HTTPConnection(*receiver.http, timeout=10)
        for idle in (False, True):
            with socket.create_connection(receiver.http, timeout=10) as timer:
                if idle:
                    assert timer.recv(1) == b"", "a silent connection is closed meanwhile"
            connection.request("POST", "/v1/traces", ONE, {"content-type": PROTOBUF})
            assert connection.getresponse().read() == b""
        connection.close()


def test_too_many_idle_connections_make_room_for_new_ones(small: Receiving) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connected_from(small, "127.0.0.2")) for _ in range(20)]
        until(lambda: sum(map(is_open, idle)) <= PATIENT.connections)
        assert is_open(idle[-1])
        assert not is_open(idle[0]), "the one that waited longest is given up"
        assert send(small, ONE).status == 200


def test_a_host_with_most_connections_gives_way_to_others_even_while_it_sends(small: Receiving) -> None:
    with ExitStack() as stack:
        sending = [stack.enter_context(connected_from(small, "127.0.0.2")) for _ in range(4)]
        for connection in sending:
            connection.sendall(head(500) + b"half")
        until(lambda: small.budget.held == 16)
        refused = stack.enter_context(connected_from(small, "127.0.0.2"))
        assert refused.recv(4096).startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n")
        assert all(map(is_open, sending))
        assert send(small, ONE).status == 200, "another host gets in"
        until(lambda: small.budget.held == 12)


def test_grpc_gives_up_connections_that_say_nothing_and_those_beyond_its_limit(db: Path) -> None:
    with receiving(db, limits=IMPATIENT) as receiver, ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(receiver.grpc, timeout=10)) for _ in range(8)]

        def closed(connection: socket.socket) -> bool:
            connection.setblocking(False)
            try:
                while connection.recv(4096):  # its settings, then its farewell
                    pass
            except BlockingIOError:
                return False
            except ConnectionError:
                pass
            return True

        until(lambda: sum(map(closed, silent)) >= 4)
        until(lambda: all(map(closed, silent)))
        with grpc.insecure_channel(str(receiver.grpc)) as channel:
            untyped: Any = channel
            assert untyped.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(ONE) == b""


def test_a_span_with_very_many_attributes_does_not_take_its_neighbours_along(receiver: Receiving) -> None:
    wide = received(1, {**CHAT, **{f"a{number}": "x" for number in range(30_000)}})
    answer = send(receiver, request([wide, received(2, CHAT)]).SerializeToString())
    assert answer.status == 200
    with receiver.ledger.cursor() as cursor:
        found = cursor.execute("SELECT count(*) FROM observations").fetchall()
    assert found == [(2,)]


def test_many_attributes_of_the_same_name_are_one(receiver: Receiving) -> None:
    pair = {"key": "x", "value": {"intValue": "1"}}
    span = {"traceId": "01" * 16, "spanId": "01" * 8, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": [pair] * 20_000}]}]}]}
    assert send(receiver, json.dumps(body).encode(), JSON).status == 200
    assert receiver.counted("spans_journaled") == 1


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (ONE.replace(b"GET", b"G\xffT"), PROTOBUF),
        (b'{"resourceSpans": "\xff"}', JSON),
        (b'{"resourceSpans":' + b"[" * 100_000, JSON),
        (b'{"a":' * 50_000, JSON),
        (b"\x0b" * 100_000, PROTOBUF),
    ],
)
def test_what_cannot_be_decoded_is_counted_and_refused_for_good(receiver: Receiving, body: bytes, media: str) -> None:
    answer = send(receiver, body, media)
    assert (answer.status, answer.refusal().code) == (400, 3)
    assert receiver.counted("requests", "http", "traces", "undecodable") == 1
    assert send(receiver, ONE).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_head_that_is_no_http_is_refused(receiver: Receiving, lines: bytes) -> None:
    with socket.create_connection(receiver.http, timeout=10) as connection:
        connection.sendall(lines)
        assert connection.recv(100).startswith(b"HTTP/1.1 4")
    assert send(receiver, ONE).status == 200


def test_a_client_that_closes_its_half_is_answered(receiver: Receiving) -> None:
    with socket.create_connection(receiver.http, timeout=10) as connection:
        connection.sendall(head(len(ONE)) + ONE)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(receiver.http, timeout=10) as connection:
        connection.sendall(head(len(ONE)) + ONE[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"", "its body never comes"
    until(lambda: receiver.counted("requests", "http", "traces", "undecodable") == 1)
    assert receiver.counted("requests", "http", "traces", "ok") == 1


def test_a_large_request_does_not_hold_up_others(db: Path) -> None:
    """While one client's sixteen megabytes are decoded, small requests are answered."""
    large = request([received(number, {**CHAT, "note": "x" * 2000}) for number in range(6000)]).SerializeToString()
    assert 12 * MIB < len(large) < 16 * MIB
    with receiving(db, max_request_bytes=16 * MIB, max_waiting_bytes=64 * MIB) as receiver:
        # On a machine that is busy with other things it may be over before we come to send twice.
        assert any(answered_beside(receiver, large, 100_000 * attempt) > 1 for attempt in range(1, 6))


def answered_beside(receiver: Receiving, large: bytes, first: int) -> int:
    """How many small requests are answered before the large one is."""
    slow = http.client.HTTPConnection(*receiver.http, timeout=60)
    before = receiver.counted("requests", "http", "traces", "ok")
    slow.request("POST", "/v1/traces", large, {"content-type": PROTOBUF})
    answered = 0
    while receiver.counted("requests", "http", "traces", "ok") == before + answered:
        assert send(receiver, request([received(first + answered)]).SerializeToString()).status == 200
        answered += 1
    assert slow.getresponse().status == 200
    slow.close()
    return answered


def test_few_large_requests_are_decoded_at_once_and_small_ones_pass_them(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[int] = []
    go_on = Event()
    key = Signal.TRACES, Encoding.PROTOBUF
    decoder = DECODERS[key]

    def slow(body: bytes) -> Iterator[Decoded]:
        entered.append(len(body))
        assert go_on.wait(20)
        yield from decoder.in_parts(body)

    monkeypatch.setattr(receiver_module, "DECODERS", {**DECODERS, key: replace(decoder, in_parts=slow)})
    large = request([received(number, {"note": "x" * 2000}) for number in range(1000, 1600)]).SerializeToString()
    with (
        receiving(db, max_request_bytes=2 * MIB, max_waiting_bytes=64 * MIB) as receiver,
        ThreadPoolExecutor(9) as clients,
    ):
        others = [clients.submit(send_from, receiver, f"127.0.0.{host}", large) for host in (2, 2, 2, 3, 3, 3, 4)]
        until(lambda: receiver.budget.held == 7 * len(large) and len(entered) == 2)
        assert send(receiver, ONE).status == 200
        assert len(entered) == 2
        go_on.set()
        assert {answer.result(timeout=30) for answer in others} == {200}
        assert (len(entered), receiver.counted("spans_duplicate")) == (7, 6 * 600)


def send_from(receiver: Receiving, host: str, body: bytes) -> int:
    """The status that a client on that host is answered."""
    connection = http.client.HTTPConnection(*receiver.http, timeout=30, source_address=(host, 0))
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
        return connection.getresponse().status
    finally:
        connection.close()


def test_as_many_files_may_be_opened_as_connections_need() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 400), hard))
        allow_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(300 + 1280, hard)
        allow_files(10)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(300 + 1280, hard), "never less"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
