"""Where actions run: in the server that owns the ledger, or on the file where none runs."""

from pathlib import Path
from typing import TYPE_CHECKING

from spanledger_collector.cli.source import DEFAULT_DB, Where, fetch, living_server
from spanledger_collector.errors import BadQuery, LedgerMissing, LedgerUnreadable
from spanledger_collector.ledger.queries import Arguments, Document
from spanledger_collector.sidecar import ledger_tag

if TYPE_CHECKING:
    from spanledger_collector.ledger.actions import Action

__all__ = ["act"]

_SECONDS = 3600.0
"""A reprice of a large ledger takes its time."""


def act(name: str, arguments: Arguments, where: Where, prices: Path | None = None) -> Document:
    """Run the action of that name. `prices` is the user's price file, where the ledger file is changed here.

    Raises CannotReach, LedgerError, BadPrices and QueryError.
    """
    # Only now, because they need the extra.
    from spanledger_collector.ledger.actions import ACTIONS  # noqa: PLC0415
    from spanledger_collector.ledger.queries import check_arguments  # noqa: PLC0415

    action = next(action for action in ACTIONS if action.name == name)
    check_arguments(action, arguments)
    db = where.db or DEFAULT_DB
    sidecar = None if where.url else living_server(db)
    url = where.url or (sidecar.web if sidecar else None)
    if url is None:
        return _on_file(action, arguments, db, prices)
    if prices is not None:
        raise BadQuery("A server prices by its own price file, which it reads again now: leave --prices out.")
    many = {parameter.name for parameter in action.parameters if parameter.many}
    body = {name: list(values) if name in many else values[0] for name, values in arguments.items()}
    tag = ledger_tag(db) if sidecar else None
    return fetch(url, action.path, where.access, body=body, tag=tag, seconds=_SECONDS)


def _on_file(action: "Action", arguments: Arguments, db: Path, prices: Path | None) -> Document:
    import duckdb  # noqa: PLC0415

    from spanledger_collector.cli.leftovers import take_in  # noqa: PLC0415
    from spanledger_collector.cli.price_options import book_of  # noqa: PLC0415
    from spanledger_collector.ledger.store import Ledger  # noqa: PLC0415

    if not db.exists():
        raise LedgerMissing(db)
    book = book_of(db, prices)
    with Ledger.open(db, read_only="true" in arguments.get("dry_run", ())) as ledger:
        try:
            take_in(ledger)
            return action.run(ledger, book, arguments)
        except duckdb.Error as error:
            raise LedgerUnreadable(db, f"{action.name} failed, and the ledger is as it was. {error}") from error
