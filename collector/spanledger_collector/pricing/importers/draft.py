"""A price book in the making: rows that can still be replaced, copied and derived, and names.

Two prices of one thing never hold at once: what is added either wins over what is there, in its time only, or gives
way to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from spanledger_collector.pricing.book import NameRow, PriceBook
from spanledger_collector.pricing.entries import Row

__all__ = ["Draft"]

_Key = tuple[str, ...]
_LAST = "9999"
"""Later than every instant in a book, as text: instants are compared as the ISO texts that they are."""


@dataclass(slots=True)
class Draft:
    """Rows by what they are a price of, names, and (provider, model) of what a catalogue lists without a price."""

    rows: dict[_Key, list[Row]] = field(default_factory=dict[_Key, list[Row]])
    names: list[NameRow] = field(default_factory=list[NameRow])
    without_price: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, row: Row, *, wins: bool) -> None:
        """Add a price. Where another of the same thing holds at the same time, `wins` says which one stays."""
        rows = self.rows.setdefault(_key(row), [])
        if wins:
            rows[:] = [part for old in rows for part in _outside(old, row)]
            rows.append(row)
            return
        parts = [row]
        for old in rows:
            parts = [rest for part in parts for rest in _outside(part, old)]
        rows.extend(parts)

    def drop(self, unwanted: Callable[[Row], bool]) -> int:
        """Remove rows; how many."""
        before = sum(map(len, self.rows.values()))
        for key, rows in self.rows.items():
            self.rows[key] = [row for row in rows if not unwanted(row)]
        return before - sum(map(len, self.rows.values()))

    def of(self, provider: str, patterns: list[str], without: list[str] | None = None) -> Iterator[Row]:
        """The rows of a provider's models whose ids fit one of the patterns (`gpt-4o*`) and none of `without`."""
        for rows in list(self.rows.values()):
            for row in list(rows):
                fits = row.provider == provider and _fits(row.model, patterns)
                if fits and not _fits(row.model, without or []):
                    yield row

    def book(self, name: str) -> PriceBook:
        """The finished book. Names of models without a price are left out."""
        rows = [row for same in self.rows.values() for row in same]
        priced = {(row.provider, row.model) for row in rows}
        names = {row for row in self.names if (row.provider, row.model) in priced}
        return PriceBook(name, rows, names)


def _fits(model: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def _key(row: Row) -> _Key:
    return row.provider, row.model, row.meter, row.scope, row.above, row.window, row.layer


def _outside(row: Row, taken: Row) -> Iterator[Row]:
    """What is left of `row` in time when `taken` holds in its own time."""
    start, end = row.start, row.end or _LAST
    cut_start, cut_end = taken.start, taken.end or _LAST
    if end <= cut_start or cut_end <= start:
        yield row
        return
    if start < cut_start:
        yield row._replace(end=cut_start)
    if cut_end < end:
        yield row._replace(start=cut_end)
