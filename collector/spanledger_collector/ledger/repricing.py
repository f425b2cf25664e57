"""Repricing: settled calls priced anew by today's book. What differs becomes a new revision; the old one is kept.

Most calls of a reprice keep their price, so that only what a price depends on is read of every call, and whole calls
only of those that change.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self

import duckdb

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.neighbours import INDEX
from spanledger_collector.ledger.queries.dimensions import Selection
from spanledger_collector.ledger.revisions import Changes, Revisions, transaction
from spanledger_collector.ledger.row_making import repriced
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.stored_calls import stored_calls
from spanledger_collector.model import Attribution, Call, Conditions, Pricing, Quantity
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.pricing.engine import FLAGS

__all__ = ["Delta", "Repriced", "reprice"]

CALLS_AT_A_TIME: Final = 5000
_REASON: Final = "priced anew by another price book"


@dataclass(slots=True)
class Delta:
    """What a reprice changes in a group of calls. Sums are over the calls that change and have a price, before and
    after."""

    calls: int = 0
    old_usd: Decimal = Decimal(0)
    new_usd: Decimal = Decimal(0)
    newly_priced: int = 0
    newly_unpriced: int = 0

    def add(self, old: Decimal | None, new: Decimal | None) -> None:
        """Count a call that changes."""
        self.calls += 1
        self.old_usd += old or 0
        self.new_usd += new or 0
        self.newly_priced += old is None and new is not None
        self.newly_unpriced += old is not None and new is None


@dataclass(slots=True)
class Repriced:
    """How many calls were priced anew, and what changes: in all, and by model, day (UTC) and organisation."""

    calls: int = 0
    total: Delta = field(default_factory=Delta)
    by: dict[str, dict[str | None, Delta]] = field(default_factory=lambda: {"model": {}, "day": {}, "org": {}})

    def add(self, row: "_Stored", new: Decimal | None) -> None:
        """Count a call that changes."""
        day = f"{datetime.fromtimestamp(row.started_ns // 10**9, UTC):%Y-%m-%d}"
        keys = {"model": row.response_model or row.request_model, "day": day, "org": row.org}
        for name, key in keys.items():
            self.by[name].setdefault(key, Delta()).add(row.cost, new)
        self.total.add(row.cost, new)


class _Stored(NamedTuple):
    """A row of the query `reprice.calls`."""

    call_id: str
    started_ns: int
    ended_ns: int
    provider: str
    request_model: str | None
    response_model: str | None
    usage_status: Any
    service_tier: str | None
    conditions: dict[str, str] | None
    flags: list[str]
    org: str | None
    status: str
    reasons: list[str]
    cost: Decimal | None
    low: Decimal | None
    high: Decimal | None
    meters: list[str] | None
    quantities: list[Decimal] | None
    charged: list[str] | None
    amounts: list[Decimal] | None
    entries: list[str] | None

    @property
    def own_flags(self) -> tuple[str, ...]:
        """The flags that settling gave it, without those of its price."""
        return tuple([flag for flag in self.flags if flag not in FLAGS]) if self.flags else ()

    def says(self, pricing: Pricing) -> bool:
        """Whether the call was priced so."""
        charges = pricing.charges
        return (
            self.cost == pricing.cost_usd
            and self.status == pricing.status
            and (self.charged or []) == [charge.meter for charge in charges]
            and (self.amounts or []) == [charge.amount_usd for charge in charges]
            and (self.entries or []) == [charge.price_entry_id for charge in charges]
            and self.low == pricing.cost_low_usd
            and self.high == pricing.cost_high_usd
            and self.reasons == list(pricing.reasons)
            and ((not self.flags and not pricing.flags) or self.flags == _flags(self.own_flags, pricing))
        )


class _Writer:
    """What writes a reprice, within one transaction."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, book: PriceBook, stack: ExitStack) -> None:
        self._cursor = cursor
        index = stack.enter_context(closing(Inserter(cursor, INDEX)))
        self._revisions = stack.enter_context(closing(Revisions(cursor, index, book)))
        books = stack.enter_context(closing(BookRecorder(cursor, book)))
        stack.enter_context(transaction(cursor))
        books.record()
        self._waiting: dict[str, tuple[_Stored, Pricing]] = {}

    def add(self, row: _Stored, pricing: Pricing) -> Self:
        """Write a call under a new revision, soon."""
        self._waiting[row.call_id] = (row, pricing)
        if len(self._waiting) >= CALLS_AT_A_TIME:
            self.flush()
        return self

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        started = [row.started_ns for row, _ in self._waiting.values()]
        within = {"calls": list(self._waiting), "first": min(started), "last": max(started)}
        found = self._cursor.execute(query("reprice.whole_calls"), within).fetchall()
        settled_ns = time.time_ns()
        changes = Changes()
        for call_id, before in stored_calls(self._cursor, found).items():
            row, pricing = self._waiting[call_id]
            changes.rows.append(repriced(before, pricing, _flags(row.own_flags, pricing), settled_ns))
            changes.replaced.append((before, _REASON))
        self._revisions.apply(changes, settled_ns)
        self._waiting.clear()


def reprice(ledger: Ledger, book: PriceBook, chosen: Selection, *, apply: bool) -> Repriced:
    """Price the chosen calls anew by `book`, and write what differs if `apply`, all of it in one transaction.

    Nothing else may settle this ledger meanwhile. Raises duckdb.Error, and then the ledger is as it was.
    """
    found = Repriced()
    with ExitStack() as stack:
        reading = stack.enter_context(closing(ledger.cursor()))
        writing = stack.enter_context(closing(ledger.cursor()))
        writer = _Writer(writing, book, stack) if apply else None
        for row in _stored(reading, chosen):
            found.calls += 1
            pricing = price(_call(row), book)
            if row.says(pricing):
                continue
            found.add(row, pricing.cost_usd)
            if writer is not None:
                writer.add(row, pricing)
        if writer is not None:
            writer.flush()
    return found


def _stored(cursor: duckdb.DuckDBPyConnection, chosen: Selection) -> Iterator[_Stored]:
    cursor.execute(query("reprice.calls").replace("/*conditions*/", chosen.sql), chosen.parameters)
    while rows := cursor.fetchmany(CALLS_AT_A_TIME):
        yield from map(_Stored._make, rows)


_NOBODY: Final = Attribution()
_UNCONDITIONAL: Final = Conditions()


def _call(row: _Stored) -> Call:
    """As much of the call as a price depends on."""
    if row.conditions or row.service_tier is not None:
        conditions = Conditions(service_tier=row.service_tier, **(row.conditions or {}))
    else:
        conditions = _UNCONDITIONAL
    return Call(
        row.call_id,
        b"",
        b"",
        row.started_ns,
        row.ended_ns,
        "",
        row.provider,
        "",
        row.request_model,
        row.response_model,
        None,
        None,
        row.usage_status,
        None,
        {meter: _quantity(count) for meter, count in zip(row.meters or (), row.quantities or (), strict=True)},
        conditions,
        _NOBODY,
        "",
        (),
        None,
        row.own_flags,
    )


def _quantity(count: Decimal) -> Quantity:
    whole = int(count)
    return whole if whole == count else count


def _flags(own: tuple[str, ...], pricing: Pricing) -> list[str]:
    return list(dict.fromkeys((*own, *pricing.flags)))
