"""`spanledger reprice`."""

from decimal import Decimal
from pathlib import Path

import click

from spanledger_collector.cli.acting import act
from spanledger_collector.cli.command import format_option, where_of, where_options
from spanledger_collector.cli.notes import plural
from spanledger_collector.cli.output import Cell, Column, Format, Table, Unknown, emit
from spanledger_collector.cli.price_options import prices_option
from spanledger_collector.ledger.queries import Document
from spanledger_collector.ledger.queries.question import plain_decimal

__all__ = ["reprice"]

_COLUMNS = (
    Column("by"),
    Column("group"),
    Column("calls", "count"),
    Column("old_usd", "usd", "old USD"),
    Column("new_usd", "usd", "new USD"),
    Column("difference_usd", "usd", "difference USD"),
    Column("newly_priced", "count"),
    Column("newly_unpriced", "count"),
)
_UNPRICED = Unknown("unpriced")


@click.command(params=[prices_option(), *where_options(), format_option()])
@click.option("--from", "start", metavar="WHEN", help="Only calls that started at or after this date or time.")
@click.option(
    "--to", "end", metavar="WHEN", help="Only calls that started before this time, or up to the end of this date."
)
@click.option("--provider", multiple=True, help="Only calls of this provider.")
@click.option("--model", multiple=True, help="Only calls of this model.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--adjust", is_flag=True, help="Book what changes in closed periods as adjustments, dated now.")
@click.option("--by", metavar="NAME", help="With --adjust: who says so.")
@click.option("--reason", metavar="TEXT", help="With --adjust: why.")
@click.pass_context
def reprice(
    context: click.Context,
    *,
    start: str | None,
    end: str | None,
    provider: tuple[str, ...],
    model: tuple[str, ...],
    dry_run: bool,
    adjust: bool,
    by: str | None,
    reason: str | None,
    prices: Path | None,
    how: Format,
    **_: object,
) -> None:
    """Price what is in the ledger anew, by this version's prices under your own.

    A call whose price differs gets a new revision; what it replaces stays in the history. A call of a closed period is
    left as it is (exit code 1 if one would change): --adjust books the difference. A running server does it itself,
    and prices new calls by the same prices from then on.
    """
    if adjust and not (by and reason):
        raise click.UsageError("--adjust needs --by and --reason: they stay on record.")
    asked = {"from": (start,), "to": (end,), "by": (by,), "reason": (reason,)}
    given = {name: (text,) for name, (text,) in asked.items() if text is not None}
    arguments = {**given, "provider": provider, "model": model, "dry_run": _word(dry_run), "adjust": _word(adjust)}
    found = act("reprice", {name: texts for name, texts in arguments.items() if texts}, where_of(context), prices)
    emit(_table(found), how)
    if found["closed"]["calls"] and not dry_run and not adjust:
        context.exit(1)


def _word(flag: bool) -> tuple[str, ...]:
    return ("true",) if flag else ()


def _table(found: Document) -> Table:
    changed = found["changed"]["calls"]
    done = "written as new revisions." if found["applied"] else "nothing was written, because this was a dry run."
    said = f"{plural(changed, 'call')} with another price: {done}" if changed else "Nothing changes."
    return Table(
        _COLUMNS,
        [_cells(by, row[by], row) for by, rows in found["by"].items() for row in rows],
        found,
        heading=f"{plural(found['calls'], 'call')} priced anew by book {found['price_book'][:12]}.",
        sums=[_cells("all", "", found["changed"])],
        footnotes=[said, *_closed(found)],
    )


def _closed(found: Document) -> list[str]:
    """What was refused because a period is closed, and what to do about it."""
    closed = found["closed"]
    if not closed["calls"]:
        return []
    apart = Decimal(closed["difference_usd"])
    said = (
        f"{plural(closed['calls'], 'call')} of closed periods would cost {plain_decimal(abs(apart))} USD "
        f"{'less' if apart < 0 else 'more'}"
    )
    if found["adjusted_calls"]:
        return [f"{said}: booked as {plural(found['adjusted_calls'], 'adjustment')} of today."]
    offer = "`spanledger reprice --adjust --by NAME --reason TEXT` books the difference."
    return [f"{said}, and stay as they are. {offer}"]


def _cells(by: str, group: str | None, row: Document) -> list[Cell]:
    return [by, group, *(_UNPRICED if row[column.name] is None else row[column.name] for column in _COLUMNS[2:])]
