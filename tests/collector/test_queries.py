"""The named queries on a ledger small enough to check by eye (see `small_ledger`)."""

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from small_ledger import ANSWERED, COST_ANSWERED, TRACE_A, TRACE_B

from spanledger_collector.errors import Ambiguous, BadQuery, NoMatch, QueryError
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, QUESTIONS, Document, answer
from spanledger_collector.ledger.queries.dimensions import BY
from spanledger_collector.ledger.store import Ledger

Ask = Callable[..., Document]

NOW = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)
"""A Tuesday; already the fourth in Tokyo."""


@pytest.fixture(scope="module")
def cursor(small_ledger_file: Path) -> Generator[duckdb.DuckDBPyConnection]:
    with Ledger.open(small_ledger_file, read_only=True) as ledger:
        yield ledger.cursor()


@pytest.fixture
def ask(cursor: duckdb.DuckDBPyConnection) -> Ask:
    """Ask a question by name: `ask("usage", by="model")`; a list gives a parameter several times."""

    def ask(name: str, **arguments: str | list[str]) -> Document:
        given = {key.rstrip("_"): [value] if isinstance(value, str) else value for key, value in arguments.items()}
        return answer(QUESTION_BY_NAME[name], cursor, given, lambda: NOW)

    return ask


def test_every_answer_can_be_written_as_json(ask: Ask) -> None:
    arguments = {"trace": {"trace_id": TRACE_A}, "explain": {"id": ANSWERED}, "sql": {"q": "FROM calls"}}
    arguments["estimate"] = {"provider": "openai", "model": "gpt-4o", "input_tokens": "1"}
    for question in QUESTIONS:
        document = ask(question.name, **arguments.get(question.name, {}))
        assert json.loads(json.dumps(document)) == document


def test_usage_by_model_sums_what_is_known_and_counts_what_is_not(ask: Ask) -> None:
    document = ask("usage")
    known, unknown = document["rows"]
    assert (known["model"], known["calls"], known["input_tokens"], known["output_tokens"]) == ("gpt-6", 4, 3000, 300)
    assert (known["cost_usd"], known["unpriced_calls"], known["unmetered_calls"]) == (COST_ANSWERED, 3, 2)
    assert (unknown["model"], unknown["cost_usd"], unknown["unpriced_calls"]) == ("mystery-1", None, 1)
    assert document["total"]["calls"] == 5
    assert document["total"]["cache_read_tokens"] is None
    assert (document["as_of"], document["pending"]) == ("2026-11-03T13:00:00.000000001Z", 1)


def test_unknown_attribution_is_null(ask: Ask) -> None:
    assert [row["user"] for row in ask("usage", by="user")["rows"]] == ["ada", "bob", None]


def test_dimensions_combine(ask: Ask) -> None:
    rows = ask("usage", by="day,dim:team,user")["rows"]
    assert [(row["day"], row["dim:team"], row["user"], row["calls"]) for row in rows] == [
        ("2026-11-02", "blue", "ada", 1),
        ("2026-11-02", None, "ada", 2),
        ("2026-11-03", "red", "bob", 1),
        ("2026-11-03", None, None, 1),
    ]


@pytest.mark.parametrize("by", [*(name for name in BY if ":" not in name), "dim:team"])
def test_every_dimension_that_help_names_groups_all_calls(ask: Ask, by: str) -> None:
    document = ask("usage", by=by)
    assert sum(row["calls"] for row in document["rows"]) == 5
    assert all(by in row for row in document["rows"])


def test_no_dimension_gives_the_total_only(ask: Ask) -> None:
    document = ask("usage", by="")
    assert (document["rows"], document["total"]["calls"]) == ([], 5)


def test_groups_are_cut_and_the_total_is_not(ask: Ask) -> None:
    document = ask("usage", by="day", limit="1")
    assert (len(document["rows"]), document["cut"], document["total"]["calls"]) == (1, True, 5)


def test_days_and_hours_are_those_of_the_zone(ask: Ask) -> None:
    """Trace B began on the third at 10:00 UTC: 21:00 on the third in Sydney, midnight on the fourth far east."""
    rows = ask("usage", by="hour", tz="Australia/Sydney")["rows"]
    assert [row["hour"] for row in rows] == ["2026-11-02T21:00+11:00", "2026-11-03T21:00+11:00"]
    rows = ask("usage", by="hour", tz="America/St_Johns")["rows"]
    assert [row["hour"] for row in rows] == ["2026-11-02T06:00-03:30", "2026-11-03T06:00-03:30"]
    rows = ask("usage", by="day", tz="Pacific/Kiritimati")["rows"]
    assert [row["day"] for row in rows] == ["2026-11-03", "2026-11-04"]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ({"period": "all"}, 5),
        ({"period": "today"}, 2),
        ({"period": "today", "tz": "Asia/Tokyo"}, 0),
        ({"period": "week"}, 5),
        ({"period": "month"}, 5),
        ({"from_": "2026-11-03"}, 2),
        ({"to": "2026-11-02"}, 3),
        ({"from_": "2026-11-02", "to": "2026-11-03"}, 5),
        ({"from_": "2026-11-02T10:00:02"}, 4),
        ({"to": "2026-11-02T10:00:02"}, 1),
        ({"from_": "2026-11-02T12:00:02+02:00", "to": "2026-11-02T10:00:03Z"}, 1),
        ({"from_": "2026-11-02T11:00:02", "tz": "Europe/Berlin"}, 4),
        ({"user": "ada"}, 3),
        ({"user": ["ada", "bob"]}, 4),
        ({"user": ""}, 1),
        ({"user": "ada", "feature": "ask"}, 2),
        ({"dim": "team=blue"}, 1),
        ({"dim": "team="}, 3),
        ({"dim": ["team=blue", "floor="]}, 1),
        ({"price_status": ["priced", "partial"]}, 2),
        ({"usage_status": "unmetered"}, 2),
        ({"model": "mystery-1"}, 1),
        ({"model": "mystery-1' OR '1'='1"}, 0),
        ({"dim": "team' OR '1'='1=x"}, 0),
    ],
)
def test_periods_and_filters_choose_calls(ask: Ask, arguments: dict[str, str | list[str]], calls: int) -> None:
    for name in ("usage", "calls", "stats", "unpriced"):
        assert ask(name, **arguments)["total"]["calls"] == calls


def test_a_period_is_stated_in_utc(ask: Ask) -> None:
    assert ask("usage", period="month", tz="Europe/Berlin")["period"] == {
        "from": "2026-10-31T23:00:00Z",
        "to": "2026-11-30T23:00:00Z",
        "tz": "Europe/Berlin",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("usage", {"perod": "today"}, "no parameter 'perod'"),
        ("usage", {"by": "price"}, "no dimension 'price'"),
        ("usage", {"by": "model,model"}, "twice"),
        ("usage", {"by": "dim:"}, "no dimension 'dim:'"),
        ("usage", {"by": 'model" FROM meta --'}, "no dimension"),
        ("usage", {"period": "yesterday"}, "must be one of today, week, month, all"),
        ("usage", {"period": "today", "to": "2026-01-01"}, "either period"),
        ("usage", {"from_": "soon"}, "2026-01-31"),
        ("usage", {"to": "9999-12-31"}, "2026-01-31"),
        ("usage", {"from_": "2026-11-03", "to": "2026-11-02"}, "before"),
        ("usage", {"tz": "Mars/Olympus"}, "time zone"),
        ("usage", {"tz": "../../etc/passwd"}, "time zone"),
        ("usage", {"tz": ["UTC", "UTC"]}, "once"),
        ("usage", {"dim": "team"}, "NAME=VALUE"),
        ("usage", {"limit": "0"}, "whole number"),
        ("calls", {"limit": "many"}, "whole number"),
        ("trace", {"trace_id": "xyz"}, "hex digits"),
        ("trace", {"trace_id": "aaaaa"}, "hex digits"),
        ("trace", {}, "needs trace_id"),
        ("explain", {"id": "ca110"}, "hex digits"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(
    ask: Ask, name: str, arguments: dict[str, str | list[str]], words: str
) -> None:
    with pytest.raises(BadQuery, match=words):
        ask(name, **arguments)


def test_calls_come_newest_first_and_say_when_they_are_cut(ask: Ask) -> None:
    document = ask("calls", limit="2")
    assert [call["call_id"][-1] for call in document["calls"]] == ["5", "4"]
    assert document["cut"]
    assert not ask("calls")["cut"]
    assert document["calls"][0]["started_at"] == "2026-11-03T10:00:02.000000001Z"


def test_unpriced_groups_by_reason_and_names_the_meters_that_lack_a_price(ask: Ask) -> None:
    rows = ask("unpriced")["rows"]
    assert [(row["model"], row["reasons"], row["calls"], row["meters"]) for row in rows] == [
        ("gpt-6", ["unmetered"], 2, []),
        ("gpt-6", ["no_price_for_meter:web_search"], 1, [{"meter": "web_search", "quantity": "3"}]),
        ("mystery-1", ["unknown_model:mystery-1"], 1, [{"meter": "input", "quantity": "500"}]),
    ]


def test_stats_answer_by_several_dimensions_at_once(ask: Ask) -> None:
    document = ask("stats")
    assert set(document["by"]) == {"model", "provider", "feature", "user", "day"}
    assert all(sum(row["calls"] for row in rows) == 5 for rows in document["by"].values())


def test_a_trace_is_a_tree_whose_sums_are_those_of_its_calls(ask: Ask) -> None:
    document = ask("trace", trace_id=TRACE_A[:6])
    assert [(span["span_id"][-2:], span["depth"]) for span in document["spans"]] == [
        ("a0", 0),
        ("a1", 1),
        ("a2", 2),
        ("a3", 3),
        ("a4", 2),
        ("a5", 1),
    ]
    sums = {span["span_id"][-2:]: span["subtree"] for span in document["spans"]}
    assert (sums["a0"]["calls"], sums["a0"]["cost_usd"], sums["a0"]["unpriced_calls"]) == (3, COST_ANSWERED, 2)
    assert (sums["a1"]["calls"], sums["a1"]["input_tokens"]) == (2, 1000)
    assert (sums["a3"]["calls"], sums["a3"]["cost_usd"]) == (0, None)
    assert sums["a0"] == document["total"]


def test_a_span_counted_elsewhere_says_where(ask: Ask) -> None:
    spans = ask("trace", trace_id=TRACE_A)["spans"]
    (merged,) = [span for span in spans if span["counted_in"]]
    assert (merged["span_id"][-2:], merged["counted_in"][0]["call_id"]) == ("a3", ANSWERED)


def test_a_span_whose_parent_is_not_known_is_a_root(ask: Ask) -> None:
    root = ask("trace", trace_id=TRACE_B)["spans"][0]
    assert (root["depth"], root["parent_span_id"], root["parent_known"]) == (0, "00000000000000bf", False)


def test_a_cut_trace_still_sums_all(ask: Ask) -> None:
    document = ask("trace", trace_id=TRACE_A, limit="2")
    assert (len(document["spans"]), document["cut"], document["total"]["calls"]) == (2, True, 3)
    assert document["spans"][0]["subtree"]["calls"] == 3


def test_explain_gives_arithmetic_that_can_be_done_again(ask: Ask) -> None:
    document = ask("explain", id=ANSWERED)
    for charge in document["charges"]:
        quantity, price, per = (Decimal(charge[name]) for name in ("quantity", "price_usd", "per"))
        assert quantity * price / per == Decimal(charge["amount_usd"]) == quantity * Decimal(charge["unit_price_usd"])
        assert (charge["source"], charge["effective_from_at"][:10]) == ("a page", "2026-01-01")
    assert document["charged_usd"] == document["call"]["cost_usd"] == COST_ANSWERED


def test_explain_names_what_the_call_was_read_from_and_what_it_was_before(ask: Ask) -> None:
    document = ask("explain", id=ANSWERED)
    assert [(source["span_id"][-2:], source["part"], source["meters"]) for source in document["sources"]] == [
        ("a2", "usage", {"input": 1000}),
        ("a3", "merged", {"input": 900}),
    ]
    assert [(old["revision"], old["reason"]) for old in document["history"]] == [(1, "a late span")]


@pytest.mark.parametrize("id_", ["00000000000000a2", "00000000000000a3", "CA11000000000001"])
def test_a_call_is_found_by_any_of_its_spans(ask: Ask, id_: str) -> None:
    assert ask("explain", id=id_)["call"]["call_id"] == ANSWERED


def test_explain_tells_what_has_no_price(ask: Ask) -> None:
    document = ask("explain", id="ca11000000000004")
    assert document["meters_without_price"] == [{"meter": "web_search", "quantity": "3"}]
    assert (document["charged_usd"], document["call"]["cost_usd"]) == ("0.005", None)


@pytest.mark.parametrize(
    ("name", "id_", "kind", "words"),
    [
        ("explain", "dddddd", NoMatch, "no call and no span"),
        ("explain", "00000000000000a0", NoMatch, "not about a model call"),
        ("explain", "ca1100", Ambiguous, "ca11000000000001, ca11000000000002"),
        ("explain", TRACE_A, NoMatch, "is a trace"),
        ("trace", "dddddd", NoMatch, "no trace dddddd"),
    ],
)
def test_an_id_that_does_not_lead_to_one_thing_says_why(
    ask: Ask, name: str, id_: str, kind: type[QueryError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(name, **{"trace_id" if name == "trace" else "id": id_})


def test_status_counts(ask: Ask) -> None:
    document = ask("status")
    assert [document[name] for name in ("spans", "observations", "calls", "pending", "conflicts")] == [9, 3, 5, 1, 0]
    assert sum(row["calls"] for row in document["calls_by_status"]) == 5
