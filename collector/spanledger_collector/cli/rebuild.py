"""`spanledger rebuild`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.command import format_option
from spanledger_collector.cli.notes import plural
from spanledger_collector.cli.output import Column, Format, Table, emit
from spanledger_collector.cli.price_options import book_of, price_file_options
from spanledger_collector.errors import LedgerMissing, LedgerUnreadable
from spanledger_collector.ledger.queries import Document

if TYPE_CHECKING:
    from spanledger_collector.ledger.rebuild import Difference, Rebuilt

__all__ = ["rebuild"]

_COLUMNS = (
    Column("call_id", "id", title="call"),
    Column("kind", title="difference"),
    Column("column"),
    Column("before"),
    Column("after"),
)


@click.command(params=[*price_file_options(), format_option()])
@click.option(
    "--attribution",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SPANLEDGER_ATTRIBUTION",
    show_envvar=True,
    help="The file that says which attributes tell who spends.  [default: <db>.attribution.toml, if it exists]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Tell every value that differs of so many calls.",
)
@click.option("--dry-run", is_flag=True, help="Only say what differs; exit code 1 if anything does.")
@click.pass_context
def rebuild(
    context: click.Context,
    *,
    db: Path,
    prices: Path | None,
    attribution: Path | None,
    limit: int,
    dry_run: bool,
    how: Format,
) -> None:
    """Make the ledger again from its journal.

    Everything that was received is read, settled and priced anew with this version's dialects and rules, your price
    book and your attribution file, and compared with the ledger. What differs becomes a new revision; what it replaces
    stays in the history.
    """
    # Only now, because they need the extra.
    import duckdb  # noqa: PLC0415

    from spanledger_collector.attribution_file import own_attribution  # noqa: PLC0415
    from spanledger_collector.cli.leftovers import take_in  # noqa: PLC0415
    from spanledger_collector.dialects import Reader  # noqa: PLC0415
    from spanledger_collector.ledger.rebuild import rebuild as rebuild_ledger  # noqa: PLC0415
    from spanledger_collector.ledger.store import Ledger  # noqa: PLC0415

    if not db.exists():
        raise LedgerMissing(db)
    book, reader = book_of(db, prices), Reader(own_attribution(db, attribution))
    with Ledger.open(db) as ledger:
        try:
            take_in(ledger)
            found = rebuild_ledger(ledger, book, reader, apply=not dry_run, told=limit)
        except duckdb.Error as error:
            raise LedgerUnreadable(db, f"rebuilding failed, and the ledger is as it was. {error}") from error
    emit(_table(found), how)
    if dry_run and not (found.equal and not found.reread):
        context.exit(1)


def _table(found: "Rebuilt") -> Table:
    differences = found.kinds.total()
    more = differences - len(found.examples)
    return Table(
        columns=_COLUMNS,
        rows=[[example.call_id, example.kind, *change] for example in found.examples for change in example.changes],
        document=_document(found),
        heading=(
            f"{plural(found.observations, 'observation')} read again, {found.reread:,} of them otherwise than before; "
            f"{plural(found.calls, 'call')} settled."
        ),
        footnotes=[*_readings(found), _verdict(found, differences)],
        cut=f"Cut: and {plural(more, 'more call')}; --limit N tells of more." if more > 0 else None,
    )


def _document(found: "Rebuilt") -> Document:
    return {
        "equal": found.equal,
        "applied": found.applied,
        "observations": found.observations,
        "reread": found.reread,
        "calls": found.calls,
        "differences": dict(found.kinds),
        "columns": dict(found.columns),
        "readings": dict(found.readings),
        "closed": found.closed,
        "examples": [_example(example) for example in found.examples],
    }


def _example(example: "Difference") -> Document:
    return {**asdict(example), "changes": [change._asdict() for change in example.changes]}


def _readings(found: "Rebuilt") -> list[str]:
    """What of the observations is read otherwise, the most frequent first."""
    return [f"{plural(count, 'observation')} with another {what}." for what, count in found.readings.most_common(10)]


def _verdict(found: "Rebuilt", differences: int) -> str:
    if found.equal and not found.reread:
        return "The ledger is what the journal gives: nothing to do."
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.kinds.items())) or "none"
    done = "The ledger has been brought to it." if found.applied else "Nothing was changed: this was a dry run."
    return f"Different from that: {plural(differences, 'call')} ({kinds}). {done}"
