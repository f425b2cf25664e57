"""The three formats of one table: rounded and grouped for people, exact for machines, and unknown never zero."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger_collector.cli.output import (
    Cell,
    Column,
    Table,
    Unknown,
    as_csv,
    as_json,
    as_table,
    emit,
    printable,
    usd,
)

COLUMNS = (
    Column("who"),
    Column("call_id", "id", "call"),
    Column("tokens", "count"),
    Column("cost_usd", "usd", "cost USD"),
    Column("price", "exact"),
    Column("started_at", "time"),
    Column("hidden", only="csv"),
    Column("drawn", only="table"),
)
ROW: list[Cell] = [
    "ada",
    "0123456789abcdef",
    1234567,
    "0.000014285714",
    "0.0000025",
    "2026-11-02T10:00:01.000000001Z",
    "h",
    "d",
]
NOTHING_KNOWN: list[Cell] = [None, None, None, Unknown("unpriced"), None, None, None, None]


def table(*rows: list[Cell]) -> Table:
    return Table(COLUMNS, rows, document={"rows": len(rows)}, footnotes=["a note"])


def test_a_table_rounds_money_groups_counts_and_shortens_ids() -> None:
    shown = as_table(table(ROW)).splitlines()
    assert shown[0].split() == ["who", "call", "tokens", "cost", "USD", "price", "started", "at", "drawn"]
    assert shown[2].split() == [
        "ada",
        "0123456789ab",
        "1,234,567",
        "0.000014",
        "0.0000025",
        "2026-11-02",
        "10:00:01",
        "d",
    ]
    assert shown[-1] == "a note"


def test_numbers_stand_at_the_right() -> None:
    shown = as_table(table(ROW, ["bo", "x", 7, "12", "1", "2026-11-02T10:00:01Z", "", ""])).splitlines()
    assert shown[2].index("1,234,567") + len("1,234,567") == shown[3].index("7") + 1
    assert shown[2].index("0.000014") + len("0.000014") == shown[3].index("12.000000") + len("12.000000")


def test_unknown_is_a_word_and_never_zero() -> None:
    shown = as_table(table(NOTHING_KNOWN)).splitlines()[2]
    assert shown.split() == ["—", "—", "—", "unpriced", "—", "—", "—"]
    assert "0" not in shown


def test_csv_is_exact_and_leaves_unknown_empty() -> None:
    first, second = csv.DictReader(io.StringIO(as_csv(table(ROW, NOTHING_KNOWN))))
    assert first == dict(
        zip([column.name for column in COLUMNS if column.name != "drawn"], map(str, ROW), strict=False)
    )
    assert set(second.values()) == {""}


def test_json_is_the_document() -> None:
    assert json.loads(as_json(table(ROW))) == {"rows": 1}


def test_sums_are_for_people_only() -> None:
    summed = Table((Column("n", "count"),), [[1], [2]], sums=[[3]])
    assert as_table(summed).splitlines()[-1].strip() == "3"
    assert as_csv(summed) == "n\n1\n2"


def test_no_rows_say_so() -> None:
    assert "(nothing)" in as_table(Table((Column("who"), Column("n", "count")), []))
    assert as_csv(Table((Column("who"),), [])) == "who"


@pytest.mark.parametrize("how", ["json", "csv"])
def test_a_cut_answer_says_so_beside_exact_formats(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    emit(Table((Column("n", "count"),), [[1]], document=[1], cut="Cut: more."), "json" if how == "json" else "csv")
    said = capsys.readouterr()
    assert said.err == "Cut: more.\n"
    assert "Cut" not in said.out


def test_a_cut_table_says_so_below(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Table((Column("n", "count"),), [[1]], cut="Cut: more."), "table")
    said = capsys.readouterr()
    assert said.out.rstrip().endswith("Cut: more.")
    assert said.err == ""


@given(st.decimals(min_value=-10_000, max_value=10_000, places=12))
def test_shown_money_is_within_half_a_millionth_and_zero_only_for_zero(amount: Decimal) -> None:
    shown = usd(amount)
    if shown.startswith(("<", ">")):
        assert 0 < abs(amount) <= Decimal("0.0000005")
    else:
        assert abs(Decimal(shown.replace(",", "")) - amount) <= Decimal("0.0000005")
        assert (Decimal(shown.replace(",", "")) == 0) == (amount == 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 日本", "plain ä 日本"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines", "two\\nlines"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_strangers_wrote_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert shown in as_table(Table((Column("name"),), [[text]]))


def test_white_space_before_a_name_is_kept() -> None:
    assert as_table(Table((Column("tree"),), [["   └─ leaf"]])).splitlines()[2] == "   └─ leaf"
