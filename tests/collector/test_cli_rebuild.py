"""`spanledger rebuild`: what it says, and that it changes only what it should. How it rebuilds is tested elsewhere."""

import json
from pathlib import Path

import duckdb
import pytest
from background import held
from click.testing import CliRunner, Result
from receiving import CHAT, journal_on, received

from spanledger_collector.cli import spanledger
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book


@pytest.fixture
async def settled(db: Path) -> Path:
    """A ledger of three settled calls."""
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append([received(4 * number, CHAT) for number in range(3)])
        Settler(ledger, shipped_book()).settle_pending()
    return db


def run(db: Path, *words: str) -> Result:
    return CliRunner().invoke(spanledger, ["rebuild", "--db", str(db), *words])


def spoil(db: Path) -> None:
    """What no server does: a cost that the journal does not give."""
    with duckdb.connect(db) as connection:
        connection.execute("UPDATE calls SET cost_usd = 9 WHERE span_id = '0000000000000001'")


def test_a_sound_ledger_has_nothing_to_rebuild(settled: Path) -> None:
    for words in (["--dry-run"], []):
        result = run(settled, *words)
        assert result.exit_code == 0
        assert "3 observations read again, 0 of them otherwise than before; 3 calls settled." in result.stdout
        assert "nothing to do" in result.stdout


def test_a_dry_run_says_what_differs_and_changes_nothing(settled: Path) -> None:
    spoil(settled)
    result = run(settled, "--dry-run", "--format", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["equal"], document["applied"], document["differences"]) == (False, False, {"changed": 1})
    assert document["examples"][0]["columns"] == ["cost_usd"]
    assert "Different from that: 1 call (1 changed). Nothing was changed" in run(settled, "--dry-run").stdout


def test_a_rebuild_brings_the_ledger_to_the_journal(settled: Path) -> None:
    spoil(settled)
    result = run(settled)
    assert result.exit_code == 0
    assert "The ledger has been brought to it." in result.stdout
    assert run(settled, "--dry-run").exit_code == 0
    explained = CliRunner().invoke(spanledger, ["explain", "0000000000000001", "--db", str(settled)]).stdout
    assert "revision 2" in explained
    assert "Revision 1 was superseded" in explained


def test_without_a_file_none_is_made(db: Path) -> None:
    result = run(db)
    assert (result.exit_code, db.exists()) == (3, False)
    assert "There is no ledger at" in result.stderr


def test_while_a_server_owns_the_file_it_is_refused(settled: Path) -> None:
    with held(settled) as pid:
        result = run(settled)
    assert result.exit_code == 3
    assert f"in use by process {pid}" in result.stderr
