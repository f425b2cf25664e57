"""`spanledger compact`."""

import time
from pathlib import Path

import click

from spanledger_collector.cli.file_options import db_option
from spanledger_collector.cli.notes import plural
from spanledger_collector.errors import LedgerMissing

__all__ = ["compact"]


@click.command(params=[db_option()])
def compact(*, db: Path) -> None:
    """Give back to the disk what the ledger file does not use.

    A file does not shrink by itself when what is too old is taken out of it; the space is filled again. This copies the
    ledger into a new file, which takes the old one's place when it is complete. No server may own it meanwhile, and
    the disk needs room for both. What a server that was killed left beside the file is taken into it first.
    """
    from spanledger_collector.cli.leftovers import take_in  # noqa: PLC0415 - needs the extra
    from spanledger_collector.ledger import compaction  # noqa: PLC0415 - as above
    from spanledger_collector.ledger.store import Ledger  # noqa: PLC0415 - as above

    if not db.exists():
        raise LedgerMissing(db)
    with Ledger.open(db) as ledger:
        take_in(ledger)  # so that the file alone is the whole ledger
    began = time.monotonic()
    before, after = compaction.compact(db)
    took = time.monotonic() - began
    click.echo(f"{db}: {plural(before, 'byte')} before, {plural(after, 'byte')} now, in {took:.1f} s.")
