"""What commands print: one table of typed cells, as a table for people, as JSON, or as CSV.

For people, money is rounded and counts are grouped; JSON and CSV carry exact values. What is unknown is never shown
as zero: it is a word in a table, null in JSON, an empty field in CSV.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal, get_args

import click
import tabulate as tables

__all__ = ["Cell", "Column", "Format", "Table", "Unknown", "emit", "printable", "usd"]

Format = Literal["table", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
Kind = Literal["text", "id", "count", "usd", "exact", "time"]
"""`id` is shortened for people; `exact` is a number shown whole; `usd` is rounded for people."""

_USD_PLACES = Decimal("0.000001")
_UNKNOWN = "—"
_NUMBERS = ("count", "usd", "exact")
_ID_DIGITS = 12
tables.MIN_PADDING = 0  # a column need not be wider than its title: lines stay short


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known; `word` says why, where people read."""

    word: str = _UNKNOWN


Cell = str | int | None | Unknown
"""Text, a count, a decimal string (for `usd` and fractional counts), ISO time text, or nothing known."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for machines, `title` for people; `kind` says how a cell is shown and aligned.

    `only` leaves it to one of the two formats that show columns.
    """

    name: str
    kind: Kind = "text"
    title: str = ""
    only: Literal["table", "csv"] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to print, and the document that JSON shows in their place.

    `sums` are rows below a line, for people only, as are the `heading` and the `footnotes`. A `drawing` is what people
    see instead of all these. `cut` says that rows are missing, whatever the format.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    document: Any = None
    heading: str = ""
    sums: Sequence[Sequence[Cell]] = ()
    footnotes: Sequence[str] = ()
    drawing: str = ""
    cut: str | None = None


def emit(table: Table, how: Format) -> None:
    """Print a table in one of the formats; that it is cut goes to stderr where the format has no place for it."""
    printers = {"table": as_table, "json": as_json, "csv": as_csv}
    click.echo(printers[how](table))
    if table.cut and how != "table":
        click.echo(table.cut, err=True)


def as_json(table: Table) -> str:
    """The document, indented."""
    return json.dumps(table.document, indent=2, ensure_ascii=False)


def as_csv(table: Table) -> str:
    """The rows under the names of their columns, with exact values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    places = [place for place, column in enumerate(table.columns) if column.only != "table"]
    writer.writerow([table.columns[place].name for place in places])
    writer.writerows([_exact(row[place]) for place in places] for row in table.rows)
    return text.getvalue().removesuffix("\n")


def as_table(table: Table) -> str:
    """The rows for people, with the heading above and the footnotes below."""
    if table.drawing:
        return table.drawing
    notes = [printable(note) for note in (*table.footnotes, table.cut or "")]
    blocks = (printable(table.heading), _grid(table), "\n".join(note for note in notes if note))
    return "\n\n".join(block for block in blocks if block)


def _grid(table: Table) -> str:
    places = [place for place, column in enumerate(table.columns) if column.only != "csv"]
    columns = [table.columns[place] for place in places]
    titles = [column.title or column.name.replace("_", " ") for column in columns]

    def shown(rows: Sequence[Sequence[Cell]]) -> list[list[str] | str]:
        return [[_shown(row[place], table.columns[place]) for place in places] for row in rows]

    lines = shown(table.rows) or [["(nothing)", *[""] * (len(places) - 1)]]
    if table.sums:
        lines += [tables.SEPARATING_LINE, *shown(table.sums)]
    alignment = ["right" if column.kind in _NUMBERS else "left" for column in columns]
    text = tables.tabulate(lines, titles, colalign=alignment, disable_numparse=True, preserve_whitespace=True)
    return "\n".join(line.rstrip() for line in text.splitlines())


def usd(amount: str | Decimal) -> str:
    """An amount for people: six places; one too small for them is said to be so, never shown as zero."""
    exact = Decimal(amount)
    rounded = exact.quantize(_USD_PLACES, ROUND_HALF_EVEN)
    if exact and not rounded:
        return f"<{_USD_PLACES}" if exact > 0 else f">-{_USD_PLACES}"
    return f"{rounded:,}"


def printable(text: str) -> str:
    """Text in which characters that could move a terminal's cursor or reorder a line are shown as escapes."""
    return "".join(
        char if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else repr(char)[1:-1] for char in text
    )


def _exact(cell: Cell) -> str | int:
    return "" if cell is None or isinstance(cell, Unknown) else cell


def _shown(cell: Cell, column: Column) -> str:
    if cell is None:
        return _UNKNOWN
    if isinstance(cell, Unknown):
        return cell.word
    return f"{cell:,}" if isinstance(cell, int) else _TEXTS[column.kind](cell)


def _grouped(number: str) -> str:
    return f"{Decimal(number):,}"


def _to_the_second(time: str) -> str:
    return time[: len("2026-01-31T15:00:00")].replace("T", " ")


_TEXTS: Mapping[Kind, Callable[[str], str]] = {
    "text": printable,
    "count": _grouped,
    "usd": usd,
    "exact": printable,
    "id": lambda digits: printable(digits[:_ID_DIGITS]),
    "time": _to_the_second,
}
