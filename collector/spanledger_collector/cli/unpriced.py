"""`spanledger unpriced`."""

import shlex

import click
from click.core import ParameterSource

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import cut_note, notes, period_note, reason
from spanledger_collector.cli.output import Cell, Column, Table, Unknown
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["unpriced"]

_COLUMNS = (
    Column("provider"),
    Column("model"),
    Column("why", only="table"),
    Column("reasons", only="csv"),
    Column("meters", title="counted, without a price"),
    Column("calls", "count"),
    Column("input_tokens", "count", "input"),
    Column("output_tokens", "count", "output"),
    Column("unmetered_calls", "count", "unmetered"),
    Column("cost_low_usd", "usd", "at least USD"),
    Column("cost_high_usd", "usd", "at most USD"),
    Column("first_at", "time", "first (UTC)"),
    Column("last_at", "time", "last (UTC)", only="csv"),
    Column("fixes", only="csv"),
)

_TEXT = """Calls without a price, by provider, model and reason.

The column of meters says what was counted and has no price: those are the prices that are missing. Calls without usage
have none, because there is nothing to price. They cost at least what is known of them. Below the table are the commands
that give the prices: put an amount in the place of PRICE, then run `spanledger reprice`.
"""


def _table(document: Document) -> Table:
    return Table(
        columns=_COLUMNS,
        rows=[[_cell(row, column.name) for column in _COLUMNS] for row in document["rows"]],
        document=document,
        heading=period_note(document),
        footnotes=[*notes(document, document["total"]), *_fixes(document)],
        cut=cut_note(document, "groups", document["limit"]),
    )


def _fixes(document: Document) -> list[str]:
    context = click.get_current_context()
    ledger = f" --db {shlex.quote(str(context.params['db']))}" if _is_typed(context, "db") else ""
    lines = dict.fromkeys(f"{line}{ledger}" for row in document["rows"] for line in row["fixes"])
    where = ", run beside the server's ledger" if _is_typed(context, "url") else ""
    return [f"What would price them{where}, with `spanledger reprice{ledger}` after it:", *lines] if lines else []


def _is_typed(context: click.Context, name: str) -> bool:
    """Whether an option is on the command line: a variable of the environment holds for the next command too."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _cell(row: Document, name: str) -> Cell:
    if name in ("cost_low_usd", "cost_high_usd"):
        return Unknown("unknown") if row[name] is None else row[name]
    if name == "why":
        return "; ".join(map(reason, row["reasons"]))
    if name == "reasons":
        return "; ".join(row["reasons"])
    if name == "fixes":
        return "; ".join(row["fixes"])
    if name == "meters":
        return ", ".join(f"{meter['meter']} {meter['quantity']}" for meter in row["meters"])
    return row[name]


unpriced = question_command(QUESTION_BY_NAME["unpriced"], _table, _TEXT)
