"""Sorted runs of keys in files: one look at a page tells whether a key is among millions, in 3 microseconds and next to
no memory.

A run holds the keys of all spans that arrived in a stretch of time, sorted, and after them every 512th key again, by
which the page of a key is found. It never changes.
"""

import os
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from spanledger_collector.journal.key_filter import Key
from spanledger_collector.synced import sync

__all__ = ["Run", "RunRecord", "write_run"]

_PAGE: Final = 512
_BYTES: Final = 8
_AT_ONCE: Final = 8192
"""Keys that are handed on together, so that other threads get their turn; whole pages."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the ledger notes of a run: its file, when its spans arrived (after the first time, in ns, until the second),
    and how many keys it holds."""

    file: str
    after_ns: int
    until_ns: int
    keys: int


class Run:
    """The keys of a run's file."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        """Raises OSError for a file that is not there, or not what the record says."""
        self.record = record
        self._file = (folder / record.file).open("rb", buffering=0)
        try:
            self._index = self._read_index()
        except OSError:
            self._file.close()
            raise

    def _read_index(self) -> Sequence[Key]:
        pages = -(-self.record.keys // _PAGE)
        number = self._file.fileno()
        if os.fstat(number).st_size != _BYTES * (self.record.keys + pages):
            raise OSError(f"{self.record.file} is not complete")
        index = array("Q")
        index.frombytes(os.pread(number, _BYTES * pages, _BYTES * self.record.keys))
        if self.record.file != _named(self.record.file.partition(".")[0]) or len(index) != pages:
            raise OSError(f"{self.record.file} was written by another kind of machine")
        return index

    def __contains__(self, key: Key) -> bool:
        page = bisect_right(self._index, key) - 1
        if page < 0:
            return False
        size = min(_PAGE, self.record.keys - page * _PAGE)
        keys = memoryview(os.pread(self._file.fileno(), _BYTES * size, _BYTES * page * _PAGE)).cast("Q")
        place = bisect_left(keys, key)
        return place < size and keys[place] == key

    def parts(self) -> Iterator[Sequence[Key]]:
        """All keys, some thousand at a time."""
        for start in range(0, self.record.keys, _AT_ONCE):
            size = min(_AT_ONCE, self.record.keys - start)
            yield memoryview(os.pread(self._file.fileno(), _BYTES * size, _BYTES * start)).cast("Q").tolist()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def write_run(folder: Path, parts: Iterable[Sequence[Key]], after_ns: int, until_ns: int) -> RunRecord:
    """Write the keys, which come in their order, into a file of a name that no other has; it is on the disk when this
    returns. Raises OSError, and what `parts` raises; then there is no file."""
    folder.mkdir(exist_ok=True)
    path = folder / _named(uuid4().hex)
    index, count = array("Q"), 0
    try:
        with path.open("xb") as file:
            for part in parts:
                keys = array("Q", part)
                keys.tofile(file)
                index.extend(keys[-count % _PAGE :: _PAGE])
                count += len(keys)
            index.tofile(file)
        sync(path)
        sync(folder)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return RunRecord(path.name, after_ns, until_ns, count)


def _named(number: str) -> str:
    """Keys are written as the machine holds them."""
    return f"{number}.{sys.byteorder}"
