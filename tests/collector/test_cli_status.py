"""`spanledger status`: sizes from the first moment, and what waits for a rebuild in words."""

import json
from pathlib import Path

import duckdb
from click.testing import CliRunner
from settling_bench import settling_bench
from tests.observed import make_span

from spanledger_collector.cli import spanledger
from spanledger_collector.ledger.store import Ledger


def _status(db: Path, how: str) -> str:
    done = CliRunner().invoke(spanledger, ["status", "--db", str(db), "--format", how])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_ledger_that_was_never_checkpointed_has_its_size(db: Path) -> None:
    with Ledger.open(db) as ledger:
        with ledger.cursor() as cursor:
            cursor.execute("INSERT INTO meta VALUES ('x', '1')")
        assert db.stat().st_size > 0
    document = json.loads(_status(db, "json"))
    assert document["file_bytes"] == db.stat().st_size
    assert 0 <= document["free_bytes"] <= document["file_bytes"]
    assert document["log_bytes"] == 0


def test_what_could_not_be_settled_is_said_with_the_remedy(small_ledger: Path) -> None:
    assert json.loads(_status(small_ledger, "json"))["set_aside"] == 0
    assert "rebuild" not in _status(small_ledger, "table")
    insert = "INSERT INTO store.set_aside VALUES ({}, 1, 2, 3, 'division by zero', make_timestamp_ns(5))"
    for seq, words in (
        (1, "1 observation could not be settled and is"),
        (2, "2 observations could not be settled and are"),
    ):
        with duckdb.connect(small_ledger) as connection:
            connection.execute(insert.format(seq))
        said = _status(small_ledger, "table")
        assert f"{words} in no sum: `spanledger sql" in said
        assert "`spanledger rebuild` tries again." in said
    assert json.loads(_status(small_ledger, "json"))["set_aside"] == 2


def test_a_ledger_read_by_older_rules_says_what_to_do(db: Path) -> None:
    with settling_bench(db) as bench:
        bench.settle(make_span({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}))
    assert json.loads(_status(db, "json"))["read_by"] == "today's rules"
    for change in (
        "UPDATE meta SET value = '1' WHERE key = 'read_by'",
        "DELETE FROM meta WHERE key = 'read_by'",  # as in ledgers from before this was kept
    ):
        with duckdb.connect(db) as connection:
            connection.execute(change)
        assert json.loads(_status(db, "json"))["read_by"] == "older rules"
        assert "`spanledger rebuild --dry-run` tells what" in _status(db, "table")
        for options, read_by in (("--dry-run", "older rules"), (None, "today's rules")):
            words = ["rebuild", "--db", str(db), *([options] if options else [])]
            assert CliRunner().invoke(spanledger, words).exit_code == 0
            assert json.loads(_status(db, "json"))["read_by"] == read_by
