"""`spanledger reprice`, from a price that is set to new revisions; and `unpriced`, whose lines close what they list."""

import json
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from background import held
from click.testing import CliRunner, Result
from receiving import CHAT, START, journal_on, received

from spanledger_collector.cli import spanledger
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import AttributeValue
from spanledger_collector.pricing import shipped_book

MYSTERY = {**CHAT, "gen_ai.request.model": "Mystery-1", "gen_ai.response.model": "Mystery-1"}
"""The same call of a model that nobody knows."""


@pytest.fixture
async def settled(db: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of three settled calls of a known model and two of an unknown one."""
    monkeypatch.setenv("SPANLEDGER_DB", str(db))
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append([received(4 * number, CHAT) for number in range(3)])
            await journal.append([received(4 * number, MYSTERY) for number in range(3, 5)])
        Settler(ledger, shipped_book()).settle_pending()
    return db


def run(*words: str) -> Result:
    return CliRunner().invoke(spanledger, words)


def document(*words: str) -> dict[str, Any]:
    result = run(*words, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(db, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def whole(db: Path) -> list[tuple[Any, ...]]:
    return rows(db, "SELECT (SELECT list(c ORDER BY call_id) FROM calls c), (SELECT list(h ORDER BY h) FROM charges h)")


def test_with_the_same_prices_nothing_changes(settled: Path) -> None:
    before = whole(settled)
    found = document("reprice")
    assert (found["calls"], found["changed"]["calls"]) == (5, 0)
    assert whole(settled) == before
    assert rows(settled, "FROM call_history") == []
    assert "Nothing changes." in run("reprice").stdout


def test_the_unpriced_lines_close_what_they_list(settled: Path) -> None:
    (row,) = document("unpriced")["rows"]
    assert row["calls"] == 2
    assert row["fixes"]
    shown = run("unpriced").stdout
    for line in row["fixes"]:
        assert line in shown
        assert run(*shlex.split(line.replace("PRICE", "2"))[1:]).exit_code == 0
    dry = document("reprice", "--dry-run")
    assert (dry["changed"]["newly_priced"], dry["changed"]["old_usd"]) == (2, None)
    assert (
        run("reprice", "--dry-run").stdout.count(" unpriced ")
        == len([row for by in dry["by"].values() for row in by]) + 1
    )
    assert document("unpriced")["rows"] != []
    assert document("reprice")["changed"] == dry["changed"]
    assert document("unpriced")["rows"] == []
    tokens = rows(settled, "SELECT sum(quantity) FROM call_meters m JOIN calls c USING (call_id) WHERE c.revision = 2")
    costs = rows(settled, "SELECT sum(cost_usd) FROM calls WHERE revision = 2")
    assert costs[0][0] == tokens[0][0] * 2 / 1_000_000
    assert document("reprice")["changed"]["calls"] == 0


ODD_CALLS: list[dict[str, AttributeValue]] = [
    {
        "gen_ai.request.model": "gpt-5.4",
        "gen_ai.usage.input_tokens": 300_000,
        "openai.response.service_tier": "priority",
    },
    {"gen_ai.request.model": "gpt-4.1", "openai.response.service_tier": "turbo", "spanledger.processing": "batch"},
    {"gen_ai.provider.name": "gcp.vertex_ai", "gen_ai.request.model": "nova-9", "spanledger.region": "us-central1"},
    {"gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "nova-9", "spanledger.region": "eu-west-1"},
    {"gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "nova-9", "spanledger.region": "us-gov-west-1"},
    {
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "ours",
        "spanledger.deployment_type": "DataZone",
    },
    {
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.usage.audio.input_tokens": 5,
        "openai.response.service_tier": "priority",
    },
]
"""Calls without a price because of the conditions under which they were made."""


async def test_the_unpriced_lines_name_the_conditions_of_the_calls(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_DB", str(db))
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            calls = [{**CHAT, **odd} for odd in ODD_CALLS]
            await journal.append([received(4 * number, call) for number, call in enumerate(calls)])
        Settler(ledger, shipped_book()).settle_pending()
    found = document("unpriced")
    assert found["total"]["unpriced_calls"] == len(ODD_CALLS)
    (partial,) = [row for row in found["rows"] if row["reasons"] == ["no_price_for_meter:input_audio"]]
    assert Decimal(partial["cost_low_usd"]) == (Decimal("3.5") * 7 + Decimal(14) * 3) / 1_000_000
    assert {row["cost_high_usd"] for row in found["rows"]} == {None}
    for line in dict.fromkeys(line for row in found["rows"] for line in row["fixes"]):
        result = run(*shlex.split(line.replace("PRICE", "2").replace("MODEL", "gpt-4o"))[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"
    document("reprice")
    assert document("unpriced")["rows"] == []


def test_another_price_is_a_new_revision_with_the_old_one_in_history(settled: Path) -> None:
    ((model, provider, cost),) = rows(
        settled, "SELECT DISTINCT request_model, provider, cost_usd FROM calls WHERE cost_usd IS NOT NULL"
    )
    run(
        "prices",
        "set",
        provider,
        model,
        "input",
        "1",
        "--layer",
        "contract",
        "--source",
        "annex B",
        "--when",
        "region=*",
    )
    before = whole(settled)
    dry = document("reprice", "--dry-run")
    assert whole(settled) == before
    assert document("reprice", "--model", "Mystery-1")["changed"]["calls"] == 0
    found = document("reprice")
    assert found["changed"] == dry["changed"]
    assert (found["changed"]["calls"], found["applied"]) == (3, True)
    assert float(found["changed"]["old_usd"]) == float(cost * 3)
    assert [row["model"] for row in found["by"]["model"]] == [model]
    assert rows(settled, "SELECT revision, cost_usd FROM price_history") == [(1, cost)] * 3
    assert rows(settled, "SELECT sum(amount_usd) FROM charge_history") == [(cost * 3,)]
    assert rows(settled, "SELECT count(*) FROM charges ANTI JOIN calls USING (call_id, revision)") == [(0,)]
    assert rows(settled, "SELECT count(*) FROM calls WHERE cost_usd <> (SELECT sum(amount_usd) FROM charges h "
                         "WHERE h.call_id = calls.call_id)") == [(0,)]  # fmt: skip
    ((call_id,),) = rows(settled, "SELECT min(call_id) FROM calls WHERE revision = 2")
    explained = document("explain", call_id)
    assert "annex B" in {charge["source"] for charge in explained["charges"]}
    assert Decimal(explained["list_cost_usd"]) == cost
    shown = run("explain", call_id).stdout
    assert f"By list prices it would cost {explained['list_cost_usd']} USD." in shown
    assert "layer=contract" in shown
    (before_it,) = explained["history"]
    assert before_it["body"]["cost_usd"] == f"{cost:f}"
    assert sum(Decimal(charge["amount_usd"]) for charge in before_it["body"]["charges"]) == cost
    # The two calls that no price changed keep the book by which they were settled; a rebuild says the same of them.
    assert len(rows(settled, "SELECT DISTINCT price_book FROM calls")) == 2
    assert document("rebuild", "--dry-run")["equal"] is True


def test_what_loses_its_price_is_said(settled: Path) -> None:
    with duckdb.connect(settled) as connection:
        connection.execute("UPDATE calls SET cost_usd = 9, price_status = 'priced' WHERE request_model = 'Mystery-1'")
    changed = document("reprice")["changed"]
    assert (changed["newly_unpriced"], changed["calls"], float(changed["difference_usd"])) == (2, 2, -18.0)
    assert (changed["old_usd"], changed["new_usd"]) == ("18", None)


def test_it_refuses_while_another_process_holds_the_file(settled: Path) -> None:
    with held(settled):
        result = run("reprice")
    assert result.exit_code == 3
    assert "in use by process" in result.stderr
    assert run("reprice", "--db", str(settled.with_name("none.duckdb"))).exit_code == 3


async def test_the_report_is_by_model_by_day_and_by_organisation(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_DB", str(db))
    spent: tuple[tuple[int, str | None], ...] = ((0, "north"), (0, "north"), (0, "south"), (1, "south"), (1, None))
    spans = [
        received(
            4 * number,
            {**MYSTERY, "spanledger.org": org} if org else MYSTERY,
            started_ns=START + day * 86_400_000_000_000,
        )
        for number, (day, org) in enumerate(spent)
    ]
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append(spans)
        Settler(ledger, shipped_book()).settle_pending()
    for meter in ("input", "output"):
        assert run("prices", "set", "openai", "Mystery-1", meter, "1", "--per", "1").exit_code == 0
    found = document("reprice")["by"]
    each = 15  # 12 tokens in and 3 out, at 1 USD each
    told = {
        kind: {row[kind]: (row["calls"], row["newly_priced"]) for row in found[kind]}
        for kind in ("model", "day", "org")
    }
    assert told["model"] == {"Mystery-1": (5, 5)}
    assert told["day"] == {"2026-09-21": (3, 3), "2026-09-22": (2, 2)}
    assert told["org"] == {"north": (2, 2), "south": (2, 2), None: (1, 1)}
    run("prices", "set", "openai", "Mystery-1", "input", "2", "--per", "1")
    again = document("reprice", "--dry-run")["by"]
    sums = {row["org"]: (Decimal(row["old_usd"]), Decimal(row["new_usd"])) for row in again["org"]}
    assert sums == {"north": (2 * each, 2 * each + 24), "south": (2 * each, 2 * each + 24), None: (each, each + 12)}
