"""`spanledger reprice`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.command import format_option
from spanledger_collector.cli.notes import plural
from spanledger_collector.cli.output import Cell, Column, Format, Table, emit
from spanledger_collector.cli.price_options import book_of, price_file_options
from spanledger_collector.errors import LedgerMissing, LedgerUnreadable
from spanledger_collector.ledger.queries import Document

if TYPE_CHECKING:
    from spanledger_collector.ledger.repricing import Delta, Repriced

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


@click.command(params=[*price_file_options(), format_option()])
@click.option("--from", "start", metavar="WHEN", help="Only calls that started at or after this date or time.")
@click.option(
    "--to", "end", metavar="WHEN", help="Only calls that started before this time, or up to the end of this date."
)
@click.option("--provider", multiple=True, help="Only calls of this provider.")
@click.option("--model", multiple=True, help="Only calls of this model.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def reprice(
    *,
    start: str | None,
    end: str | None,
    provider: tuple[str, ...],
    model: tuple[str, ...],
    dry_run: bool,
    db: Path,
    prices: Path | None,
    how: Format,
) -> None:
    """Price what is in the ledger anew, by this version's prices under your own.

    A call whose price differs gets a new revision; what it replaces stays in the history. No server may own the ledger
    meanwhile.
    """
    # Only now, because they need the extra.
    import duckdb  # noqa: PLC0415

    from spanledger_collector.ledger.queries.choosing import chosen_calls  # noqa: PLC0415
    from spanledger_collector.ledger.repricing import reprice as reprice_ledger  # noqa: PLC0415
    from spanledger_collector.ledger.store import Ledger  # noqa: PLC0415

    if not db.exists():
        raise LedgerMissing(db)
    book = book_of(db, prices)
    asked = {"from": (start or "",), "to": (end or "",), "provider": provider, "model": model}
    with Ledger.open(db, read_only=dry_run) as ledger:
        try:
            chosen = chosen_calls(ledger.cursor(), {name: texts for name, texts in asked.items() if any(texts)})
            found = reprice_ledger(ledger, book, chosen, apply=not dry_run)
        except duckdb.Error as error:
            raise LedgerUnreadable(db, f"repricing failed, and the ledger is as it was. {error}") from error
    emit(_table(found, book.sha256, dry_run=dry_run), how)


def _table(found: "Repriced", book: str, *, dry_run: bool) -> Table:
    groups = [(by, _ordered(deltas)) for by, deltas in found.by.items()]
    done = "Nothing was written: this was a dry run." if dry_run else "They have new revisions."
    return Table(
        _COLUMNS,
        [_cells(by, name, delta) for by, deltas in groups for name, delta in deltas],
        _document(found, book, dry_run=dry_run),
        heading=f"{plural(found.calls, 'call')} priced anew by book {book[:12]}.",
        sums=[_cells("all", "", found.total)],
        footnotes=[
            f"{plural(found.total.calls, 'call')} with another price. {done}"
            if found.total.calls
            else "Nothing changes."
        ],
    )


def _ordered(deltas: "dict[str | None, Delta]") -> "list[tuple[str | None, Delta]]":
    return sorted(deltas.items(), key=lambda item: (item[0] is None, item[0] or ""))


def _cells(by: str, group: str | None, delta: "Delta") -> list[Cell]:
    return [by, group, *_numbers(delta).values()]


def _numbers(delta: "Delta") -> dict[str, str | int]:
    return {
        "calls": delta.calls,
        "old_usd": format(delta.old_usd, "f"),
        "new_usd": format(delta.new_usd, "f"),
        "difference_usd": format(delta.new_usd - delta.old_usd, "f"),
        "newly_priced": delta.newly_priced,
        "newly_unpriced": delta.newly_unpriced,
    }


def _document(found: "Repriced", book: str, *, dry_run: bool) -> Document:
    by = {
        name: [{name: key, **_numbers(delta)} for key, delta in _ordered(deltas)] for name, deltas in found.by.items()
    }
    return {
        "calls": found.calls,
        "price_book": book,
        "applied": not dry_run,
        "changed": _numbers(found.total),
        "by": by,
    }
