"""What an operator sets is what the server does: each setting by its effect, in a whole server."""

import http.client
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from otlp_http import ONE, PROTOBUF, head, send
from receiving import CHAT, received, request, stored, until
from whole_server import server_with

from spanledger_collector import ports, service
from spanledger_collector.connections import ConnectionLimits
from spanledger_collector.retention_thread import RetentionThread
from spanledger_collector.settings import Address, Retention, Settings


def test_pages_of_the_origins_may_send(db: Path) -> None:
    with server_with(Settings(db=db, cors_origins=("https://shop.example",))) as server:
        for origin, allowed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
            answer = send(server, ONE, origin=origin)
            assert answer.headers.get("access-control-allow-origin") == allowed


def test_requests_and_what_waits_are_bounded(db: Path) -> None:
    with (
        server_with(Settings(db=db, max_request_bytes=5_000, max_waiting_bytes=20_000)) as server,
        ExitStack() as stack,
    ):
        assert send(server, bytes(5_001)).status == 413
        assert send(server, ONE).status == 200
        for _ in range(2):
            slow = stack.enter_context(socket.create_connection(server.http, timeout=10))
            slow.sendall(head(5_000) + bytes(4_999))
        until(lambda: server.state.stats.snapshot()["waiting_bytes"] == 9_998)
        assert len(ONE) > 2, "more than is left of the half that one client may hold"
        assert send(server, ONE).status == 503


def test_the_database_keeps_no_more_in_memory(db: Path) -> None:
    with server_with(Settings(db=db, max_database_bytes=100 * 1024 * 1024)) as server:
        assert stored(server.state.ledger, "SELECT current_setting('memory_limit')") == [("100.0 MiB",)]


def test_connections_are_bounded_on_each_port(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond the limit are closed: none is so for saying nothing."""
    patient = partial(ConnectionLimits, head_seconds=3600.0, idle_seconds=3600.0)
    monkeypatch.setattr(ports, "ConnectionLimits", patient)
    with server_with(Settings(db=db, max_connections=2)) as server:
        for address in (server.http, server.web, server.grpc):
            with ExitStack() as stack:
                idle = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(3)]
                until(lambda idle=idle: any(map(_is_closed, idle)))
        assert _status(server.http) == 200, "who comes later gets in"


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(4096):  # what gRPC says first
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def _status(address: Address) -> int:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request("POST", "/v1/traces", ONE, {"content-type": PROTOBUF})
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_is_older_than_it_is_kept_goes_by_itself_and_is_counted(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, where nothing is kept for a day; but a call is not a skeleton."""
    often = partial(RetentionThread, first_seconds=0.05, every_seconds=0.05)
    monkeypatch.setattr(service, "RetentionThread", often)
    spans = "SELECT count(*) FROM store.spans"
    with server_with(Settings(db=db, retention=Retention(skeletons=0, attributes=0, calls=None))) as server:
        stats = server.state.stats
        assert send(server, request([received(1, CHAT), received(10)]).SerializeToString()).status == 200
        dropped = {"skeletons": 1.0, "attributes": 1.0, "observations": 0.0, "calls": 0.0}
        until(lambda: stats.snapshot().get("retention_dropped") == dropped)
        assert stored(server.state.ledger, spans) == [(1,)]
        assert stored(server.state.ledger, "SELECT attributes FROM observations") == [("{}",)]
    with server_with(Settings(db=db, retention=Retention(skeletons=0, attributes=0, calls=0))) as server:
        until(lambda: stored(server.state.ledger, "SELECT count(*) FROM calls") == [(0,)])
        until(lambda: stored(server.state.ledger, spans) == [(0,)])
