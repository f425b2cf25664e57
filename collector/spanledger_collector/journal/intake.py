"""The intake: an append-only log beside the ledger, in which requests are made durable before they are acknowledged and
until the database has them (docs/decisions/0012-intake.md).

It is a folder of segments, files of frames (`frames`). A segment begins with a frame that names the log it belongs to,
and is removed when all of it is loaded.
"""

import logging
import os
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from spanledger_collector.journal.frames import Frame, Held, frame_of
from spanledger_collector.synced import sync

__all__ = ["Head", "Intake", "head_of", "intake_of", "segments_in", "write_aside"]

_logger = logging.getLogger(__name__)
_SEGMENT_BYTES: Final = 32 * 1024 * 1024
"""A segment that is longer is followed by another: so what is loaded leaves the disk soon."""
_FORMAT: Final = 3
"""Of the frames that are written. Format 2 had integers one by one, and what spans tell not in columns
(`journal.entries`); format 1 had times of arrival among the columns too, and whole observations as readings
(`journal.reading`). All of them are read."""
_SUFFIX: Final = ".frames"
_sync_data = getattr(os, "fdatasync", os.fsync)  # not every system has it


def intake_of(db: Path) -> Path:
    """The folder of a ledger's intake."""
    return db.with_name(f"{db.name}.intake")


def segments_in(folder: Path) -> list[Path]:
    """The segments in the folder, the oldest first. Raises OSError."""
    return sorted(file for file in folder.glob(f"*{_SUFFIX}") if file.stem.isdecimal())


class Head(msgspec.Struct, frozen=True):
    """What the first frame of a segment says: which log it belongs to, in which format."""

    log: int
    format: int = _FORMAT

    @property
    def is_known(self) -> bool:
        """Whether this version can read what follows."""
        return 1 <= self.format <= _FORMAT


def head_of(frame: Frame) -> Head | None:
    """What the frame says as the first one of a segment; None if it is not."""
    if frame.held.requests:
        return None
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(frame.payload, type=Head)
    return None


def write_aside(folder: Path, held: Held, payload: bytes) -> Path:
    """Keep a frame that cannot be loaded in a file of its own, which is a segment but for its name. Raises OSError."""
    log = _new_log()
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{log}.refused"
    path.write_bytes(_head(log) + frame_of(1, held, payload))
    path.chmod(0o600)
    sync(path)
    sync(folder)
    return path


def _new_log() -> int:
    """A name that no other log has, a positive BIGINT of SQL."""
    return 1 + secrets.randbits(62)


def _head(log: int) -> bytes:
    return frame_of(0, Held(), msgspec.json.encode(Head(log)))


@dataclass(slots=True)
class _Segment:
    """A file that is being written, its good length, and the number of its last frame."""

    path: Path
    descriptor: int
    length: int = 0
    last: int = 0

    def write(self, content: bytes) -> None:
        """Write and sync. Raises OSError; then the segment must not be written any more: what a failed sync leaves
        unwritten, the kernel may have dropped."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]
        _sync_data(self.descriptor)
        self.length += len(content)

    def cut(self) -> None:
        """Undo what a failed write left, as far as the disk lets us: it was not acknowledged, and may stay."""
        with suppress(OSError):
            os.ftruncate(self.descriptor, self.length)

    def close(self) -> None:
        os.close(self.descriptor)


class Intake:
    """The end of the log that is written. `append` belongs to one thread, `forget` to another."""

    def __init__(self, folder: Path) -> None:
        """Writes nothing yet; segments that are there stay as they are."""
        self.log = _new_log()
        self._folder = folder
        self._number = 0
        self._segment: _Segment | None = None
        self._finished: deque[tuple[int, Path]] = deque()

    def append(self, held: Held, payload: bytes) -> tuple[int, Held]:
        """Make a frame durable: its number, and what it holds with its bytes. Raises OSError: it is not."""
        self._number += 1
        frame = frame_of(self._number, held, payload)
        if self._segment is not None and self._segment.length >= _SEGMENT_BYTES:
            self._finish()
        if self._segment is None:
            self._segment = self._begin(frame)
        else:
            try:
                self._segment.write(frame)
            except OSError:
                self._segment.cut()
                self._finish()
                raise
        self._segment.last = self._number
        return self._number, held + Held(bytes=len(frame))

    def forget(self, number: int) -> None:
        """All frames up to that number are loaded: remove segments that hold no other ones."""
        while self._finished and self._finished[0][0] <= number:
            _remove(self._finished.popleft()[1])

    def close(self, loaded: int) -> None:
        """End, and remove what is loaded, as `forget` does; no other thread may use this any more."""
        if self._segment is not None:
            self._finish()
        self.forget(loaded)
        with suppress(OSError):  # there is more in it, or nothing was ever written
            self._folder.rmdir()

    def _begin(self, frame: bytes) -> _Segment:
        """A new segment with this frame. Raises OSError: then there is none."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{self._next_serial():08}{_SUFFIX}"
        segment = _Segment(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))
        try:
            segment.write(_head(self.log) + frame)
            sync(self._folder)
            sync(self._folder.parent)
        except OSError:
            segment.cut()
            segment.close()
            with suppress(OSError):
                path.unlink()
            raise
        return segment

    def _next_serial(self) -> int:
        there = segments_in(self._folder)
        return 1 + (int(there[-1].stem) if there else 0)

    def _finish(self) -> None:
        """Let go of the segment."""
        assert self._segment is not None  # noqa: S101 - its callers made sure
        self._segment.close()
        self._finished.append((self._segment.last, self._segment.path))
        self._segment = None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        _logger.warning("What is loaded of the intake could not be removed; the next start does: %s", error)
