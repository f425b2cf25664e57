"""What a check found."""

from dataclasses import dataclass
from typing import Literal

from spanledger._report import PointReport

__all__ = ["Finding", "Level"]

Level = Literal["ok", "note", "trouble"]
"""`note` is worth knowing and may be meant so; `trouble` loses spans or money."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: about what, how bad, what was seen, and what to do about it. `points`: of an SDK, what
    became of each of its functions that are to be patched."""

    about: str
    level: Level
    seen: str
    remedy: str = ""
    points: tuple[PointReport, ...] = ()
