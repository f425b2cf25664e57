"""OTLP/HTTP by raw requests: encodings, partial success, refusals with the code and body of the specification."""

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_http import JSON, MIB, ONE, PROTOBUF, Answer, connected_from, head, send
from receiving import CHAT, START, Receiving, in_json, received, receiving, request, stored, until

from spanledger_collector.receive import http_app
from spanledger_collector.receive.codings import zstd


def spans_stored(receiver: Receiving) -> int:
    return stored(receiver.ledger, "SELECT count(*) FROM spans")[0][0]


ONE_IN_JSON = in_json(request([received(1, dict(reversed(CHAT.items())))]))
LIMITED = "larger than 1048576 bytes"


@dataclass(frozen=True)
class Refused:
    """A request that is refused, and how."""

    body: bytes
    content_type: str | None
    path: str
    status: int
    code: int
    words: str
    reason: str


def test_both_encodings_and_every_compression_carry_the_same_span(receiver: Receiving) -> None:
    for body, media, answer in ((ONE, PROTOBUF, b""), (ONE_IN_JSON, JSON, b"{}"), (ONE, "application/protobuf", b"")):
        for encoding, encode in (
            ("identity", bytes),
            ("gzip", gzip.compress),
            ("deflate", zlib.compress),
            ("zstd", zstd.compress),
            ("x-gzip", partial(in_parts, gzip.compress)),
            ("ZSTD", partial(in_parts, zstd.compress)),
        ):
            got = send(receiver, encode(body), f"{media}; charset=utf-8", content_encoding=encoding)
            assert (got.status, got.body) == (200, answer)
            assert got.headers["content-type"] == (JSON if media == JSON else PROTOBUF)
    assert receiver.counted("spans_journaled") == 1
    assert receiver.counted("spans_duplicate") == 17
    assert receiver.counted("spans_conflicting") == 0


def in_parts(compress: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Three members of gzip, or frames of zstd, that make one body."""
    return b"".join(map(compress, (body[:10], b"", body[10:])))


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
@pytest.mark.parametrize(("body", "media", "answer"), [(b"", PROTOBUF, b""), (b"{}", JSON, b"{}")])
def test_an_empty_request_is_taken(receiver: Receiving, signal: str, body: bytes, media: str, answer: bytes) -> None:
    for sent, encoding in ((body, "identity"), (gzip.compress(body), "gzip")):
        got = send(receiver, sent, media, f"/v1/{signal}", content_encoding=encoding)
        assert (got.status, got.body) == (200, answer)
    assert receiver.counted("requests", "http", signal, "ok") == 2
    assert receiver.counted("spans_received") == 0


def test_a_rejected_span_is_a_partial_success(receiver: Receiving) -> None:
    backwards = replace(received(5), ended_ns=START - 1)
    mixed = request([backwards, received(6), replace(received(7), trace_id=bytes(16)), replace(backwards, name="x")])

    got = send(receiver, mixed.SerializeToString())

    partial = ExportTraceServiceResponse.FromString(got.body).partial_success
    assert (got.status, partial.rejected_spans) == (200, 3)
    assert partial.error_message == (
        "spans rejected: 2 because the end time is before the start time; "
        "1 because the trace id is not 16 bytes, or all zero"
    )
    assert spans_stored(receiver) == 1
    assert receiver.counted("spans_rejected", "ends_before_start") == 2
    assert receiver.counted("spans_rejected", "trace_id") == 1
    assert receiver.counted("spans_received") == 4


def test_a_partial_success_in_json(receiver: Receiving) -> None:
    got = send(receiver, ONE_IN_JSON.replace(b'"startTimeUnixNano": "1', b'"startTimeUnixNano": "9'), JSON)
    assert json.loads(got.body)["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize(
    "case",
    [
        Refused(b"?", PROTOBUF, "/v1/traces", 400, 3, "not an ExportTraceServiceRequest", "undecodable"),
        Refused(b"?", JSON, "/v1/traces", 400, 3, "not JSON", "undecodable"),
        Refused(b"?", PROTOBUF, "/v1/metrics", 400, 3, "not an ExportMetricsServiceRequest", "undecodable"),
        Refused(b"[]", JSON, "/v1/logs", 400, 3, "not as OTLP has it", "undecodable"),
        Refused(ONE, "text/plain", "/v1/traces", 415, 3, "'text/plain' is not supported; use", "unsupported_media"),
        Refused(ONE, None, "/v1/traces", 415, 3, "is not supported", "unsupported_media"),
        Refused(bytes(2 * MIB), PROTOBUF, "/v1/traces", 413, 8, LIMITED, "too_large"),
        Refused(ONE, PROTOBUF, "/", 404, 12, "OTEL_EXPORTER_OTLP_ENDPOINT", "wrong_path"),
        Refused(ONE, JSON, "/v1/traces/", 404, 12, "OTEL_EXPORTER_OTLP_ENDPOINT", "wrong_path"),
    ],
)
def test_refusals(receiver: Receiving, case: Refused) -> None:
    got = send(receiver, case.body, case.content_type, case.path)
    assert got.status == case.status
    assert got.headers["content-type"] == (PROTOBUF if case.content_type == PROTOBUF else JSON)
    assert got.refusal().code == case.code
    assert case.words in got.refusal().message
    signal = "none" if case.status == 404 else case.path.removeprefix("/v1/")
    assert receiver.counted("requests", "http", signal, case.reason) == 1
    assert send(receiver, ONE).status == 200, "the next request is served"
    assert spans_stored(receiver) == 1


def test_other_methods_are_told_what_is_allowed(receiver: Receiving) -> None:
    connection = http.client.HTTPConnection(*receiver.http, timeout=10)
    connection.request("GET", "/v1/traces")
    response = connection.getresponse()
    assert (response.status, response.getheader("allow")) == (405, "POST")
    connection.close()


def wide_frame() -> bytes:
    """A zstd frame that asks for a window of 16 MiB, more than the coding allows."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 24}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(ONE) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "body", "status", "words"),
    [
        ("br", b"x", 415, "'br' is not supported"),
        ("gzip", b"not gzip", 400, "not gzip"),
        ("gzip", gzip.compress(ONE)[:-9], 400, "cut off"),
        ("gzip", gzip.compress(ONE) + b"more", 400, "not gzip"),
        ("gzip", gzip.compress(b"") * 1000, 400, "followed by"),
        ("gzip", gzip.compress(bytes(MIB - 5), 9) * 2, 413, "larger than"),
        ("deflate", zlib.compress(ONE) * 2, 400, "followed by"),
        ("gzip", gzip.compress(bytes(300 * MIB), 9), 413, "larger than"),
        ("deflate", zlib.compress(bytes(300 * MIB), 9), 413, "larger than"),
        ("zstd", b"not zstd", 400, "not zstd"),
        ("zstd", zstd.compress(ONE)[:-1], 400, "cut off"),
        ("zstd", zstd.compress(ONE) + b"more", 400, "zstd"),
        ("zstd", zstd.compress(b"") * 1000, 400, "followed by"),
        ("zstd", zstd.compress(bytes(300 * MIB)), 413, "larger than"),
        ("zstd", wide_frame(), 400, "not zstd"),
    ],
)
def test_bad_and_hostile_compression(receiver: Receiving, encoding: str, body: bytes, status: int, words: str) -> None:
    assert len(body) < MIB, "the compressed body itself is within the limit"
    got = send(receiver, body, content_encoding=encoding)
    assert got.status == status
    assert words in got.refusal().message
    assert send(receiver, gzip.compress(ONE), content_encoding="gzip").status == 200


def test_the_limit_is_exact_and_holds_without_a_content_length(receiver: Receiving) -> None:
    def chunked(size: int) -> int:
        connection = http.client.HTTPConnection(*receiver.http, timeout=10)
        body = b"\xda\x3f" + _varint(size - 5) + bytes(size - 5)  # an unknown field of that many bytes
        assert len(body) == size
        try:
            pieces = iter([body[start : start + 65536] for start in range(0, size, 65536)])
            connection.request("POST", "/v1/traces", pieces, {"content-type": PROTOBUF}, encode_chunked=True)
            return connection.getresponse().status
        finally:
            connection.close()

    assert chunked(MIB) == 200
    assert chunked(MIB + 1) == 413


def _varint(number: int) -> bytes:
    """A number of 15 to 21 bits as protobuf writes it."""
    return bytes([number & 127 | 128, number >> 7 & 127 | 128, number >> 14])


def test_clients_that_break_off_or_talk_something_else_are_survived(receiver: Receiving) -> None:
    header = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 500\r\n\r\n"
    )
    for said in (b"", header, header + b"half", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)) * 40):
        with socket.create_connection(receiver.http, timeout=5) as connection:
            connection.sendall(said)
    assert send(receiver, ONE).status == 200


def test_many_requests_on_one_connection(receiver: Receiving) -> None:
    connection = http.client.HTTPConnection(*receiver.http, timeout=10)
    for number in range(20):
        connection.request(
            "POST", "/v1/traces", request([received(number)]).SerializeToString(), {"content-type": PROTOBUF}
        )
        assert connection.getresponse().read() == b""
    connection.close()
    assert spans_stored(receiver) == 20


def test_one_client_that_holds_its_share_is_throttled_and_others_are_served(db: Path) -> None:
    with receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver:
        with connected_from(receiver, "127.0.0.1") as slow:
            slow.sendall(head(MIB) + bytes(MIB - 1))
            until(lambda: receiver.budget.held == MIB - 1)
            refused = send(receiver, ONE)
            assert (refused.status, refused.headers["retry-after"], refused.refusal().code) == (503, "1", 8)
            with connected_from(receiver, "127.0.0.2") as other:
                other.sendall(head(len(ONE)) + ONE)
                assert other.recv(4096).startswith(b"HTTP/1.1 200 ")
        until(lambda: receiver.budget.held == 0)
        assert not receiver.budget.held_by, "nothing is kept of clients that hold nothing"
        assert receiver.counted("requests", "http", "traces", "throttled") == 1


def test_overload_is_answered_with_a_retryable_error_and_ends(db: Path) -> None:
    with receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver:
        slow = [connected_from(receiver, f"127.0.0.{host}") for host in (2, 3)]
        for connection in slow:
            connection.sendall(head(MIB) + bytes(MIB - 1))  # all but the last byte
        until(lambda: receiver.budget.held == 2 * (MIB - 1))
        refused = send(receiver, ONE)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.refusal().code == 14
        assert "send the same request again" in refused.refusal().message
        for connection in slow:
            connection.close()
        until(lambda: receiver.budget.held == 0)
        assert send(receiver, ONE).status == 200
        assert receiver.counted("requests", "http", "traces", "overloaded") == 1


def test_what_a_body_is_after_decompression_counts_as_waiting(db: Path) -> None:
    large = b"\xda\x3f" + _varint(MIB - 5) + bytes(MIB - 5)
    packed = gzip.compress(large)
    with receiving(db, max_request_bytes=MIB, max_waiting_bytes=2 * MIB) as receiver:
        with receiver.budget.hold("one") as one, receiver.budget.hold("another") as another:
            one.grow(MIB)
            another.grow(MIB // 2)
            assert send(receiver, packed, content_encoding="gzip").status == 503
            assert send(receiver, ONE).status == 200
        assert send(receiver, packed, content_encoding="gzip").status == 200


def test_a_body_that_does_not_arrive_is_given_up(receiver: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_app, "_BODY_SECONDS", 0.05)
    with socket.create_connection(receiver.http, timeout=10) as connection:
        connection.sendall(head(500) + b"half")
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer
    assert receiver.counted("requests", "http", "traces", "too_slow") == 1
    assert receiver.budget.held == 0


def test_a_server_that_stops_tells_clients_that_are_still_sending(db: Path) -> None:
    with ExitStack() as stack:
        with receiving(db, grace=1) as receiver:
            connection = stack.enter_context(socket.create_connection(receiver.http, timeout=10))
            connection.sendall(head(500) + b"half")
            until(lambda: receiver.budget.held == 4)
        assert connection.recv(4096).startswith(b"HTTP/1.1 503 ")


def preflight(receiver: Receiving, origin: str) -> Answer:
    """What a browser asks before a page of that origin may send JSON."""
    connection = http.client.HTTPConnection(*receiver.http, timeout=10)
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    try:
        connection.request("OPTIONS", "/v1/traces", headers=asked)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def test_pages_may_send_only_from_origins_that_are_named(db: Path) -> None:
    with receiving(db, cors_origins=["https://shop.example"]) as receiver:
        allowed = preflight(receiver, "https://shop.example")
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://shop.example")
        assert "POST" in allowed.headers["access-control-allow-methods"]
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in allowed.headers
        sent = send(receiver, ONE_IN_JSON, JSON, origin="https://shop.example")
        assert (sent.status, sent.headers["access-control-allow-origin"]) == (200, "https://shop.example")
        assert sent.headers["access-control-expose-headers"] == "retry-after", "else the page cannot see when to retry"
        refused = preflight(receiver, "https://evil.example")
        assert (refused.status, refused.headers.get("access-control-allow-origin")) == (400, None)


def test_by_default_no_page_may_send(receiver: Receiving) -> None:
    refused = preflight(receiver, "https://shop.example")
    assert (refused.status, refused.headers.get("access-control-allow-origin")) == (405, None)
    assert "access-control-allow-origin" not in send(receiver, ONE_IN_JSON, JSON, origin="https://a.example").headers
