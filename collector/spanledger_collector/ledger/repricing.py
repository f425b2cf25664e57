"""Repricing: settled calls priced anew by another book. What differs becomes a new revision; the old one is kept.

A call of a closed period is never changed: what it would cost more or less is reported, and booked as an adjustment
when that is asked for.
"""

import time
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import duckdb

from spanledger_collector.errors import MemoryTooSmall
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.bulk_pricing import Pages
from spanledger_collector.ledger.queries.dimensions import Selection
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import is_about_size, transaction
from spanledger_collector.pricing import PriceBook

__all__ = ["Adjusting", "Delta", "Repriced", "reprice"]

_MEMORY_BYTES: Final = 192 * 1024 * 1024
"""What the database keeps in memory for a page of calls, among a million; it can write only a part of that to the
disk, and gives up with 160 MiB."""
_REASON: Final = "priced anew by another price book"
_KEYS: Final = {3: "model", 5: "day", 6: "org"}
"""What a row of `reprice.deltas` is about, by its `keys`: a bit for each of the three that it is not about."""


@dataclass(slots=True)
class Delta:
    """What a reprice changes in a group of calls. Sums are over the calls that change and have a price: so many have
    one before and after."""

    calls: int = 0
    old_usd: Decimal = Decimal(0)
    new_usd: Decimal = Decimal(0)
    old_priced: int = 0
    new_priced: int = 0
    newly_priced: int = 0
    newly_unpriced: int = 0

    def add(self, more: "Delta") -> None:
        """Count more calls that change."""
        self.calls += more.calls
        self.old_usd += more.old_usd
        self.new_usd += more.new_usd
        self.old_priced += more.old_priced
        self.new_priced += more.new_priced
        self.newly_priced += more.newly_priced
        self.newly_unpriced += more.newly_unpriced


@dataclass(slots=True)
class Repriced:
    """How many calls were priced anew, and what changes: in all, and by model, day (UTC) and organisation. `closed` is
    what would change in closed periods and does not; `adjusted` of these calls have an adjustment now."""

    calls: int = 0
    total: Delta = field(default_factory=Delta)
    closed: Delta = field(default_factory=Delta)
    adjusted: int = 0
    by: dict[str, dict[str | None, Delta]] = field(default_factory=lambda: {"model": {}, "day": {}, "org": {}})

    def add(self, closed: bool, keys: int, model: str | None, day: str | None, org: str | None, *sums: object) -> None:
        """Count a row of `reprice.deltas`."""
        name, more = _KEYS.get(keys), Delta(*sums)  # pyright: ignore[reportArgumentType] - as the query has them
        if name is None:
            (self.closed if closed else self.total).add(more)
        elif not closed:
            key = {"model": model, "day": day, "org": org}[name]
            self.by[name].setdefault(key, Delta()).add(more)


@dataclass(frozen=True, slots=True)
class Adjusting:
    """Book what changes in closed periods as adjustments: who says so, and why."""

    by: str
    reason: str


def reprice(
    ledger: Ledger, book: PriceBook, chosen: Selection, *, apply: bool, adjusting: Adjusting | None = None
) -> Repriced:
    """Price the chosen calls anew by `book`, and write what differs if `apply`, all of it in one transaction.

    Nothing else may change calls of this ledger meanwhile. Raises MemoryTooSmall and duckdb.Error, and then the ledger
    is as it was.
    """
    try:
        return _repriced(ledger, book, chosen, adjusting, apply=apply)
    except duckdb.Error as error:
        if is_about_size(error):
            raise MemoryTooSmall(ledger.path, str(error).partition("\n")[0]) from error
        raise


def _repriced(
    ledger: Ledger, book: PriceBook, chosen: Selection, adjusting: Adjusting | None, *, apply: bool
) -> Repriced:
    found = Repriced()
    now_ns = time.time_ns()
    with ledger.room_for(_MEMORY_BYTES), closing(ledger.cursor()) as cursor:
        pages = Pages(cursor, book, chosen)
        for page in pages:
            found.calls += pages.price(page)
            for row in pages.deltas():
                found.add(*row)
            if apply:
                pages.keep(page)
        if apply:
            with transaction(cursor), closing(BookRecorder(cursor, book)) as books:
                books.record()
                pages.write(now_ns, _REASON)
                if adjusting is not None:
                    found.adjusted = pages.adjust(now_ns, adjusting.by, adjusting.reason)
    return found
