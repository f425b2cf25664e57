"""What an earlier process left in the intake: acknowledged, and not in the journal yet."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spanledger_collector.errors import LedgerUnreadable
from spanledger_collector.journal.entries import Entry, decode_entries
from spanledger_collector.journal.frames import Frame, Held, frames_in
from spanledger_collector.journal.intake import head_of, intake_of, segments_in
from spanledger_collector.journal.position import Position, position_in
from spanledger_collector.ledger.store import Ledger

__all__ = ["Batch", "Leftover"]

_logger = logging.getLogger(__name__)
_SPANS_PER_BATCH = 16_384


class Batch(NamedTuple):
    """Entries that are brought into the journal together, and to which position of the intake that is, if known."""

    entries: list[Entry]
    position: Position | None

    @property
    def spans(self) -> int:
        """How many spans that is."""
        return sum(entry.spans for entry in self.entries)


@dataclass(frozen=True, slots=True)
class _Segment:
    """What a file of the intake holds: the log it belongs to (None where it no longer says so), the frames that are not
    in the journal for certain, and how many bytes are damaged or were never acknowledged."""

    log: int | None
    frames: list[Frame]
    damaged_bytes: int
    torn_bytes: int


class Leftover:
    """The segments that lie in the intake now. Raises LedgerUnreadable where one cannot be read, or not by this
    version."""

    def __init__(self, ledger: Ledger) -> None:
        """Reads all of them, and tells of what is damaged."""
        self.folder = intake_of(ledger.path)
        with closing(ledger.cursor()) as cursor:
            self._position = position_in(cursor)
        self._paths = self._found(ledger.path)
        self.held = Held()
        """What is not in the journal yet."""
        self.unreadable = Held()
        """What this version cannot read of it, and keeps in files of another name."""
        self.damaged_bytes = 0
        for path in self._paths:
            segment = self._read(path, ledger.path)
            self.held += sum((frame.held for frame in segment.frames), Held())
            self.damaged_bytes += segment.damaged_bytes
            _tell(path, segment)

    def batches(self) -> Iterator[Batch]:
        """All that is left, in the order in which it came. What was taken from here must be in the journal when the
        next one is asked for: segments are removed as they end. Raises LedgerUnreadable for a segment that cannot be
        read any more: it stays, and so do those after it."""
        for path in self._paths:
            segment = self._read(path)
            good = segment.damaged_bytes == 0
            batch, taken = Batch([], None), Held()
            for frame in segment.frames:
                taken += frame.held
                try:
                    batch.entries.extend(decode_entries(frame.payload))
                except ValueError as error:
                    good = False
                    self.unreadable += frame.held
                    _logger.error("%s: frame %d cannot be read by this version: %s", path, frame.number, error)  # noqa: TRY400 - the error says it all
                batch = batch._replace(position=Position(segment.log, frame.number) if segment.log else None)
                if batch.spans >= _SPANS_PER_BATCH:
                    yield batch
                    self.held -= taken
                    batch, taken = Batch([], None), Held()
            if batch.entries:
                yield batch
            self.held -= taken
            _discard(path, good=good)

    def _found(self, db: Path) -> list[Path]:
        try:
            return segments_in(self.folder)
        except OSError as error:
            raise LedgerUnreadable(db, f"its intake cannot be read: {error}") from error

    def _read(self, path: Path, db: Path | None = None) -> _Segment:
        try:
            found = frames_in(path.read_bytes())
        except OSError as error:
            raise LedgerUnreadable(db or path, f"its intake cannot be read: {error}") from error
        head = head_of(found.whole[0]) if found.whole else None
        if head is not None and not head.is_known:
            raise LedgerUnreadable(
                db or path,
                f"its intake {path} was written by another version of SpanLedger. Start and stop that one once; it "
                "brings what is there into the ledger.",
            )
        log = head.log if head else None
        frames = [frame for frame in found.whole if frame.held.requests and not self._is_in(log, frame)]
        return _Segment(log, frames, found.damaged_bytes, found.torn_bytes)

    def _is_in(self, log: int | None, frame: Frame) -> bool:
        return log is not None and self._position.covers(log, frame.number)


def _tell(path: Path, segment: _Segment) -> None:
    if segment.damaged_bytes:
        _logger.error(
            "%s is damaged: %d bytes cannot be read that held acknowledged requests. All others in it are loaded, and "
            "the file is kept where it is, with the ending .damaged.",
            path,
            segment.damaged_bytes,
        )
    if segment.torn_bytes:
        _logger.warning(
            "%s ends in %d bytes of requests that nobody was told of; they are left out.", path, segment.torn_bytes
        )


def _discard(path: Path, *, good: bool) -> None:
    """Take a segment out of the intake: what is good in it is in the journal."""
    try:
        if good:
            path.unlink()
        else:
            path.rename(path.with_name(f"{path.stem}-{secrets.token_hex(4)}.damaged"))  # numbers come again
    except OSError as error:
        _logger.warning("A segment of the intake that is loaded could not be removed: %s", error)
