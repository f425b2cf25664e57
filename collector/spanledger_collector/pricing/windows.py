"""Hours of the week in which a price holds, as text in a price book and as a question to a moment.

    mon-fri 01:00-04:00 06:00-10:00 except 2026-10-01 2026-10-02

Days may be left out (every day), hours too (all day). Everything is UTC. A span of hours includes its start and
excludes its end; one that ends before it starts runs over midnight and belongs to the day on which it starts.
`except` names UTC dates on which the window does not hold at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["Window"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = date(1970, 1, 1)
_NS_PER_MINUTE = 60 * 10**9
_NS_PER_DAY = 24 * 60 * _NS_PER_MINUTE
_EPOCH_WEEKDAY = _EPOCH.weekday()


@dataclass(frozen=True, slots=True)
class Window:
    """Some hours of some days, in UTC. `days` are numbers from Monday 0; `hours` are (start, end) in minutes of the
    day."""

    text: str
    days: frozenset[int]
    hours: tuple[tuple[int, int], ...]
    except_days: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read the notation of a price book. Raises `ValueError` with the word that does not belong."""
        days = frozenset(range(7))
        hours: list[tuple[int, int]] = []
        head, _, dates = text.partition(" except ")
        for word in head.split():
            if ":" in word:
                start, _, end = word.partition("-")
                hours.append((_minutes(start), _minutes(end)))
            else:
                days = _weekdays(word)
        holidays = frozenset((date.fromisoformat(word) - _EPOCH).days for word in dates.split())
        return cls(text, days, tuple(hours) or ((0, 24 * 60),), holidays)

    def holds(self, at_ns: int) -> bool:
        """Whether the moment (nanoseconds since the epoch, UTC) lies in the window."""
        day, in_day = divmod(at_ns, _NS_PER_DAY)
        minute = in_day // _NS_PER_MINUTE
        return any(self._open(day, minute, start, end) for start, end in self.hours)

    def changes(self, after_ns: int, before_ns: int) -> Iterator[int]:
        """The moments between two others at which the window may begin or cease to hold, in no order."""
        minutes = {minute for hours in self.hours for minute in hours}
        for day in range(after_ns // _NS_PER_DAY, before_ns // _NS_PER_DAY + 1):
            for minute in minutes:
                moment = day * _NS_PER_DAY + minute * _NS_PER_MINUTE
                if after_ns < moment < before_ns:
                    yield moment

    def _open(self, day: int, minute: int, start: int, end: int) -> bool:
        if start < end:
            return start <= minute < end and self._on(day)
        return (minute >= start and self._on(day)) or (minute < end and self._on(day - 1))

    def _on(self, day: int) -> bool:
        return (day + _EPOCH_WEEKDAY) % 7 in self.days and day not in self.except_days

    def excluded_dates(self) -> list[date]:
        """The dates of `except`, for people."""
        return [_EPOCH + timedelta(days=day) for day in sorted(self.except_days)]


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    value = int(hour) * 60 + int(minute)
    if not 0 <= value <= 24 * 60:
        raise ValueError(f"{text!r} is not a time of day: write 00:00 to 24:00")
    return value


def _weekdays(word: str) -> frozenset[int]:
    first, _, last = word.partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise ValueError(f"{word!r} is neither days (mon-fri) nor hours (01:00-04:00)")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return frozenset(range(start, end + 1) if start <= end else [*range(start, 7), *range(end + 1)])
