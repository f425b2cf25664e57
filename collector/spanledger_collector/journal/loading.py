"""Batches of the intake into the journal; one request that cannot be stored does not hold up the others."""

import logging
from contextlib import suppress
from pathlib import Path

from spanledger_collector.journal.entries import Entry, encode_entries, encode_entry
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.intake import write_aside
from spanledger_collector.journal.leftover import Batch, Leftover
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import is_about_content
from spanledger_collector.stats import Stats

__all__ = ["held_by", "load_batch", "load_leftover"]

_logger = logging.getLogger(__name__)


def held_by(entry: Entry) -> Held:
    """How much one request holds, but for its bytes."""
    return Held(1, entry.spans, len(entry.told.places))


def load_batch(writer: Writer, batch: Batch, folder: Path) -> int:
    """Bring a batch into the journal, and set aside in the folder what cannot be stored; how many requests that is.

    Raises duckdb.Error, OSError and MemoryError for what another batch would meet too; then some of this one may be
    stored, and all of it is to be loaded again.
    """
    try:
        writer.commit(batch.entries, batch.position)
    except Exception as error:  # whatever is wrong with a request, it was acknowledged and must not be lost
        if not is_about_content(error):
            raise
        return _load_in_parts(writer, batch, folder, error)
    return 0


def _load_in_parts(writer: Writer, batch: Batch, folder: Path, error: Exception) -> int:
    """Load both halves; the position is noted when the second one is in."""
    if len(batch.entries) > 1:
        half = len(batch.entries) // 2
        first, second = Batch(batch.entries[:half], None), Batch(batch.entries[half:], batch.position)
        return load_batch(writer, first, folder) + load_batch(writer, second, folder)
    (entry,) = batch.entries
    kept = write_aside(folder, held_by(entry), encode_entries([encode_entry(entry)]))
    _logger.error("A request that was acknowledged cannot be stored, and is kept as %s: %s", kept, error)
    writer.commit([], batch.position)
    return 1


def load_leftover(ledger: Ledger) -> Held:
    """Bring what a server left behind into the journal, where none runs; how much that was.

    Raises LedgerUnreadable, duckdb.Error and OSError; what is not loaded stays where it is.
    """
    left = Leftover(ledger)
    held = left.held
    writer = Writer(ledger, Stats())
    try:
        for batch in left.batches():
            load_batch(writer, batch, left.folder)
    finally:
        writer.close()
    with suppress(OSError):  # something is kept in it, or it never was
        left.folder.rmdir()
    return held
