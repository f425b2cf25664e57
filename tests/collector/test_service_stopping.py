"""The end of a server in the midst of work: SIGTERM while clients send over both transports."""

import http.client
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import grpc
import pytest
from otlp_http import ONE
from receiving import CHAT, received, receiving, request, stored, until
from server_process import serving

from spanledger_collector.journal import intake
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.receive.receiver import Signal
from spanledger_collector.settings import Address

MEDIA = {"content-type": "application/x-protobuf"}
SPANS = 20
"""Of each request."""
LOST = "no answer"
Post = Callable[[bytes], object]
"""Sends a request; what the answer was: `OK`, or why not."""


class Listens(Protocol):
    """A receiver alone, or a whole server."""

    @property
    def grpc(self) -> Address: ...
    @property
    def http(self) -> Address: ...


def over_http(server: Listens) -> Post:
    """On one connection, which is made anew where it was lost, as exporters do."""
    connection = http.client.HTTPConnection(*server.http, timeout=20)

    def post(body: bytes) -> object:
        try:
            connection.request("POST", "/v1/traces", body, MEDIA)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return LOST
        return "OK" if response.status == 200 else (response.status, response.getheader("retry-after"))

    return post


def over_grpc(server: Listens) -> Post:
    """On one channel."""
    channel: Any = grpc.insecure_channel(str(server.grpc), [("grpc.use_local_subchannel_pool", 1)])
    call = channel.unary_unary(f"/{Signal.TRACES.service}/Export")

    def post(body: bytes) -> object:
        try:
            call(body, timeout=20)
        except grpc.RpcError as error:
            return error.code() if isinstance(error, grpc.Call) else error
        return "OK"

    return post


RETRIED = {LOST, (503, "5"), grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
"""What has exporters send the same again, elsewhere or later ("OTLP/HTTP Response", "Failures")."""


@pytest.mark.parametrize("before", [1, 60], ids=["at once", "in the midst"])
def test_what_a_server_acknowledged_before_it_ended_is_there_once(db: Path, before: int) -> None:
    acknowledged: list[int] = []
    numbers = count(step=SPANS)
    refused: list[object] = []

    def send(post: Post) -> None:
        """Until the server takes nothing more."""
        while True:
            first = next(numbers)
            spans = [received(number, CHAT) for number in range(first, first + SPANS)]
            answer = post(request(spans).SerializeToString())
            if answer != "OK":
                refused.append(answer)
                return
            acknowledged.extend(range(first, first + SPANS))

    with serving(db) as server, ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(send, kind(server)) for kind in (over_http, over_grpc) for _ in range(3)]
        until(lambda: len(acknowledged) >= before * SPANS)
        code, log = server.stop()
        for each in clients:
            each.result(timeout=60)

    assert (code, "Traceback" in log) == (0, False)
    assert set(refused) <= RETRIED
    assert {path.name for path in db.parent.iterdir()} == {db.name, "serve.log"}
    with Ledger.open(db, read_only=True) as ledger:
        spans = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
        ((rows, calls),) = stored(ledger, "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM calls)")
    assert spans.issuperset(acknowledged)
    assert rows == calls == len(spans), "each once, and settled"


def refuses(address: Address) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(("transport", "over"), [("http", over_http), ("grpc", over_grpc)])
def test_a_request_under_way_is_answered_before_the_end(
    db: Path, monkeypatch: pytest.MonkeyPatch, transport: str, over: Callable[[Listens], Post]
) -> None:
    """The disk takes it only when the server, which was told to stop, listens no more."""
    syncing, go_on = Event(), Event()

    def sync(descriptor: int) -> None:
        syncing.set()
        assert go_on.wait(60)
        os.fsync(descriptor)

    monkeypatch.setattr(intake, "_sync_data", sync)
    with ThreadPoolExecutor(2) as pool:
        with receiving(db, grace=60) as receiver:
            answer = pool.submit(over(receiver), ONE)
            until(syncing.is_set)

            def release() -> None:
                try:
                    until(lambda: refuses(getattr(receiver, transport)))
                finally:
                    go_on.set()

            released = pool.submit(release)
        assert answer.result(timeout=60) == "OK"
        released.result()
