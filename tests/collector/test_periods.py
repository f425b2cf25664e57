"""Closed periods: what was accounted for keeps its price, what changes is booked later; and a server does both too."""

import http.client
import json
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from background import in_background
from click.testing import CliRunner, Result
from receiving import CHAT, journal_on, received, request, until

from spanledger_collector.cli import spanledger
from spanledger_collector.errors import BadPrices, BadQuery
from spanledger_collector.ledger.periods import period_named
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.listening import announced
from spanledger_collector.price_file import own_book
from spanledger_collector.pricing import shipped_book
from spanledger_collector.pricing.entries import instant_ns
from spanledger_collector.service import Running, serving
from spanledger_collector.settings import Address, Settings

IN_OCTOBER = instant_ns("2026-10-05T08:00Z")
WHO = ("--by", "ada", "--reason", "invoice 7")
SET_TWICE = ("prices", "set", "openai", "gpt-4o-mini", "input", "0.30", "--when", "region=*")
"""Twice the list price of what the calls here count most of."""
INPUT = Decimal("0.15") * 12 / 1_000_000
OUTPUT = Decimal("0.6") * 3 / 1_000_000
"""What the input and the output of a call cost by the list."""


@pytest.fixture
async def ledger_file(db: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three calls in September and two in October, settled."""
    monkeypatch.setenv("SPANLEDGER_DB", str(db))
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append([received(4 * number, CHAT) for number in range(3)])
            await journal.append([received(4 * number, CHAT, started_ns=IN_OCTOBER) for number in range(10, 12)])
        Settler(ledger, shipped_book()).settle_pending()
    return db


def run(*words: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(spanledger, words)
    assert result.exit_code == expect, result.output
    return result


def document(*words: str, expect: int = 0) -> dict[str, Any]:
    return json.loads(run(*words, "--format", "json", expect=expect).stdout)


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(db, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_closed_period_keeps_its_prices_and_the_difference_is_booked_once(ledger_file: Path) -> None:
    before = rows(ledger_file, "SELECT * FROM calls WHERE started_at < '2026-10-01' ORDER BY call_id")
    run("periods", "close", "2026-09", *WHO)
    run(*SET_TWICE)
    dry = document("reprice", "--dry-run")
    refused = document("reprice", expect=1)
    assert refused["changed"] == dry["changed"]
    assert (refused["changed"]["calls"], refused["closed"]["calls"], refused["adjusted_calls"]) == (2, 3, 0)
    assert Decimal(refused["closed"]["difference_usd"]) == 3 * INPUT
    assert rows(ledger_file, "SELECT * FROM calls WHERE started_at < '2026-10-01' ORDER BY call_id") == before
    assert "`spanledger reprice --adjust" in run("reprice", expect=1).stdout

    assert document("reprice", "--adjust", *WHO)["adjusted_calls"] == 3
    again = document("reprice", "--adjust", *WHO)
    assert (again["closed"]["calls"], again["adjusted_calls"]) == (0, 0)
    assert rows(ledger_file, "SELECT DISTINCT period, amount_usd, booked_by, reason FROM adjustments") == [
        ("2026-09", INPUT, "ada", "invoice 7")
    ]
    ((call_id,),) = rows(ledger_file, "SELECT min(call_id) FROM adjustments")
    (booked,) = document("explain", call_id)["adjustments"]
    assert Decimal(booked["amount_usd"]) == INPUT
    assert "as 2026-09 was closed; ada: invoice 7" in run("explain", call_id).stdout
    ((charges,),) = rows(ledger_file, "SELECT DISTINCT charges FROM adjustments")
    assert [charge["meter"] for charge in json.loads(charges)] == ["input", "output"]
    assert document("rebuild", "--dry-run")["equal"] is True


def test_a_dry_run_only_reads(ledger_file: Path) -> None:
    run(*SET_TWICE)
    before = ledger_file.read_bytes()
    assert document("reprice", "--dry-run")["changed"]["calls"] == 5
    assert ledger_file.read_bytes() == before


def test_a_later_price_adjusts_what_was_adjusted(ledger_file: Path) -> None:
    run("periods", "close", "2026-09", *WHO)
    run(*SET_TWICE)
    run("reprice", "--adjust", *WHO)
    run("prices", "set", "openai", "gpt-4o-mini", "input", "0.15", "--when", "region=*")
    said = run("reprice", "--adjust", *WHO).stdout
    assert f"3 calls of closed periods would cost {3 * INPUT:f} USD less: booked as 3 adjustments" in said
    assert rows(ledger_file, "SELECT count(*), sum(amount_usd) FROM adjustments") == [(6, 0)]


@pytest.mark.usefixtures("ledger_file")
def test_adjustments_are_shown_in_the_time_in_which_they_were_made() -> None:
    run("periods", "close", "2026-09", *WHO)
    run(*SET_TWICE)
    run("reprice", "--adjust", *WHO)
    assert document("usage", "--to", "2026-09-30")["adjustments"] == {"count": 0, "amount_usd": "0"}
    shown = document("usage", "--from", "2026-11-01", "--provider", "openai")
    assert shown["adjustments"]["count"] == 3
    assert Decimal(shown["adjustments"]["amount_usd"]) == 3 * INPUT
    assert document("usage", "--provider", "anthropic")["adjustments"]["count"] == 0
    assert "3 adjustments of closed periods" in run("usage").stdout


async def test_a_late_span_is_counted_and_shown_beside_what_was_said_when_it_closed(ledger_file: Path) -> None:
    run("periods", "close", "2026-09-01..2026-09-30", *WHO)
    with Ledger.open(ledger_file) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append([received(60, CHAT)])
        Settler(ledger, shipped_book()).settle_pending()
    (period,) = document("periods", "list")["rows"]
    assert (period["calls"], period["calls_now"], period["late_calls"]) == (3, 4, 1)
    assert Decimal(period["cost_usd_now"]) * 3 == Decimal(period["cost_usd"]) * 4
    assert (period["closed_by"], period["reason"], period["reopened_at"]) == ("ada", "invoice 7", None)


async def test_what_a_late_span_prices_anew_is_not_booked_twice_in_the_end(ledger_file: Path) -> None:
    """It makes a new revision by the prices in force then, which an adjustment may have booked already."""
    answered = {**CHAT, "gen_ai.response.id": "chatcmpl-once-and-for-all"}
    with Ledger.open(ledger_file) as ledger, journal_on(ledger) as (journal, _):
        await journal.append([received(80, answered)])
        Settler(ledger, shipped_book()).settle_pending()
    run("periods", "close", "2026-09", *WHO)
    run(*SET_TWICE)
    assert document("reprice", "--adjust", *WHO)["adjusted_calls"] == 4
    with Ledger.open(ledger_file) as ledger, journal_on(ledger) as (journal, _):
        await journal.append([received(90, {**answered, "user.id": "ada"})])
        Settler(ledger, own_book(ledger_file)).settle_pending()
    booked = """SELECT count(*), sum(a.amount_usd), any_value(c.cost_usd)
                FROM adjustments a JOIN calls c USING (call_id) WHERE c.user_id = 'ada'"""
    assert rows(ledger_file, booked) == [(1, INPUT, 2 * INPUT + OUTPUT)]
    assert document("reprice", "--adjust", *WHO)["adjusted_calls"] == 1
    assert rows(ledger_file, booked) == [(2, 0, 2 * INPUT + OUTPUT)]


def test_a_period_can_be_reopened_unless_adjustments_were_booked_for_it(ledger_file: Path) -> None:
    run("periods", "close", "2026-10", *WHO)
    run("periods", "close", "2026-09", *WHO)
    assert "closed already" in run("periods", "close", "2026-09-20..2026-09-21", *WHO, expect=2).stderr
    run(*SET_TWICE)
    run("reprice", "--adjust", "--to", "2026-09-30", *WHO)
    assert "3 adjustments" in run("periods", "reopen", "2026-09", *WHO, expect=2).stderr
    run("periods", "reopen", "2026-10", *WHO)
    assert "not closed" in run("periods", "reopen", "2026-10", *WHO, expect=2).stderr
    assert document("reprice")["changed"]["calls"] == 2
    reopened = {row["period"]: row["reopened_by"] for row in document("periods", "list")["rows"]}
    assert reopened == {"2026-09": None, "2026-10": "ada"}
    assert rows(ledger_file, "SELECT count(*) FROM price_history") == [(2,)]


def test_a_period_that_is_not_over_is_not_closed(ledger_file: Path) -> None:
    assert ledger_file.exists()
    assert "not over yet" in run("periods", "close", "2999-01", *WHO, expect=2).stderr


@pytest.mark.parametrize(
    "name", ["2026", "2026-13", "2026-10-01", "2026-10-05..2026-10-01", "october", "..", "2026-10.."]
)
def test_other_names_are_no_periods(name: str) -> None:
    with pytest.raises(BadQuery, match="A period is a month such as"):
        period_named(name)


@pytest.fixture
def server(ledger_file: Path) -> Generator[Running]:
    """A whole server on that ledger, which the command finds by the file."""
    with serving_ledger(ledger_file) as running:
        yield running


@contextmanager
def serving_ledger(ledger_file: Path) -> Generator[Running]:
    anywhere = Address("127.0.0.1", 0)

    async def serve(ready: Callable[[Running], None], until_stopped: Callable[[], Awaitable[object]]) -> None:
        settings = Settings(db=ledger_file, web=anywhere, http=anywhere, grpc=anywhere)
        async with serving(settings) as running:
            with announced(ledger_file, running.web.url):
                ready(running)
                await until_stopped()

    with in_background(serve) as running:
        yield running


def send(server: Running, number: int) -> None:
    connection = http.client.HTTPConnection(*server.http, timeout=20)
    body = request([received(number, CHAT, started_ns=IN_OCTOBER)]).SerializeToString()
    connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_server_prices_by_the_file_beside_its_ledger_from_its_start(ledger_file: Path) -> None:
    run(*SET_TWICE)
    with serving_ledger(ledger_file) as server:
        assert "prices     1 of your own" in server.describe()
        send(server, 80)
        until(lambda: document("usage")["total"]["calls"] == 6)
        costs = {Decimal(call["cost_usd"]) for call in document("calls", "--from", "2026-10-01")["calls"]}
    assert costs == {INPUT + OUTPUT, 2 * INPUT + OUTPUT}


def test_a_server_with_a_mistake_in_its_prices_does_not_start(ledger_file: Path) -> None:
    ledger_file.with_name(f"{ledger_file.name}.prices.toml").write_text("[[price]]\nprovider = 'x'\n")
    with pytest.raises(BadPrices, match="number 1 lacks models, source"), serving_ledger(ledger_file):
        pass


def test_a_running_server_reprices_and_prices_by_the_new_book_from_then_on(server: Running) -> None:
    run(*SET_TWICE)
    dry = document("reprice", "--dry-run")
    assert (dry["applied"], dry["changed"]["calls"]) == (False, 5)
    assert document("unpriced")["total"]["cost_usd"] == dry["changed"]["old_usd"]
    run("periods", "close", "2026-09", *WHO)
    assert document("reprice", "--provider", "openai", "--model", "gpt-4o-mini", expect=1)["changed"]["calls"] == 2
    send(server, 80)
    until(lambda: document("usage")["total"]["calls"] == 6)
    new = document("usage", "--from", "2026-10-01")["total"]
    assert Decimal(new["cost_usd"]) == 3 * (2 * INPUT + OUTPUT)
    assert "leave --prices out" in run("reprice", "--prices", "x.toml", expect=2).stderr


def test_the_server_refuses_what_an_action_does_not_know(server: Running) -> None:
    for path, body in (
        ("/v1/reprice", {"dryrun": "true"}),
        ("/v1/reprice", {"dry_run": "perhaps"}),
        ("/v1/reprice", {"adjust": "true"}),
        ("/v1/periods/close", {"period": "2026-09", "by": "ada"}),
    ):
        connection = http.client.HTTPConnection(*server.web, timeout=20)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        assert connection.getresponse().status == 400, path
        connection.close()
