"""How far the journal has taken in the intake, as the ledger notes it: in the transaction that stores the spans."""

from typing import NamedTuple

import duckdb

from spanledger_collector.ledger.sql import query

__all__ = ["Position", "note_position", "position_in"]


class Position(NamedTuple):
    """All frames of the log of this number are in the journal, up to that frame; of other logs, nothing is known."""

    log: int
    frame: int

    def covers(self, log: int, frame: int) -> bool:
        """Whether a frame is in the journal for certain. One that is not may be there too: loading it again changes
        nothing."""
        return log == self.log and frame <= self.frame


def position_in(cursor: duckdb.DuckDBPyConnection) -> Position:
    """What the ledger notes."""
    ((log, frame),) = cursor.execute(query("journal.position")).fetchall()
    return Position(int(log), int(frame))


def note_position(cursor: duckdb.DuckDBPyConnection, position: Position) -> None:
    """Note it, within the cursor's transaction."""
    noted = {"log": str(position.log), "frame": str(position.frame)}
    ((count,),) = cursor.execute(query("journal.note_position"), noted).fetchall()
    if not count:
        cursor.execute(query("journal.note_first_position"), noted)
