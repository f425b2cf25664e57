"""One price: what a provider charges for one meter of one model, when, and under which conditions.

A row of a price book is text (`Row`), so that a book can be read by people, compared with `diff` and hashed as it is.
A `PriceEntry` is the same row with its values parsed. The entry id is a hash of everything that makes the price what
it is, but not of who told us: importing the same price from a newer source keeps the id.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Literal, NamedTuple, cast, get_args

from spanledger_collector.pricing.windows import Window

__all__ = [
    "LAYERS",
    "Confidence",
    "Layer",
    "PriceEntry",
    "Row",
    "Scope",
    "decimal_text",
    "entry_id",
    "instant_ns",
    "instant_of",
    "instant_text",
    "price_of",
    "published_text",
    "scope_of",
    "scope_text",
    "units_of",
]

Layer = Literal["contract", "organisation", "list"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
"""Who sets the price, the strongest first."""

Confidence = Literal["published", "imported", "open_start", "derived"]
"""How the price is known: read on a page or in an announcement with its date; taken from a catalogue that gives a
start; taken from a catalogue that gives none, so that it is applied to all earlier times too; computed by a published
rule."""

_PUBLISHED = Context(prec=12)
_EXACT = Context(prec=60)

Scope = tuple[tuple[str, str], ...]
"""Conditions of a call that a price is for, sorted: `(("processing", "batch"), ("region", "*"))`. `*` is any
value."""


class Row(NamedTuple):
    """A price as text, in the columns of a book. Empty `above`, `start`, `end`, `window` mean no such condition.

    `price` is USD for `per` units. `above` is a strict threshold of total input tokens. `start` and `end` are UTC
    instants (`end` excluded). `recorded` is the date on which the price was taken down.
    """

    provider: str
    model: str
    meter: str
    unit: str
    per: str
    price: str
    scope: str
    above: str
    start: str
    end: str
    window: str
    source: str
    confidence: str
    recorded: str
    layer: str


_FACTS = Row._fields.index("source")
"""So many first columns make a price what it is."""


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A parsed row. Times are nanoseconds since the epoch, UTC; `price` is USD for `per` units of the meter."""

    entry_id: str
    provider: str
    model: str
    meter: str
    unit: str
    per: int
    price: Decimal
    scope: Scope
    above: int | None
    effective_from: int | None
    effective_to: int | None
    window: Window | None
    source: str
    confidence: Confidence
    recorded: str
    layer: Layer
    currency: Literal["USD"] = "USD"

    @classmethod
    def from_row(cls, row: Row) -> "PriceEntry":
        """Parse a row. Raises `ValueError` naming the row and what is wrong with it."""
        try:
            return cls._parse(row)
        except ValueError as error:
            raise ValueError(f"price of {row.meter} for {row.provider} {row.model}: {error}") from error

    @classmethod
    def _parse(cls, row: Row) -> "PriceEntry":
        if row.layer not in LAYERS or row.confidence not in get_args(Confidence):
            raise ValueError(f"layer {row.layer!r} or confidence {row.confidence!r} is not known")
        return cls(
            entry_id=entry_id(row),
            provider=row.provider,
            model=row.model,
            meter=row.meter,
            unit=row.unit,
            per=units_of(row.per),
            price=price_of(row.price),
            scope=scope_of(row.scope),
            above=int(row.above) if row.above else None,
            effective_from=instant_of(row.start),
            effective_to=instant_of(row.end),
            window=Window.parse(row.window) if row.window else None,
            source=row.source,
            confidence=cast("Confidence", row.confidence),
            recorded=row.recorded,
            layer=row.layer,
        )

    def active(self, at_ns: int) -> bool:
        """Whether the price is in force at that moment, hours of the week aside."""
        return (self.effective_from is None or self.effective_from <= at_ns) and (
            self.effective_to is None or at_ns < self.effective_to
        )


def entry_id(row: Row) -> str:
    """16 hex digits over everything but source, confidence and recording date."""
    facts = (*row[:_FACTS], row.layer)
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:16]


def price_of(text: str) -> Decimal:
    """A price from what a book writes. Raises `ValueError` for what is none."""
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a price") from error
    if not price.is_finite() or price < 0:
        raise ValueError(f"{text!r} is not an amount of money of zero or more")
    return price


def units_of(text: str) -> int:
    """How many units a price is for. Raises `ValueError` for less than one."""
    units = int(text)
    if units <= 0:
        raise ValueError(f"a price is for at least one unit, not {text}")
    return units


def scope_of(text: str) -> Scope:
    """The conditions of a price from what a book writes: the other way round than `scope_text`."""
    pairs = [part.partition("=") for part in text.split(";")] if text else []
    return tuple(sorted((name, value) for name, _, value in pairs))


def scope_text(conditions: dict[str, str]) -> str:
    """The conditions of a price as a book writes them: `processing=batch;region=*`."""
    return ";".join(f"{name}={value}" for name, value in sorted(conditions.items()))


def decimal_text(price: Decimal) -> str:
    """A price as a book writes it: all its digits, without trailing zeros or an exponent."""
    return format(price.normalize(_EXACT), "f")


def published_text(price: Decimal) -> str:
    """The same for a price that a catalogue keeps as a float: published prices have no more than 12 significant
    digits, and what a float adds after them is noise."""
    return format(_PUBLISHED.plus(price).normalize(), "f")


def instant_of(text: str) -> int | None:
    """The `instant_ns` of a cell of a book, `None` for an empty one."""
    return instant_ns(text) if text else None


def instant_ns(text: str) -> int:
    """A date or an instant with its offset as nanoseconds since the epoch; a date is its first moment in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if len(text) > len("2026-01-01"):
            raise ValueError(f"{text!r} has no time zone: write 2026-01-01T16:00Z")
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9


def instant_text(at_ns: int | None) -> str:
    """The shortest text of an instant that `instant_ns` reads back; empty for none. Books know whole seconds."""
    if at_ns is None:
        return ""
    moment = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return moment.strftime("%Y-%m-%d" if at_ns % (86_400 * 10**9) == 0 else "%Y-%m-%dT%H:%M:%SZ")
