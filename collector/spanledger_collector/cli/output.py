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
from tabulate import tabulate

__all__ = ["Cell", "Column", "Format", "Table", "Unknown", "emit", "printable", "usd"]

Format = Literal["table", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
Kind = Literal["text", "count", "usd", "time"]

_USD_PLACES = Decimal("0.000001")
_UNKNOWN = "—"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known; `word` says why, where people read."""

    word: str = _UNKNOWN


Cell = str | int | None | Unknown
"""Text, a count, a decimal string (for `usd` and fractional counts), ISO time text, or nothing known."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for machines, `title` for people; `kind` says how a cell is shown and aligned."""

    name: str
    kind: Kind = "text"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to print, notes below them, and the document that JSON shows in their place."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    document: Any
    footnotes: Sequence[str] = ()


def emit(table: Table, how: Format) -> None:
    """Print a table in one of the formats."""
    printers = {"table": as_table, "json": as_json, "csv": as_csv}
    click.echo(printers[how](table))


def as_json(table: Table) -> str:
    """The document, indented."""
    return json.dumps(table.document, indent=2, ensure_ascii=False)


def as_csv(table: Table) -> str:
    """The rows under the names of their columns, with exact values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_exact(cell) for cell in row] for row in table.rows)
    return text.getvalue().removesuffix("\n")


def as_table(table: Table) -> str:
    """The rows for people, with the footnotes below."""
    shown = [[_shown(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
    titles = [column.title or column.name.replace("_", " ") for column in table.columns]
    alignment = ["right" if column.kind in ("count", "usd") else "left" for column in table.columns]
    lines = tabulate(shown, titles, colalign=alignment, disable_numparse=True) if shown else _empty(titles)
    notes = "\n".join(printable(note) for note in table.footnotes)
    return f"{lines}\n\n{notes}" if notes else lines


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


def _empty(titles: Sequence[str]) -> str:
    return f"{'  '.join(titles)}\n(nothing)"


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
    "time": _to_the_second,
}
