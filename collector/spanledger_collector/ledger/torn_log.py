"""The end of a write-ahead log that a power failure tore: cut off where no commit is lost by it, and told otherwise.

DuckDB reads a log that just ends too early, but refuses one whose last blocks hold something else, as after a power
failure in which the disk wrote some of them. Such an end was never acknowledged: that happens after the sync.
"""

import logging
import os
import re
import shutil
from pathlib import Path

__all__ = ["cut_torn_end", "log_of"]

_logger = logging.getLogger(__name__)
_DAMAGED_AT = re.compile(r"Corrupt WAL file: entry at byte position (\d+)")
_COMMIT = re.compile(rb"\x05\0{7}.{8}\x64\0\x64\xff\xff", re.DOTALL)
"""The entry that ends a commit: its size, its checksum, field 100 (the type) with the value 100 (WAL_FLUSH), and the
end (duckdb: src/include/duckdb/common/enums/wal_type.hpp)."""
_HEAD = 16
"""Size and checksum of an entry: DuckDB 1.5 names the place behind them as the damaged one, 2.0 the place before."""


def log_of(path: Path) -> Path:
    """The write-ahead log of a database file."""
    return path.with_name(f"{path.name}.wal")


def cut_torn_end(path: Path, refusal: str) -> bool:
    """Whether the log, which DuckDB refuses with these words, could be cut behind its last commit, as none ends where
    it is damaged, or later. What was there is kept beside it."""
    damaged = _DAMAGED_AT.search(refusal)
    log = log_of(path)
    if damaged is None or not log.exists():
        return False
    place, content = int(damaged[1]), log.read_bytes()
    if _COMMIT.search(content, max(0, place - _HEAD)):
        return False
    whole = max((commit.end() for commit in _COMMIT.finditer(content, 0, place)), default=0)
    if whole >= len(content):
        return False
    kept = log.with_name(f"{log.name}.torn")
    shutil.copyfile(log, kept)
    with log.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    _logger.warning(
        "The log %s was torn at byte %d of %d, within a commit that nobody was told of. It was cut to the %d bytes "
        "before that; %s is what it was.",
        log,
        place,
        len(content),
        whole,
        kept,
    )
    return True
