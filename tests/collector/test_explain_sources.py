"""`spanledger explain` and `rebuild` as people use them: which observations form a call, which was believed and why,
what a late one changed, and what today's reading changes row for row."""

import csv
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from receiving import journal_on
from tests.emitters import EMITTERS, Truth
from tests.observed import make_span

from spanledger_collector.cli import spanledger
from spanledger_collector.dialects import Reader
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book

TRUTH = Truth("anthropic", "claude-sonnet-4-5", 10, 60, 30, 50, 0)
BY_DIALECT = {emitter.dialect: emitter for emitter in EMITTERS}
NATIVE, FRAMEWORK, AGENT = (BY_DIALECT[name] for name in ("anthropic-native", "openllmetry", "claude-code-log"))


@pytest.fixture
async def told_twice(db: Path) -> Path:
    """A call that a second emitter tells of first, with other counts; and one of a coding agent's log records."""
    counted = FRAMEWORK.write(replace(TRUTH, output=55)) | {"user.id": "ana", "gen_ai.usage.cost": 0.002}
    record = AGENT.write(replace(TRUTH, response_id="req_011CVexample1"))
    with Ledger.open(db) as ledger, journal_on(ledger, Reader()) as (journal, _):
        settler = Settler(ledger, shipped_book())
        await journal.append([make_span(counted, FRAMEWORK.scope, trace=2, span=2, start=0, end=2)])
        settler.settle_pending()
        await journal.append(
            [
                make_span(NATIVE.write(TRUTH), NATIVE.scope, start=0.1, end=1.9),
                make_span(record, AGENT.scope, trace=3, span=3, start=50, end=51, kind=0, name=AGENT.name),
            ]
        )
        settler.settle_pending()
    return db


def explain(db: Path, span: str, *words: str) -> str:
    return CliRunner().invoke(spanledger, ["explain", span, "--db", str(db), *words]).stdout


def test_the_believed_one_comes_first_and_the_others_say_where_they_disagree(told_twice: Path) -> None:
    document: dict[str, Any] = json.loads(explain(told_twice, "0000000000000002", "--format", "json"))
    believed, merged = document["sources"]
    assert (believed["part"], believed["dialect"], believed["rule"]) == ("usage", "anthropic-native", "cache_inside")
    assert (believed["disagrees"], believed["same_trace"]) == ([], True)
    assert (merged["part"], merged["reason"], merged["same_trace"]) == ("merged", "same response id", False)
    assert merged["disagrees"] == [{"count": "output_tokens", "said": "55", "believed": "50"}]
    assert (merged["emitter_cost_usd"], merged["reported_cost_usd"]) == ("0.002", None)
    assert document["call"]["user"] == "ana"
    assert (document["call"]["emitter_cost_usd"], document["call"]["reported_cost_usd"]) == ("0.002", None)


def test_a_revision_says_what_the_late_span_changed(told_twice: Path) -> None:
    document: dict[str, Any] = json.loads(explain(told_twice, "0000000000000002", "--format", "json"))
    [old] = document["history"]
    changed = {change["column"]: (change["before"], change["after"]) for change in old["changes"]}
    assert changed["output_tokens"] == ("55", "50")
    assert changed["dialect"] == ("openllmetry", "anthropic-native")
    assert changed["cost_usd"][0] != changed["cost_usd"][1]
    assert "user_id" not in changed


def test_people_read_it_in_words(told_twice: Path) -> None:
    said = explain(told_twice, "0000000000000002")
    assert "read as openllmetry by cache_inside" in said
    assert "the emitter's own sum 0.002 USD" in said
    assert "0.002 USD, by the emitter's own prices; ours is" in said
    assert "why: same response id; says 55 output tokens, believed 50" in said
    assert "in trace 00000000000000000000000000000002" in said
    assert "        output_tokens: 55 -> 50" in said
    record = explain(told_twice, "0000000000000003")
    assert "log record 0000000000000003 claude_code.api_request" in record
    assert "the emitter's own sum 0.0012 USD" in record


def test_what_emitters_worked_out_is_a_column_beside_ours(told_twice: Path) -> None:
    with duckdb.connect(str(told_twice), read_only=True) as connection:
        rows = connection.execute("SELECT emitter_cost_usd, cost_usd > 0 FROM usage ORDER BY started_at").fetchall()
    assert rows == [(Decimal("0.002"), True), (Decimal("0.0012"), True)]


def test_a_rebuild_tells_every_value_that_it_changes(told_twice: Path) -> None:
    told_twice.with_name(f"{told_twice.name}.attribution.toml").write_text('user = "session.id"')
    rebuild = ["rebuild", "--db", str(told_twice), "--dry-run"]
    shown = CliRunner().invoke(spanledger, [*rebuild, "--format", "csv"]).stdout
    rows = [(row["column"], row["before"], row["after"]) for row in csv.DictReader(shown.splitlines())]
    assert sorted(rows) == [("user_id", "account-1", "session-1"), ("user_id", "ana", "")]
    found: dict[str, Any] = json.loads(CliRunner().invoke(spanledger, [*rebuild, "--format", "json"]).stdout)
    assert found["readings"] == {"attribution": 2}
    assert [example["columns"] for example in found["examples"]] == [["user_id"], ["user_id"]]
    few = CliRunner().invoke(spanledger, [*rebuild, "--limit", "1"]).stdout
    assert "2 observations with another attribution." in few
    assert "Cut: and 1 more call; --limit N tells of more." in few
