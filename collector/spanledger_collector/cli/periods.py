"""`spanledger periods`: close a month whose account was given, see what has come since, reopen it."""

import click

from spanledger_collector.cli.acting import act
from spanledger_collector.cli.command import question_command, where_of, where_options
from spanledger_collector.cli.output import Cell, Column, Table, Unknown
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["periods"]

_COLUMNS = (
    Column("period"),
    Column("closed_at", "time", "closed (UTC)"),
    Column("closed_by", title="by"),
    Column("reason"),
    Column("calls", "count"),
    Column("cost_usd", "usd", "cost USD"),
    Column("unpriced_calls", "count", "unpriced"),
    Column("unmetered_calls", "count", "unmetered"),
    Column("late_calls", "count", "late calls"),
    Column("cost_usd_now", "usd", "with late USD"),
    Column("adjusted_calls", "count", "adjusted calls"),
    Column("adjusted_usd", "usd", "adjusted USD"),
    Column("reopened_at", "time", "reopened (UTC)"),
    Column("reopened_by", only="csv"),
    Column("reopen_reason", only="csv"),
)
_LIST = """Closed periods: what the ledger said of each when it was closed, and what has come since.

Late calls are those of the period that were counted or changed after it was closed, because spans came late. What a
reprice would have changed is in the adjustments, which `spanledger usage` shows for the time in which they were made.
"""


@click.group()
def periods() -> None:
    """Closed periods: calls in them keep their price.

    A period is a month (2026-10) or days (2026-10-01..2026-10-15), in UTC. `reprice` leaves its calls alone and offers
    to book the difference as adjustments, dated when they are made.
    """


def _table(document: Document) -> Table:
    rows = [[_cell(row, column) for column in _COLUMNS] for row in document["rows"]]
    return Table(_COLUMNS, rows, document, footnotes=[] if rows else ["No period was ever closed."])


def _cell(row: Document, column: Column) -> Cell:
    value = row[column.name]
    return Unknown("") if value is None else value


@periods.command(params=where_options())
@click.argument("period")
@click.option("--by", required=True, metavar="NAME", help="Who closes it; stays on record.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for example the invoice; stays on record.")
@click.pass_context
def close(context: click.Context, *, period: str, by: str, reason: str, **_: object) -> None:
    """Close a period that is over: its calls keep their price from now on."""
    act("close", {"period": (period,), "by": (by,), "reason": (reason,)}, where_of(context))
    click.echo(f"{period} is closed. `spanledger periods list` shows what it held.")


@periods.command(params=where_options())
@click.argument("period")
@click.option("--by", required=True, metavar="NAME", help="Who reopens it; stays on record.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; stays on record.")
@click.pass_context
def reopen(context: click.Context, *, period: str, by: str, reason: str, **_: object) -> None:
    """Let the prices of a closed period change again. Refused where adjustments were booked for it."""
    act("reopen", {"period": (period,), "by": (by,), "reason": (reason,)}, where_of(context))
    click.echo(f"{period} is open again.")


periods.add_command(question_command(QUESTION_BY_NAME["periods"], _table, _LIST), "list")
