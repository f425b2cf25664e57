"""The DuckDB file that is the ledger: opened by one process, migrated, its errors told in our words."""

import logging
import re
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Self, TypeAlias

import duckdb

from spanledger_collector.errors import (
    LedgerError,
    LedgerLocked,
    LedgerMissing,
    LedgerUnreadable,
    SchemaTooNew,
    SchemaTooOld,
)
from spanledger_collector.ledger.sql import Migration, migrations
from spanledger_collector.ledger.torn_log import cut_torn_end, log_of

__all__ = ["NEW_FILE", "ROWS_PER_GROUP", "Ledger", "keep_reading_rules", "quoted"]

_logger = logging.getLogger(__name__)
_HOLDER = re.compile(r"\(PID (\d+)\)")

_Config: TypeAlias = dict[str, str | bool | int | float | list[str]]

_CONFIG: _Config = {
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,  # else a table that does not exist is looked for among our variables
    # Each checkpoint leaves a row group that is not full. With DuckDB's 100 of these tasks a later one makes two of
    # three such, whole: seconds, 100 MiB, and a file half as large again. `reclaim` does it now and then.
    "max_vacuum_tasks": 0,
}
_LOG_BYTES = 64_000_000
"""How much log leads to a checkpoint, at most. What was not checkpointed yet is in memory, 100 MB at this size, and a
start after a crash reads it again, in half a second. Twice as much takes 60 MiB more and no less CPU time
(docs/decisions/0013-row-groups.md)."""
# Whoever reaches the SQL port must not reach the file system or another database, nor undo it.
_SESSION = """
    SET GLOBAL enable_external_access = false;
    SET GLOBAL TimeZone = 'UTC';
    SET GLOBAL allowed_configs = ['max_vacuum_tasks', 'memory_limit'];
    SET GLOBAL lock_configuration = true;
"""
_VACUUM: Final = "SET GLOBAL max_vacuum_tasks = {}"
_MEMORY: Final = "SET GLOBAL memory_limit = '{}B'"
_VACUUM_TASKS: Final = 32
"""Full row groups that are made at once of each table at most: nothing else can commit meanwhile, half a second."""
_CATALOG: Final = "ledger"
_USE: Final = f"USE {_CATALOG}"
ROWS_PER_GROUP: Final = 6_144
"""What a transaction brings of a table, if it is so many rows or more, is compressed and written into the file at once.
The log only says where, and a checkpoint, which blocks commits, has nothing left to do with it. Spans and calls of a
busy server come so many at a time (docs/decisions/0013-row-groups.md)."""
NEW_FILE: Final = "BLOCK_SIZE 65536, STORAGE_VERSION 'latest'"
"""With what a file is attached that is to be made. Of DuckDB's blocks of 256 KiB such row groups would leave too much
empty. And files that DuckDB 1.5 makes know no Zstandard, else."""


class Ledger:
    """An open ledger file. Every thread takes a cursor of its own; a cursor sees what other cursors committed."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, *, read_only: bool, memory_bytes: int | None = None
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = connection
        self._memory_bytes = memory_bytes

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, memory_bytes: int | None = None) -> Self:
        """Open the file, or make it with all its tables where it does not exist (not for `read_only`). `memory_bytes`
        bounds what the database keeps in memory, which without it is most of the machine's.

        Raises LedgerMissing, LedgerLocked, LedgerUnreadable, SchemaTooNew, and SchemaTooOld (`read_only` only).
        """
        path = Path(path)
        if read_only and not path.exists():
            raise LedgerMissing(path)
        if not path.parent.is_dir():
            raise LedgerUnreadable(
                path, f"there is no directory {path.parent}. Make it, or name another file with --db."
            )
        connection = _connect(path, _config(memory_bytes), read_only=read_only)
        try:
            _bring_up_to_date(connection, path, read_only=read_only)
            connection.execute(_SESSION)
        except duckdb.Error as error:
            connection.close()
            raise _translated(error, path) from error
        except LedgerError:
            connection.close()
            raise
        return cls(path, connection, read_only=read_only, memory_bytes=memory_bytes)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same database, for one thread. Close it, and read every result to its end."""
        cursor = self._connection.cursor()
        if not self.read_only:
            cursor.execute(_USE)
        return cursor

    @contextmanager
    def room_for(self, memory_bytes: int) -> Generator[None]:
        """Within the block the database may keep so much in memory, if it may not keep more anyway: for work in large
        steps, which comes now and then. One thread at a time. It begins with a checkpoint, since what was not
        checkpointed yet takes room that nothing else can have."""
        usual = self._memory_bytes
        if usual is None:
            yield
            return
        self.checkpoint()
        if usual >= memory_bytes:
            yield
            return
        self._connection.execute(_MEMORY.format(memory_bytes))
        try:
            yield
        finally:
            try:
                self._connection.execute(_MEMORY.format(usual))
            except duckdb.OutOfMemoryException as error:  # others hold more than that just now
                _logger.warning("The database may keep %d bytes until the next such work: %s", memory_bytes, error)

    def checkpoint(self) -> None:
        """Move what was committed from the write-ahead log into the file. Blocks commits while it runs."""
        self._connection.execute("CHECKPOINT")

    def reclaim(self) -> None:
        """Checkpoint, and make full row groups of some neighbours that deleting left half empty, so that the file takes
        in new rows where deleted ones were. Dear in CPU time and memory: for now and then."""
        with closing(self.cursor()) as cursor:
            cursor.execute(_VACUUM.format(_VACUUM_TASKS))
            try:
                cursor.execute("CHECKPOINT")
            finally:
                cursor.execute(_VACUUM.format(_CONFIG["max_vacuum_tasks"]))

    def close(self) -> None:
        """Close the file; cursors taken from it must not be used any more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _config(memory_bytes: int | None) -> _Config:
    """The settings of a database that may have so much memory: what was not checkpointed yet must fit in it twice, or
    no commit succeeds any more, and without one there is no checkpoint."""
    if memory_bytes is None:
        return {**_CONFIG, "checkpoint_threshold": f"{_LOG_BYTES}B"}
    log = min(_LOG_BYTES, memory_bytes // 3)
    return {**_CONFIG, "memory_limit": f"{memory_bytes}B", "checkpoint_threshold": f"{log}B"}


def _connect(path: Path, config: _Config, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, read_only=True, config=config) if read_only else _attached(path, config)
    except duckdb.Error as error:
        if not read_only and cut_torn_end(path, str(error)):
            return _connect(
                path, config, read_only=read_only
            )  # at most once more for each damaged place, each before the other
        raise _translated(error, path) from error


def _attached(path: Path, config: _Config) -> duckdb.DuckDBPyConnection:
    """The file, opened for writing in the only way in which DuckDB takes the size of row groups: attached to a database
    in memory, which stays empty. Raises duckdb.Error."""
    options = [f"ROW_GROUP_SIZE {ROWS_PER_GROUP}"]
    if not path.exists():
        options.append(NEW_FILE)
    connection = duckdb.connect(config={**config, "temp_directory": f"{path}.tmp"})
    try:
        connection.execute(f"ATTACH {quoted(path)} AS {_CATALOG} ({', '.join(options)})")
        connection.execute(_USE)
    except duckdb.Error:
        connection.close()
        raise
    return connection


def quoted(path: Path) -> str:
    """A path as a text of SQL, where no parameter can be given."""
    return "'{}'".format(str(path).replace("'", "''"))


def _translated(error: duckdb.Error, path: Path) -> LedgerError:
    """Our error for one of DuckDB's, which tells kinds apart in its message only."""
    message = str(error)
    if "Could not set lock on file" in message:
        holder = _HOLDER.search(message)
        return LedgerLocked(path, int(holder[1]) if holder else None)
    if "Corrupt WAL file" in message:
        return LedgerUnreadable(
            path,
            f"its log {log_of(path)} is damaged where commits follow that may have been acknowledged. Restore both "
            "files from a backup; or move the log away, which loses what came since the last checkpoint.",
        )
    first_line = message.partition("\n")[0]
    return LedgerUnreadable(path, f"{first_line} (from DuckDB {duckdb.__version__}). Name another file with --db.")


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    known = migrations()[-1][0]
    found = _schema_version(connection, path)
    if found > known:
        raise SchemaTooNew(path, found, known)
    if found < known and read_only:
        raise SchemaTooOld(path, found, known)
    for migration in migrations():
        if migration[0] > found:
            _migrate(connection, migration)
    if found == 0:
        keep_reading_rules(connection)


def keep_reading_rules(connection: duckdb.DuckDBPyConnection) -> None:
    """Note that all of the ledger is read by today's rules: it is empty, or was rebuilt."""
    from spanledger_collector.dialects.digest import reading_digest  # noqa: PLC0415 - of no use to most openings

    # Not INSERT OR REPLACE: what DuckDB loads for that takes 4 MB, for as long as the process lives.
    connection.execute("DELETE FROM meta WHERE key = 'read_by'")
    connection.execute("INSERT INTO meta VALUES ('read_by', ?)", [reading_digest()])


def _schema_version(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """The version of the file's schema, 0 for an empty database. Raises LedgerUnreadable for one of another program."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    row = None
    if "meta" in tables:
        with suppress(duckdb.Error):  # another program's table `meta`: told below
            row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is None:
        raise LedgerUnreadable(
            path, "it is a DuckDB database, but no ledger of SpanLedger. Name another file with --db."
        )
    return int(row[0])


def _migrate(connection: duckdb.DuckDBPyConnection, migration: Migration) -> None:
    """Run one migration whole or not at all."""
    version, script = migration
    connection.execute("BEGIN")
    try:
        connection.execute(script)
        connection.execute("DELETE FROM meta WHERE key = 'schema_version'")
        connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", [str(version)])
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
