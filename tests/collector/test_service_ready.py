"""`/readyz`: 503 with the reason while nothing can be taken, and 200 again after."""

import errno
import http.client
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from otlp_http import send
from receiving import received, request, until
from whole_server import server_with

from spanledger_collector.journal import loader, probe
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.writer import Writer
from spanledger_collector.service import Running
from spanledger_collector.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Generator[Running]:
    with server_with(Settings(db=tmp_path / "ledger.duckdb")) as running:
        yield running


def readiness(server: Running) -> tuple[int, str]:
    """What the server answers, and why."""
    connection = http.client.HTTPConnection(*server.web, timeout=20)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_full_disk_is_told_before_anybody_sends(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readiness(server) == (200, "ready\n")

    def full(**_: Any) -> None:  # noqa: ANN401 - in the place of a function that takes many things
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(probe, "TemporaryFile", full)
        status, text = readiness(server)
        assert status == 503
        assert "Nothing can be written to" in text
        assert "No space left on device" in text
    assert readiness(server) == (200, "ready\n")


def test_a_database_that_takes_nothing_is_told_once_nothing_more_can_wait_for_it(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise duckdb.IOException("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(loader, "_MOST", Held(spans=1, bytes=1))
        patched.setattr(loader, "_LAST_RETRY_SECONDS", 0.1)
        patched.setattr(Writer, "commit", fail)
        assert send(server, request([received(1)]).SerializeToString()).status == 200, "it is durable"
        until(lambda: readiness(server)[0] == 503)
        assert "which takes nothing: the disk is gone" in readiness(server)[1]
        assert send(server, request([received(2)]).SerializeToString()).status == 503
    until(lambda: readiness(server)[0] == 200)
    assert send(server, request([received(2)]).SerializeToString()).status == 200


def test_a_server_that_does_not_settle_any_more_is_not_ready(server: Running) -> None:
    server.state.settling.close(1.0)
    status, text = readiness(server)
    assert status == 503
    assert "Settling has ended" in text


def test_a_server_that_stops_is_not_ready(server: Running) -> None:
    server.state.journal.close()
    status, text = readiness(server)
    assert status == 503
    assert "The server is stopping." in text
