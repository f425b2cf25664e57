"""Whether the disk takes what is written beside a ledger, tried before somebody's spans need it."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from spanledger_collector.journal.intake import intake_of

__all__ = ["refusal_of_disk"]

_BYTES: Final = 256 * 1024
"""About what a request takes in the intake."""


def refusal_of_disk(db: Path) -> str | None:
    """Why nothing can be made durable where the intake of a ledger is, or would be; None if it can. Blocks for one
    sync."""
    intake = intake_of(db)
    folder = intake if intake.is_dir() else db.parent
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_BYTES))
            os.fsync(file.fileno())
    except OSError as error:
        return f"Nothing can be written to {folder}: {error}"
    return None
