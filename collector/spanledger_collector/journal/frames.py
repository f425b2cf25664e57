"""Frames: how the intake lies on the disk. A frame is what was written and synced at once, and is there whole or not at
all: one that is not, at the end of a file, was never acknowledged.

A frame has a head of 32 bytes: a mark, the checksum (CRC-32) of all that follows, the length of the payload, the number
of the frame, and how many requests, spans and observations it holds; integers are little-endian.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

__all__ = ["Frame", "Frames", "Held", "frame_of", "frames_in"]

_MARK: Final = b"\xf5SLi"  # no UTF-8 begins so
_HEAD: Final = Struct("<4sIIQIII")
_UNCHECKED: Final = 8
"""The mark and the checksum itself."""


@dataclass(frozen=True, slots=True)
class Held:
    """How much something holds."""

    requests: int = 0
    spans: int = 0
    observations: int = 0
    bytes: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(
            self.requests + other.requests,
            self.spans + other.spans,
            self.observations + other.observations,
            self.bytes + other.bytes,
        )

    def __sub__(self, other: "Held") -> "Held":
        return self + Held(-other.requests, -other.spans, -other.observations, -other.bytes)


class Frame(NamedTuple):
    """A frame that was read: its number, what it holds, and where its payload lies in the file."""

    number: int
    held: Held
    payload: memoryview


@dataclass(frozen=True, slots=True)
class Frames:
    """What a file holds: whole frames; how many bytes between them are damaged, though frames follow that were written
    after they had been synced; and how many there are after the last one, which were never acknowledged."""

    whole: list[Frame]
    damaged_bytes: int
    torn_bytes: int


def frame_of(number: int, held: Held, payload: bytes) -> bytes:
    """The bytes of a frame. `held.bytes` is not in it: it is the frame's own size."""
    sizes = (len(payload), number, held.requests, held.spans, held.observations)
    head = _HEAD.pack(_MARK, 0, *sizes)
    checksum = crc32(payload, crc32(head[_UNCHECKED:]))
    return _HEAD.pack(_MARK, checksum, *sizes) + payload


def frames_in(content: bytes) -> Frames:
    """The frames that a file holds."""
    whole: list[Frame] = []
    place = damaged = 0
    for start, frame in _found(content):
        damaged += start - place
        whole.append(frame)
        place = start + frame.held.bytes
    return Frames(whole, damaged, len(content) - place)


def _found(content: bytes) -> Iterator[tuple[int, Frame]]:
    """The whole frames, each with its place."""
    place = 0
    while place >= 0:
        frame = _frame_at(content, place)
        if frame is None:
            place = content.find(_MARK, place + 1)
        else:
            yield place, frame
            place += frame.held.bytes


def _frame_at(content: bytes, place: int) -> Frame | None:
    """The frame that begins there, if one does and is whole."""
    start = place + _HEAD.size
    if start > len(content):
        return None
    mark, checksum, length, number, *held = _HEAD.unpack_from(content, place)
    end = start + length
    if mark != _MARK or end > len(content):
        return None
    view = memoryview(content)
    if crc32(view[place + _UNCHECKED : end]) != checksum:
        return None
    return Frame(number, Held(*held, bytes=end - place), view[start:end])
