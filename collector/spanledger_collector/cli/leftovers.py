"""What a server that was killed left in its intake, where a command opens the ledger file itself."""

import click

from spanledger_collector.cli.notes import plural
from spanledger_collector.errors import LedgerUnreadable
from spanledger_collector.journal.leftover import Leftover
from spanledger_collector.journal.loading import load_leftover
from spanledger_collector.ledger.store import Ledger

__all__ = ["take_in"]


def take_in(ledger: Ledger) -> None:
    """Bring it into the journal, or say how much there is where the file is open for reading only.

    Raises LedgerUnreadable and duckdb.Error.
    """
    if not ledger.read_only:
        try:
            load_leftover(ledger)
        except OSError as error:
            raise LedgerUnreadable(ledger.path, f"its intake cannot be taken into it: {error}") from error
        return
    left = Leftover(ledger).held
    if left.requests:
        click.echo(
            f"{plural(left.requests, 'request')} with {plural(left.spans, 'span')}, acknowledged by a server that was "
            f"killed, {'is' if left.requests == 1 else 'are'} not in this answer yet: "
            f"`spanledger serve --db {ledger.path}` takes in what is left.",
            err=True,
        )
