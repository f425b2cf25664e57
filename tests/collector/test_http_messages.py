"""HTTP/1.1 as it is taken: what is refused, and what must not be lost of what is taken. Source: RFC 9112."""

import re
import socket
from collections.abc import Generator, Sequence
from contextlib import suppress

import pytest
from otlp_http import ONE, PROTOBUF, head
from receiving import Receiving, received, receiving, request

LINE = b"POST /v1/traces HTTP/1.1\r\n"
TYPE = f"Content-Type: {PROTOBUF}\r\n".encode()
LENGTH = f"Content-Length: {len(ONE)}\r\n".encode()
HOST = b"Host: x\r\n"
CHUNKED = LINE + HOST + TYPE + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(ONE), ONE)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAAAA\r\n"
"""What Java's own client sends with the first request of a connection."""

OVER = 16 * 1024 + 500
"""More than a head may have."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiving]:
    """One for all tests here: what matters is what each of them adds to its numbers."""
    with receiving(tmp_path_factory.mktemp("http") / "ledger.duckdb") as running:
        yield running


def answers(receiver: Receiving, pieces: Sequence[bytes], *, until_closed: bool = False) -> list[int]:
    """The status codes that come back until the server closes the connection, as it is asked to at the end, or not."""
    farewell = b"" if until_closed else b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = b""
    with socket.create_connection(receiver.http, timeout=10) as connection, suppress(ConnectionError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (*pieces, farewell):
            connection.sendall(piece)
        while more := connection.recv(65536):
            said += more
    codes = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", said)]
    return codes if until_closed else codes[:-1]


@pytest.mark.parametrize(
    "said",
    [
        LINE + HOST + TYPE + LENGTH + b"Content-Length: 7\r\n\r\n" + ONE,
        LINE + HOST + TYPE + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + LENGTH.replace(b": ", b": +") + b"\r\n" + ONE,
        LINE + HOST + TYPE + b"X: a\r\n folded\r\n" + LENGTH + b"\r\n" + ONE,
        LINE + HOST + TYPE + b"X: a\0b\r\n" + LENGTH + b"\r\n" + ONE,
        LINE + HOST + TYPE + b"X: a\rY: b\r\n" + LENGTH + b"\r\n" + ONE,
        LINE + TYPE + LENGTH + b"\r\n" + ONE,
        LINE + HOST + b"Host: y\r\n" + TYPE + LENGTH + b"\r\n" + ONE,
        LINE.replace(b"/1.1", b"/1.2") + HOST + TYPE + LENGTH + b"\r\n" + ONE,
        (LINE + HOST + TYPE + LENGTH).replace(b"\r\n", b"\n") + b"\n" + ONE,
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
        LINE + HOST + b"X: " + b"y" * OVER + b"\r\n" + TYPE + LENGTH + b"\r\n" + ONE,
        LINE + HOST + b"X: " + b"y" * 300_000,
        LINE + HOST + b"x:\r\n" * 4000,
        b"POST /" + b"y" * OVER + b" HTTP/1.1\r\n" + HOST + TYPE + LENGTH + b"\r\n" + ONE,
        CHUNKED + CHUNK.replace(b"\r\n", b"x\r\n", 1),
        CHUNKED + b"-" + CHUNK,
        CHUNKED + CHUNK + b"0\r\nX: " + b"y" * 300_000,
        CHUNKED + CHUNK + b"0\r\n" + b"x:\r\n" * 4000,
        CHUNKED + b"1;" + b"y" * 300_000,
    ],
)
def test_what_others_may_read_otherwise_or_takes_memory_is_refused(receiver: Receiving, said: bytes) -> None:
    before = receiver.counted("spans_received")
    with socket.create_connection(receiver.http, timeout=10) as connection:
        with suppress(ConnectionError):  # refused before all of it was sent
            connection.sendall(said)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert answers(receiver, [head(len(ONE)) + ONE]) == [200]
    assert receiver.counted("spans_received") == before + 1, "nothing of it was taken"


@pytest.mark.parametrize(
    "said",
    [
        head(len(ONE)) + ONE,
        b"\r\n" + head(len(ONE)) + ONE,
        head(len(ONE)).replace(b"/v1/traces", b"http://x/v1/traces?a=b") + ONE,
        CHUNKED + CHUNK + b"0\r\n\r\n",
        CHUNKED + b"1;name=value\r\n" + ONE[:1] + b"\r\n%X\r\n" % (len(ONE) - 1) + ONE[1:] + b"\r\n0\r\nSum: 1\r\n\r\n",
        CHUNKED + b"".join([b"1\r\n%c\r\n" % byte for byte in ONE]) + b"0\r\n\r\n",
        LINE + HOST + H2C + TYPE + LENGTH + b"\r\n" + ONE,
        LINE + HOST + H2C + TYPE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
        LINE + HOST + TYPE + LENGTH + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + ONE,
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_request_is_taken_whole_however_it_is_cut(receiver: Receiving, said: bytes, size: int) -> None:
    before = receiver.counted("spans_received")
    twice = said + said
    pieces = [twice[start : start + size] for start in range(0, len(twice), size)]
    assert answers(receiver, pieces) == [200, 200]
    assert receiver.counted("spans_received") == before + 2


def test_what_follows_a_request_does_not_take_its_answer_away(receiver: Receiving) -> None:
    before = receiver.counted("spans_received")
    for said in (b"\x00garbage\r\n\r\n", b"X" * 100_000):
        assert answers(receiver, [head(len(ONE)) + ONE + said], until_closed=True) in ([200], [200, 400])
    assert receiver.counted("spans_received") == before + 2


def test_requests_far_ahead_of_their_answers_are_left_to_be_sent_again(receiver: Receiving) -> None:
    before = receiver.counted("spans_journaled")
    bodies = [request([received(number)]).SerializeToString() for number in range(100, 300)]
    answered = answers(receiver, [b"".join(head(len(body)) + body for body in bodies)], until_closed=True)
    assert set(answered) == {200}
    assert receiver.counted("spans_journaled") - before == len(answered) < 200


def test_a_client_that_asks_first_is_told_to_go_on_or_why_not(receiver: Receiving) -> None:
    for length, code in ((len(ONE), b"100"), (10_000_000, b"413")):
        asking = head(length).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        with socket.create_connection(receiver.http, timeout=10) as connection:
            connection.sendall(asking)
            assert connection.recv(4096).startswith(b"HTTP/1.1 " + code)
            if code == b"100":
                connection.sendall(ONE)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_an_older_client_is_answered_and_its_connection_closed(receiver: Receiving) -> None:
    old = head(len(ONE)).replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: x\r\n", b"") + ONE
    assert answers(receiver, [old], until_closed=True) == [200]
