"""`/readyz`: 503 with the reason while nothing can be taken, and 200 again after."""

import errno
import http.client
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from otlp_http import send
from receiving import CHAT, received, request, until
from whole_server import server_with

from spanledger_collector.cli import spanledger
from spanledger_collector.cli.access import Access
from spanledger_collector.cli.checks.collector import check_collector
from spanledger_collector.cli.source import fetch
from spanledger_collector.journal import loader, probe
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.queries import STATUS
from spanledger_collector.ledger.settling import Settler
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


def told(server: Running) -> str | None:
    """The trouble that its status tells of, if there is any."""
    trouble = fetch(server.web.url, STATUS.path, Access())["trouble"]
    assert trouble is None or isinstance(trouble, str)
    return trouble


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


def test_loading_that_fails_is_told_while_there_is_room_for_more(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise duckdb.IOException("the disk is gone\nand more")

    with monkeypatch.context() as patched:
        patched.setattr(loader, "_LAST_RETRY_SECONDS", 0.1)
        patched.setattr(Writer, "commit", fail)
        assert send(server, request([received(1)]).SerializeToString()).status == 200
        until(lambda: told(server) is not None)
        said = "What is acknowledged does not get into the ledger: the disk is gone"
        assert readiness(server) == (200, f"ready\n{said}\n")
        assert told(server) == said
    until(lambda: readiness(server) == (200, "ready\n"))
    assert told(server) is None


def test_settling_that_fails_is_told_and_more_is_taken_in(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    until(lambda: readiness(server) == (200, "ready\n"))
    with monkeypatch.context() as patched:
        patched.setattr(Settler, "settle_pending", fail)
        assert send(server, request([received(1, CHAT)]).SerializeToString()).status == 200
        until(lambda: told(server) is not None)
        said = "What is in the journal cannot be settled: ValueError: a bug"
        assert readiness(server) == (200, f"ready\n{said}\n")
        assert told(server) == said
        shown = CliRunner().invoke(spanledger, ["status", "--url", server.web.url])
        assert f"{said} The server's log says more; it tries again." in shown.stdout
        found = [finding.level for finding in check_collector({}, server.web.url, Access()) if finding.seen == said]
        assert found == ["trouble"]
        assert send(server, request([received(2, CHAT)]).SerializeToString()).status == 200
    until(lambda: readiness(server) == (200, "ready\n"))
    assert told(server) is None


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
