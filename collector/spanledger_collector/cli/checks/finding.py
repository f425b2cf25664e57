"""What a check found."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level"]

Level = Literal["ok", "note", "trouble"]
"""`note` is worth knowing and may be meant so; `trouble` loses spans or money."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: about what, how bad, what was seen, and what to do about it."""

    about: str
    level: Level
    seen: str
    remedy: str = ""
