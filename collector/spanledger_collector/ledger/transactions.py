"""Transactions, in a module that imports nothing of the ledger: the journal needs them too."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

import duckdb

__all__ = ["transaction"]


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
