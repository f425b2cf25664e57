"""Where the commands read from, and what they say when there is nothing to read from."""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import duckdb
import pytest
from background import held
from click.testing import CliRunner, Result
from web_port import web_port

from spanledger_collector.cli import source, spanledger
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.sidecar import Sidecar, sidecar_path

NO_SERVER = "http://127.0.0.1:9"  # the discard port: nobody listens there
DEAD_PID = 2**22 + 1  # over the largest process number of Linux


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory, no variables, and nobody at the usual port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPANLEDGER_URL", raising=False)
    monkeypatch.delenv("SPANLEDGER_DB", raising=False)
    monkeypatch.setattr(source, "DEFAULT_URL", NO_SERVER)


def usage(*words: str) -> Result:
    return CliRunner().invoke(spanledger, ["usage", *words])


@contextmanager
def something_else() -> Generator[str]:
    """A server that is not ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello")

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - says nothing
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_without_server_and_file_it_says_what_to_do(tmp_path: Path) -> None:
    result = usage()
    assert result.exit_code == 3
    assert f"No server answers at {NO_SERVER}" in result.stderr
    assert "no ledger spanledger.duckdb here. Start `spanledger serve`" in result.stderr
    assert list(tmp_path.iterdir()) == []  # looking for a ledger makes none


def test_the_usual_file_is_read_when_no_server_answers(small_ledger: Path) -> None:
    small_ledger.rename("spanledger.duckdb")
    assert "gpt-6" in usage().stdout


def test_the_usual_server_is_asked_first(small_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_port(small_ledger) as web:
        monkeypatch.setattr(source, "DEFAULT_URL", web.url)
        assert "gpt-6" in usage().stdout


def test_a_file_that_does_not_exist() -> None:
    result = usage("--db", "missing.duckdb")
    assert (result.exit_code, Path("missing.duckdb").exists()) == (3, False)
    assert "There is no ledger at missing.duckdb" in result.stderr


def test_the_server_of_a_file_is_found_by_its_sidecar(small_ledger: Path) -> None:
    with web_port(small_ledger) as web:
        sidecar_path(small_ledger).write_text(Sidecar(os.getpid(), web.url).text())
        assert "gpt-6" in usage("--db", str(small_ledger)).stdout


def test_a_sidecar_that_points_to_the_server_of_another_ledger_is_passed_over(small_ledger: Path) -> None:
    """A killed server leaves its sidecar behind; its number and its port may soon be those of another."""
    other = small_ledger.with_name("other.duckdb")
    with Ledger.open(other):
        pass
    with web_port(other) as web:
        sidecar_path(small_ledger).write_text(Sidecar(os.getpid(), web.url).text())
        assert "gpt-6" in usage("--db", str(small_ledger)).stdout


def test_the_server_of_the_usual_file_is_found_by_its_sidecar(small_ledger: Path) -> None:
    with web_port(small_ledger) as web:
        Path("spanledger.duckdb").symlink_to(small_ledger)
        sidecar_path(Path("spanledger.duckdb")).write_text(Sidecar(os.getpid(), web.url).text())
        assert "gpt-6" in usage().stdout


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "web": 1}', Sidecar(DEAD_PID, NO_SERVER).text()])
def test_a_sidecar_that_was_left_behind_is_passed_over(small_ledger: Path, text: str) -> None:
    sidecar_path(small_ledger).write_text(text)
    assert "gpt-6" in usage("--db", str(small_ledger)).stdout


def test_a_locked_file_names_the_process_that_has_it(small_ledger: Path) -> None:
    with held(small_ledger) as pid:
        result = usage("--db", str(small_ledger))
    assert result.exit_code == 3
    assert f"in use by process {pid}" in result.stderr


def test_a_locked_file_whose_server_does_not_answer_says_both(small_ledger: Path) -> None:
    with held(small_ledger) as pid:
        sidecar_path(small_ledger).write_text(Sidecar(pid, NO_SERVER).text())
        result = usage("--db", str(small_ledger))
    assert result.exit_code == 3
    assert f"in use by the server of process {pid}, but: No server answers at {NO_SERVER}" in result.stderr


def test_a_server_that_does_not_answer_is_not_replaced_by_a_file(small_ledger: Path) -> None:
    small_ledger.rename("spanledger.duckdb")
    result = usage("--url", NO_SERVER)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"No server answers at {NO_SERVER}" in result.stderr


def test_something_else_at_the_address_is_told_apart() -> None:
    with something_else() as url:
        result = usage("--url", url)
    assert result.exit_code == 3
    assert "is not a SpanLedger server" in result.stderr


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "file:///etc/passwd", "127.0.0.1:4319", "http://"])
def test_a_url_must_be_one_of_http(url: str) -> None:
    result = usage("--url", url)
    assert result.exit_code == 2
    assert "The URL of a server is like http://127.0.0.1" in result.stderr


def test_two_places_are_a_mistake(small_ledger: Path) -> None:
    result = usage("--url", NO_SERVER, "--db", str(small_ledger))
    assert result.exit_code == 2
    assert "not both" in result.stderr


def test_an_option_is_stronger_than_a_variable(small_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_URL", NO_SERVER)
    assert usage("--db", str(small_ledger)).exit_code == 0
    monkeypatch.setenv("SPANLEDGER_DB", "missing.duckdb")
    with web_port(small_ledger) as web:
        assert usage("--url", web.url).exit_code == 0


def test_of_two_variables_the_server_counts(small_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_URL", NO_SERVER)
    monkeypatch.setenv("SPANLEDGER_DB", str(small_ledger))
    assert usage().exit_code == 3


def test_a_ledger_of_a_newer_version_says_how_to_upgrade(small_ledger: Path) -> None:
    with duckdb.connect(small_ledger) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    result = usage("--db", str(small_ledger))
    assert result.exit_code == 3
    assert "schema version 99" in result.stderr
    assert "pip install --upgrade" in result.stderr


def test_a_file_that_is_no_ledger() -> None:
    Path("notes.txt").write_text("not a database " * 1000)
    result = usage("--db", "notes.txt")
    assert result.exit_code == 3
    assert "notes.txt cannot be opened" in result.stderr


def test_a_damaged_ledger_is_told_in_words(small_ledger: Path) -> None:
    with duckdb.connect(small_ledger) as connection:
        connection.execute("DROP TABLE calls")
    result = usage("--db", str(small_ledger))
    assert result.exit_code == 3
    assert "cannot be opened: Catalog Error" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_a_refusal_of_the_server_keeps_its_exit_code(small_ledger: Path) -> None:
    with web_port(small_ledger, told_host="0.0.0.0") as web:
        result = CliRunner().invoke(spanledger, ["sql", "SELECT 1", "--url", web.url])
    assert result.exit_code == 1
    assert "spanledger keys add NAME --admin" in result.stderr


def test_a_proxy_is_not_asked_for_this_machine(small_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", NO_SERVER)
    with web_port(small_ledger) as web:
        assert usage("--url", web.url).exit_code == 0


def test_reading_changes_nothing_in_the_file(small_ledger: Path) -> None:
    before = small_ledger.read_bytes()
    assert json.loads(usage("--db", str(small_ledger), "--format", "json").stdout)["total"]["calls"] == 5
    assert small_ledger.read_bytes() == before
    assert [path.name for path in small_ledger.parent.iterdir()] == [small_ledger.name]
