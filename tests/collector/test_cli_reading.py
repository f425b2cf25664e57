"""The commands that read: what they print, the same from a server's API and from the file."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from small_ledger import ANSWERED, COST_ANSWERED, TRACE_A, TRACE_B
from web_port import web_port

from spanledger_collector.cli import spanledger

Run = Callable[..., Result]

COMMANDS: list[list[str]] = [
    ["usage"],
    ["usage", "--by", "user,day", "--tz", "Asia/Tokyo"],
    ["usage", "--by", "", "--period", "all"],
    ["usage", "--by", "dim:team", "--from", "2026-11-02", "--to", "2026-11-02", "--limit", "1"],
    ["usage", "--user", "ada", "--user", "bob", "--dim", "team=blue"],
    ["usage", "--by", "nonsense"],
    ["calls", "--limit", "2"],
    ["calls", "--price-status", "partial"],
    ["calls", "--limit", "none"],
    ["trace", TRACE_A],
    ["trace", "bbbbbb"],
    ["trace", "dddddd"],
    ["explain", ANSWERED],
    ["explain", "00000000000000a3"],
    ["explain", "ca11000000000004"],
    ["explain", "ca1100"],
    ["unpriced"],
    ["status"],
    ["sql", "SELECT *, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS z FROM calls ORDER BY call_id"],
    ["sql", "FROM range(10001)"],
    ["sql", "DELETE FROM calls"],
]


@pytest.fixture
def run(small_ledger_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the ledger of `small_ledger`, read from its file."""
    monkeypatch.delenv("SPANLEDGER_URL", raising=False)
    monkeypatch.setenv("SPANLEDGER_DB", str(small_ledger_file))

    def run(*words: str) -> Result:
        return CliRunner().invoke(spanledger, list(words))

    return run


@pytest.mark.parametrize("how", ["table", "json", "csv"])
def test_a_server_and_its_file_give_the_same_bytes(small_ledger: Path, how: str) -> None:
    def results(**where: str) -> list[tuple[int, str, str]]:
        runs = [CliRunner().invoke(spanledger, [*words, "--format", how], env=where) for words in COMMANDS]
        return [(result.exit_code, result.stdout, result.stderr) for result in runs]

    from_file = results(SPANLEDGER_DB=str(small_ledger))
    with web_port(small_ledger) as web:
        from_server = results(SPANLEDGER_URL=web.url)
    for words, file, server in zip(COMMANDS, from_file, from_server, strict=True):
        if words != ["status"]:  # a server says more of itself
            assert server == file, words
    assert [code for code, _, _ in from_file] == [0, 0, 0, 0, 0, 2, 0, 0, 2, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 2]


def test_the_unpriced_lines_are_for_the_ledger_that_is_named(small_ledger_file: Path) -> None:
    """They are run as they stand, so they must write the prices beside that ledger."""
    said = CliRunner().invoke(spanledger, ["unpriced", "--db", str(small_ledger_file)]).stdout
    lines = [line for line in said.splitlines() if line.startswith("spanledger prices ")]
    assert lines
    assert all(line.endswith(f" --db {small_ledger_file}") for line in lines)
    assert f"`spanledger reprice --db {small_ledger_file}`" in said


def test_usage_for_people(run: Run) -> None:
    lines = run("usage").stdout.splitlines()
    titles = "model calls input cache read cache write output reasoning cost USD unpriced unmetered failed"
    assert " ".join(lines[0].split()) == titles
    assert lines[2].split() == ["gpt-6", "4", "3,000", "—", "—", "300", "—", "0.003500", "3", "2", "1"]
    assert lines[3].split() == ["mystery-1", "1", "500", "—", "—", "0", "—", "unpriced", "1", "0", "0"]
    assert lines[5].split()[:3] == ["total", "5", "3,500"]
    notes = "\n".join(lines[6:])
    assert "As of 2026-11-03 13:00:00 UTC. 1 observation received and not in the ledger yet." in notes
    assert "4 calls without a known cost" in notes
    assert "2 calls without usage (unmetered)" in notes


def test_a_group_of_calls_without_usage_is_unmetered_and_not_zero(run: Run) -> None:
    (line,) = [line for line in run("usage", "--by", "user").stdout.splitlines() if line.startswith("—")]
    assert line.split() == ["—", "1", "—", "—", "—", "—", "—", "unmetered", "1", "1", "1"]


def test_usage_as_json_has_what_the_footnotes_say(run: Run) -> None:
    document = json.loads(run("usage", "--format", "json").stdout)
    assert (document["as_of"][:19], document["pending"]) == ("2026-11-03T13:00:00", 1)
    assert (document["total"]["unpriced_calls"], document["total"]["unmetered_calls"]) == (4, 2)
    assert document["rows"][0]["cost_usd"] == COST_ANSWERED


def test_usage_as_csv_adds_up_to_the_total(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("usage", "--by", "user,model", "--format", "csv").stdout)))
    assert sum(int(row["calls"]) for row in rows) == 5
    assert sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"]) == Decimal(COST_ANSWERED)
    assert {row["cost_usd"] for row in rows} == {COST_ANSWERED, ""}


def test_a_period_is_said_above(run: Run) -> None:
    result = run("usage", "--from", "2026-11-02", "--tz", "Europe/Berlin")
    assert result.stdout.startswith("Calls from 2026-11-01T23:00:00Z to now (Europe/Berlin).")


def test_calls_for_people(run: Run) -> None:
    lines = run("calls", "--limit", "3").stdout.splitlines()
    row = "2026-11-03 10:00:02 ca1100000000 bbbbbbbb0000 shop gpt-6 — — — — unmetered RateLimitError"
    assert " ".join(lines[2].split()) == row
    assert lines[3].split()[-1] == "partial"
    assert lines[-1] == "Cut: these are the first 3 of 5 calls only; --limit N shows more."


def test_a_cut_csv_says_so_on_stderr(run: Run) -> None:
    result = run("calls", "--limit", "3", "--format", "csv")
    assert result.stderr.startswith("Cut: these are the first 3 of 5 calls")
    assert len(result.stdout.splitlines()) == 4


def test_a_trace_is_drawn_as_a_tree(run: Run) -> None:
    lines = run("trace", TRACE_A[:10]).stdout.splitlines()
    assert lines[0] == f"trace {TRACE_A}, 9.00 s, 3 calls"
    drawn = [line[:18].rstrip() for line in lines[4:10]]
    assert drawn == [
        "POST /ask",
        "├─ agent",
        "│  ├─ chat gpt-6",
        "│  │  └─ ChatModel",
        "│  └─ chat gpt-6",
        "└─ embed mystery-1",
    ]
    assert "0.003500" in lines[4]
    assert "without 2 calls of unknown cost" in lines[4]
    assert lines[7].endswith("part of call ca1100000000")
    assert "unmetered" in lines[8]
    assert lines[9].endswith("unknown model: mystery-1")
    assert lines[11].split() == ["total", "1,500", "100", "0.003500"]


def test_a_trace_whose_root_is_missing_is_drawn(run: Run) -> None:
    lines = run("trace", TRACE_B).stdout.splitlines()
    assert [line[:13].rstrip() for line in lines[4:7]] == ["nightly", "├─ chat gpt-6", "└─ chat gpt-6"]
    assert "error RateLimitError" in lines[6]


def test_explain_shows_the_arithmetic(run: Run) -> None:
    text = run("explain", ANSWERED).stdout
    table = [line.split() for line in text.splitlines()]
    assert ["input", "1,000", "token", "2.5", "1,000,000", "0.0025", "e-in"] in [line[:7] for line in table]
    assert ["sum", COST_ANSWERED] in table
    assert f"call        {ANSWERED}, revision 2" in text
    assert f"trace       {TRACE_A}, span 00000000000000a2" in text
    assert "who         user ada, feature ask, team blue" in text
    assert "merged  span 00000000000000a3 ChatModel, emitted by spanledger 1" in text
    assert "Revision 1 was superseded 2026-11-02 12:30:00 UTC: a late span" in text


def test_explain_says_for_what_a_price_is(run: Run, small_ledger: Path) -> None:
    with duckdb.connect(small_ledger) as ledger:
        for_long = '{"input_tokens_above": 200000, "region": "*", "processing": "batch"}'
        ledger.execute("UPDATE price_entries SET conditions = ? WHERE price_entry_id = 'e-in'", [for_long])
    said = run("explain", ANSWERED, "--db", str(small_ledger)).stdout
    assert " processing=batch; input>200000  " in said


def test_explain_of_a_call_without_a_cost_says_why(run: Run) -> None:
    text = run("explain", "ca11000000000004").stdout
    assert "price       partial: no price for meter: web_search" in text
    assert "cost        unknown" in text
    assert "Counted, but without a price: 3 web_search." in text
    assert "No charges." in run("explain", "ca11000000000002").stdout


def test_unpriced_says_what_is_missing(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("unpriced", "--format", "csv").stdout)))
    assert [(row["model"], row["reasons"], row["meters"], row["calls"]) for row in rows] == [
        ("gpt-6", "unmetered", "", "2"),
        ("gpt-6", "no_price_for_meter:web_search", "web_search 3", "1"),
        ("mystery-1", "unknown_model:mystery-1", "input 500", "1"),
    ]
    assert "unknown model: mystery-1" in run("unpriced").stdout


def test_sql_as_json_is_a_list_of_objects(run: Run) -> None:
    result = run(
        "sql", "SELECT call_id, cost_usd, 1 AS cost_usd FROM calls ORDER BY call_id LIMIT 1", "--format", "json"
    )
    assert json.loads(result.stdout) == [{"call_id": ANSWERED, "cost_usd": COST_ANSWERED, "cost_usd_1": 1}]


def test_sql_shows_numbers_as_they_are(run: Run) -> None:
    lines = run(
        "sql", "SELECT 1234567 AS n, 0.000000000001::DECIMAL(18, 12) AS usd, NULL AS x, '{}' AS j"
    ).stdout.splitlines()
    assert lines[2].split() == ["1234567", "0.000000000001", "—", "{}"]


def test_status_of_a_server_tells_of_the_process(small_ledger: Path) -> None:
    with web_port(small_ledger) as web:
        document = json.loads(CliRunner().invoke(spanledger, ["status", "--url", web.url, "--format", "json"]).stdout)
        assert document["db"] == str(small_ledger)
        shown = CliRunner().invoke(spanledger, ["status", "--url", web.url]).stdout
    assert ["calls_by_status", "unmetered", "unpriced", "2"] in [line.split() for line in shown.splitlines()]
    assert any(line.split()[:2] == ["counters", "spans_received"] for line in shown.splitlines())


def test_an_empty_ledger_is_said_to_be_empty(db: Path) -> None:
    from spanledger_collector.ledger.store import Ledger

    with Ledger.open(db), nullcontext():
        pass
    text = CliRunner().invoke(spanledger, ["usage", "--db", str(db)]).stdout
    assert "(nothing)" in text
    assert "The ledger holds no call yet." in text
    assert "0.0" not in text
