"""`spanledger prices show` and `diff`: the prices in force, and where two books differ."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.command import format_option
from spanledger_collector.cli.notes import plural
from spanledger_collector.cli.output import Cell, Column, Format, Table, Unknown, emit
from spanledger_collector.cli.price_options import book_of, price_file_options
from spanledger_collector.ledger.queries import Document
from spanledger_collector.ledger.queries.prices import LIMIT, prices_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanledger_collector.pricing.drift import Difference

__all__ = ["diff", "show"]

_SHOWN = (
    Column("provider"),
    Column("model"),
    Column("meter"),
    Column("price_usd", "exact", "price USD"),
    Column("per", "count"),
    Column("unit"),
    Column("conditions"),
    Column("layer"),
    Column("from_at", "time", "from (UTC)"),
    Column("to_at", "time", "to (UTC)"),
    Column("confidence", only="csv"),
    Column("recorded", only="csv"),
    Column("price_entry_id", only="csv"),
    Column("source", only="csv"),
    Column("source_number", title="source", only="table"),
)
_LIMIT = click.option(
    "--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="At most so many rows."
)
_AT = click.option("--at", metavar="TIME", help="At this date or time with its offset; now, if not given.")


@click.command(params=[*price_file_options(), format_option()])
@click.argument("provider", required=False)
@click.argument("model", required=False)
@_AT
@_LIMIT
def show(
    *, provider: str | None, model: str | None, at: str | None, limit: int, db: Path, prices: Path | None, how: Format
) -> None:
    """The prices in force, each with its source and dates."""
    asked = {"provider": provider, "model": model, "at": at}
    arguments = {name: (value,) for name, value in asked.items() if value is not None}
    document = prices_document(book_of(db, prices), arguments, limit=limit)
    numbers = {source: f"[{number}]" for number, source in enumerate(dict.fromkeys(_sources(document)), 1)}
    numbered = [{**row, "source_number": numbers[row["source"]]} for row in document["rows"]]
    rows = [[_open(row[column.name]) for column in _SHOWN] for row in numbered]
    heading = f"Price book {document['name']} {document['price_book'][:12]}, at {document['at'][:19]}Z."
    notes = [f"{number} {source}" for source, number in numbers.items()] or [_nothing(provider, model)]
    emit(Table(_SHOWN, rows, document, heading, footnotes=notes, cut=_cut(document)), how)


def _sources(document: Document) -> list[str]:
    """Where each price is from: long texts, many of them the same."""
    return [row["source"] for row in document["rows"]]


def _nothing(provider: str | None, model: str | None) -> str:
    """What to do when no price is in force."""
    asked = " ".join(filter(None, (provider, model)))
    return f"No price is in force for {asked}: try another --at TIME, or `spanledger prices show` for all that are."


def _open(value: str | int | None) -> Cell:
    return Unknown("") if value is None else value


def _cut(document: Document) -> str | None:
    return (
        f"Cut: these are the first {document['limit']:,} prices only; --limit N shows more."
        if document["cut"]
        else None
    )


_DIFFERENCES = (
    Column("provider"),
    Column("model"),
    Column("meter"),
    Column("conditions"),
    Column("first_usd", "exact", "first USD"),
    Column("second_usd", "exact", "second USD"),
    Column("ratio", "exact"),
)


@click.command(params=[*price_file_options(), format_option()])
@click.argument("first")
@click.argument("second")
@click.option("--provider", help="Only prices of this provider.")
@_AT
@_LIMIT
def diff(
    *,
    first: str,
    second: str,
    provider: str | None,
    at: str | None,
    limit: int,
    db: Path,
    prices: Path | None,
    how: Format,
) -> None:
    """Where two price books differ at a moment; prices are for one unit.

    A book is `shipped`, `own` (the shipped one under your own prices), `genai-prices` (the package installed here), or
    a file: the JSON of litellm or model-prices, or TOML, YAML or CSV of your own.
    """
    from spanledger_collector.catalogues import book_named  # noqa: PLC0415 - ten thousand prices to read
    from spanledger_collector.ledger.queries.moments import at_ns  # noqa: PLC0415
    from spanledger_collector.ledger.queries.question import utc_now  # noqa: PLC0415
    from spanledger_collector.pricing.drift import drift  # noqa: PLC0415

    moment = at_ns("at", at) if at else int(utc_now().timestamp()) * 10**9
    one_book, other_book = book_named(first, db, prices), book_named(second, db, prices)
    found = [one for one in drift(one_book, other_book, moment) if provider in (None, one.provider)]
    rows: list[list[str | None]] = [
        [one.provider, one.model, one.meter, one.conditions, _number(one.first), _number(one.second), _ratio(one.ratio)]
        for one in found[:limit]
    ]
    document = {
        "first": one_book.sha256,
        "second": other_book.sha256,
        "differences": len(found),
        "rows": [dict(zip([column.name for column in _DIFFERENCES], row, strict=True)) for row in rows],
        "limit": limit,
        "cut": len(found) > limit,
    }
    emit(Table(_DIFFERENCES, rows, document, _sum_of(found), cut=_cut(document)), how)


def _sum_of(found: "Sequence[Difference]") -> str:
    """How many differences there are, and of which kind."""
    if not found:
        return "No differences."
    first, second = (sum(one.second is None for one in found), sum(one.first is None for one in found))
    other = len(found) - first - second
    said = f"{other:,} with another price, {first:,} only in the first book, {second:,} only in the second"
    return f"{plural(len(found), 'difference')}: {said}."


def _number(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")


def _ratio(value: Decimal | None) -> str | None:
    return None if value is None else _number(round(value, 6))
