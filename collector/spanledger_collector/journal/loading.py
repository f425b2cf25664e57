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
from spanledger_collector.ledger.transactions import is_about_content, is_about_size
from spanledger_collector.stats import Stats

__all__ = ["held_by", "load_batch", "load_leftover"]

_logger = logging.getLogger(__name__)


def held_by(entry: Entry) -> Held:
    """How much one request holds, but for its bytes."""
    return Held(1, entry.spans, len(entry.told.places))


def load_batch(writer: Writer, batch: Batch, folder: Path, stats: Stats, *, give_up: bool = False) -> None:
    """Bring a batch into the journal, and set aside in the folder, and count, what cannot be stored.

    A batch that the database refuses, or has not the memory for, is tried by halves, down to single requests. Raises
    duckdb.Error, OSError and MemoryError for what another batch would meet too, and where there is not the memory for
    one request, unless that is the first one and this is to `give_up` on it. What is done by then is taken out of the
    batch.
    """
    entries = batch.entries
    size = most = len(entries)
    while True:
        taken = entries[:size]
        try:
            writer.commit(taken, batch.position if len(taken) == len(entries) else None)
        except Exception as error:  # whatever is wrong with a request, it was acknowledged and must not be lost
            refused, too_large = is_about_content(error), is_about_size(error)
            if len(taken) > 1 and (refused or too_large):
                size = len(taken) // 2
                most = size if too_large else most
                continue
            if not taken or not (refused or (too_large and give_up)):
                raise
            _set_aside(taken[0], folder, error)
            stats.refused.inc()
        else:
            if len(taken) == len(entries):
                entries.clear()
                return
            size = min(2 * len(taken), most)
        give_up = False
        del entries[: len(taken)]


def _set_aside(entry: Entry, folder: Path, error: Exception) -> None:
    kept = write_aside(folder, held_by(entry), encode_entries([encode_entry(entry)]))
    _logger.error("A request that was acknowledged cannot be stored, and is kept as %s: %s", kept, error)


def load_leftover(ledger: Ledger) -> Held:
    """Bring what a server left behind into the journal, where none runs; how much that was.

    Raises LedgerUnreadable, duckdb.Error and OSError; what is not loaded stays where it is.
    """
    left = Leftover(ledger)
    held = left.held
    stats = Stats()
    writer = Writer(ledger, stats)
    try:
        for batch in left.batches():
            load_batch(writer, batch, left.folder, stats)
    finally:
        writer.close()
    with suppress(OSError):  # something is kept in it, or it never was
        left.folder.rmdir()
    return held
