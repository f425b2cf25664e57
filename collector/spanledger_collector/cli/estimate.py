"""`spanledger estimate`."""

from pathlib import Path
from typing import TextIO

import click

from spanledger_collector.cli.command import format_option
from spanledger_collector.cli.output import Cell, Column, Format, Table, Unknown, emit
from spanledger_collector.cli.price_options import book_of, price_file_options
from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries import Document
from spanledger_collector.ledger.queries.estimate import CONDITIONS, ESTIMATE, estimate_document

__all__ = ["estimate"]

_COLUMNS = (
    Column("provider"),
    Column("model"),
    Column("low_usd", "exact", "low USD"),
    Column("expected_usd", "exact", "expected USD"),
    Column("high_usd", "exact", "high USD"),
)
_OPTIONS = {
    "input_tokens": "--input",
    "output_tokens": "--output",
    "max_output_tokens": "--max-output",
    "at": "--at",
}


def _option(name: str) -> click.Option:
    parameter = next(parameter for parameter in ESTIMATE.parameters if parameter.name == name)
    flag = _OPTIONS.get(name) or f"--{name.replace('_', '-')}"
    return click.Option([flag, name], metavar=parameter.metavar, help=parameter.help)


@click.command(params=[*map(_option, (*_OPTIONS, *CONDITIONS)), *price_file_options(), format_option()])
@click.argument("provider")
@click.argument("model")
@click.option("--text", "text", type=click.File(encoding="utf-8"), help="The input as a text file; - is stdin.")
@click.option(
    "--messages",
    "messages",
    type=click.File(encoding="utf-8"),
    help="The input as a JSON file of messages; - is stdin.",
)
@click.pass_context
def estimate(
    context: click.Context,
    *,
    provider: str,
    model: str,
    text: TextIO | None,
    messages: TextIO | None,
    db: Path,
    prices: Path | None,
    how: Format,
    **given: str | None,
) -> None:
    """What a call will cost, before it is made: low, expected and high.

    The input is a token count, a text or chat messages. The tokens of a text are bounded by its characters: nothing is
    sent anywhere, and no tokenizer is needed. Exit code 1 if there is no price.
    """
    asked = {"provider": provider, "model": model, **given}
    try:
        asked |= {name: file.read() for name, file in (("text", text), ("messages", messages)) if file is not None}
    except UnicodeDecodeError as error:
        raise BadQuery(f"The input is no text in UTF-8: {error}.") from error
    arguments = {name: (value,) for name, value in asked.items() if value is not None}
    document = estimate_document(book_of(db, prices), arguments)
    emit(_table(document), how)
    if document["low_usd"] is None:
        context.exit(1)


def _table(document: Document) -> Table:
    notes = [f"Assumed: {'; '.join(document['assumptions'])}."]
    if document["reasons"]:
        notes.append(f"No price: {', '.join(document['reasons'])}. `spanledger prices set` gives it one.")
    return Table(_COLUMNS, [[_cell(document, column) for column in _COLUMNS]], document, footnotes=notes)


def _cell(document: Document, column: Column) -> Cell:
    value = document[column.name]
    return Unknown("unpriced" if document["reasons"] else "unbounded") if value is None else value
