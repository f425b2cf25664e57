"""The attribution file beside a ledger: a server reads by it and shows it, a rebuild applies it to what came before."""

import json
import signal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from receiving import CHAT, journal_on, received, until
from server_process import serving

from spanledger_collector.attribution_file import own_attribution
from spanledger_collector.cli import spanledger
from spanledger_collector.errors import BadAttributionMap
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book

MAP = 'user = ["acme.employee", "..."]\n[dimensions]\nteam = ["acme.team"]\n'


def map_of(db: Path) -> Path:
    return db.with_name(f"{db.name}.attribution.toml")


@pytest.fixture
async def settled(db: Path) -> Path:
    """A ledger of a call with an attribute that only a map makes a user."""
    said = {**CHAT, "user.id": "u-1", "acme.employee": "ana", "acme.team": "red"}
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append([received(0, said), received(4, CHAT)])
        Settler(ledger, shipped_book()).settle_pending()
    return db


def users(db: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(db, read_only=True) as ledger:
        return ledger.execute("SELECT user_id, dimensions, revision FROM calls ORDER BY started_at").fetchall()


def test_a_rebuild_applies_a_new_map_to_old_calls_and_says_which(settled: Path) -> None:
    assert users(settled) == [("u-1", {}, 1), (None, {}, 1)]
    map_of(settled).write_text(MAP)
    rebuild = ["rebuild", "--db", str(settled), "--format", "json"]
    dry = CliRunner().invoke(spanledger, [*rebuild, "--dry-run"])
    assert dry.exit_code == 1
    assert json.loads(dry.stdout)["differences"] == {"changed": 1}
    assert users(settled) == [("u-1", {}, 1), (None, {}, 1)]
    assert CliRunner().invoke(spanledger, rebuild).exit_code == 0
    assert users(settled) == [("ana", {"team": "red"}, 2), (None, {}, 1)]
    map_of(settled).unlink()
    assert CliRunner().invoke(spanledger, rebuild).exit_code == 0
    assert users(settled) == [("u-1", {}, 3), (None, {}, 1)]


def test_a_file_with_a_mistake_is_refused_by_name(settled: Path) -> None:
    map_of(settled).write_text("usr = []")
    result = CliRunner().invoke(spanledger, ["rebuild", "--db", str(settled)])
    assert result.exit_code == 2
    assert str(map_of(settled)) in result.stderr
    assert "none of user, org" in result.stderr


def test_a_named_file_must_exist(db: Path) -> None:
    with pytest.raises(BadAttributionMap, match="No such file"):
        own_attribution(db, db.with_name("nowhere.toml"))
    assert own_attribution(db).said() == {}


def test_a_server_shows_the_map_in_force(db: Path) -> None:
    map_of(db).write_text(MAP)
    with serving(db) as server:
        assert server.status()["attribution_map"] == {"user": "acme.employee, ...", "dim:team": "acme.team"}
        told = CliRunner().invoke(spanledger, ["doctor", "--url", server.web]).stdout
        assert "a map of who spends: user: acme.employee, ...; dim:team: acme.team" in told
        shown = CliRunner().invoke(spanledger, ["status", "--url", server.web]).stdout
        assert "acme.employee, ..." in shown


def test_a_server_reads_a_changed_map_on_sighup_and_keeps_the_old_one_over_a_mistake(db: Path) -> None:
    map_of(db).write_text(MAP)
    with serving(db) as server:
        map_of(db).write_text("org = []")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.status()["attribution_map"] == {"org": "never"})
        map_of(db).write_text("usr = []")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "What was read before stays in force" in server.log.read_text())
        assert server.status()["attribution_map"] == {"org": "never"}
