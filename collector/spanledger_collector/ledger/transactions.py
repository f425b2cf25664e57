"""Transactions, in a module that imports nothing of the ledger: the journal needs them too."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

import duckdb

__all__ = ["gave_up", "is_about_content", "is_about_size", "transaction"]


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Generator[None]:
    """A transaction that is committed at the end of the block, and rolled back when the block raises."""
    cursor.begin()
    try:
        yield
        cursor.commit()
    except BaseException:
        with suppress(duckdb.Error):  # a failed statement or COMMIT may have rolled back already
            cursor.rollback()
        raise


def is_about_content(error: Exception) -> bool:
    """Whether another batch may succeed: not without disk or memory, nor in a database that is broken."""
    if isinstance(error, duckdb.Error):
        return isinstance(error, duckdb.DataError | duckdb.IntegrityError | duckdb.ProgrammingError)
    return not isinstance(error, OSError | MemoryError)


def is_about_size(error: Exception) -> bool:
    """Whether less at once may succeed: there was not the memory for all of it, now or ever. A COMMIT for which there
    is not is DuckDB's TransactionException, which names the setting that would help as its exception for this does."""
    return isinstance(error, duckdb.OutOfMemoryException | MemoryError) or (
        isinstance(error, duckdb.TransactionException) and "memory_limit" in str(error)
    )


def gave_up(error: duckdb.Error) -> bool:
    """Whether the database takes nothing any more until it is opened again. DuckDB has an exception for that, which it
    does not raise where a checkpoint of an attached database failed: that one says so to every statement."""
    return isinstance(error, duckdb.FatalException) or "has been invalidated" in str(error)
