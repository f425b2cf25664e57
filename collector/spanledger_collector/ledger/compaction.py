"""Compaction: the ledger copied into a new file without its gaps, which then takes the old one's place.

DuckDB fills the gaps that deleted rows leave, but does not give them back to the disk. At every moment one of the two
files is whole and in its place: whoever is killed in between leaves the old one, and a copy that the next run removes.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from spanledger_collector.errors import LedgerUnreadable
from spanledger_collector.ledger.store import NEW_FILE, Ledger, quoted
from spanledger_collector.ledger.torn_log import log_of
from spanledger_collector.synced import sync

__all__ = ["compact"]


def compact(path: Path) -> tuple[int, int]:
    """Replace the ledger at the path by a copy without gaps: its bytes before and after.

    No server may own it. Raises LedgerError; then the ledger is as it was.
    """
    with Ledger.open(path) as ledger:  # says in words what may be wrong with it
        ledger.checkpoint()
    if log_of(path).exists():  # it would be read into the new file too
        raise LedgerUnreadable(path, f"its log {log_of(path)} cannot be emptied into it. It is as it was.")
    before = path.stat().st_size
    fresh = path.with_name(f"{path.name}.compact")
    try:
        _copy(path, fresh)
    except (duckdb.Error, OSError) as error:
        raise LedgerUnreadable(path, f"it cannot be copied: {error}. It is as it was.") from error
    finally:
        _forget(fresh)
    return before, path.stat().st_size


def _copy(path: Path, fresh: Path) -> None:
    _forget(fresh)
    with closing(duckdb.connect()) as connection:
        # Attached as long as the copy takes its place: so no server can begin to write to the old file meanwhile.
        connection.execute(f"ATTACH {quoted(path)} AS old (READ_ONLY)")
        with _attached(connection, fresh):
            connection.execute("COPY FROM DATABASE old TO fresh")
            _check_same(connection)
        _own_as(path, fresh)
        sync(fresh)
        fresh.replace(path)
        sync(path.parent)


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, fresh: Path) -> Generator[None]:
    """The new file as `fresh`; at the end it is written whole."""
    connection.execute(f"ATTACH {quoted(fresh)} AS fresh ({NEW_FILE})")
    yield
    connection.execute("DETACH fresh")


def _check_same(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises duckdb.Error unless each table of the copy has as many rows."""
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'old'"
    ).fetchall()
    for schema, table in tables:
        counts = [
            connection.execute(f'SELECT count(*) FROM {database}."{schema}"."{table}"').fetchall()  # noqa: S608 - our tables
            for database in ("old", "fresh")
        ]
        if counts[0] != counts[1]:
            raise duckdb.InvalidInputException(f"the copy of {table} has other rows")


def _own_as(path: Path, fresh: Path) -> None:
    """Whoever could open the ledger still can: an administrator may compact what a service runs on."""
    shutil.copymode(path, fresh)
    found = path.stat()
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(fresh, found.st_uid, found.st_gid)


def _forget(fresh: Path) -> None:
    for file in (fresh, log_of(fresh)):
        file.unlink(missing_ok=True)
