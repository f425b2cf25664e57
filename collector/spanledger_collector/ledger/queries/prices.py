"""The prices in force at a moment, each with its source."""

from collections.abc import Iterator
from datetime import datetime

from spanledger_collector.ledger.queries.moments import at_ns
from spanledger_collector.ledger.queries.question import (
    Arguments,
    Document,
    Parameter,
    Question,
    Reading,
    iso_time,
    plain_decimal,
    utc_now,
)
from spanledger_collector.pricing import PriceBook, PriceEntry
from spanledger_collector.pricing.names import listed_name

__all__ = ["PRICES", "conditions_text", "prices_document"]

LIMIT = 1000

_PARAMETERS = (
    Parameter("provider", "Only prices of this provider.", metavar="PROVIDER"),
    Parameter("model", "Only prices of this model, by any of its names.", metavar="MODEL"),
    Parameter("at", "Prices in force at this date or time; now, if not given.", metavar="TIME"),
    Parameter("limit", "At most so many rows; the answer says when it is cut.", str(LIMIT), metavar="N"),
)


def _prices(reading: Reading) -> Document:
    limit = reading.whole_number("limit", at_least=1, at_most=100_000)
    return prices_document(reading.book(), reading.arguments, reading.now, limit)


def prices_document(book: PriceBook, arguments: Arguments, now: datetime | None = None, limit: int = LIMIT) -> Document:
    """The answer to the parameters of `PRICES`, by one book. Raises BadQuery."""
    given = {name: values[0] for name, values in arguments.items() if values and values[0]}
    moment = at_ns("at", given["at"]) if "at" in given else int((now or utc_now()).timestamp()) * 10**9
    models = sorted(_models(book, given.get("provider"), given.get("model"), moment))
    rows = [_row(entry) for model in models for entry in _in_force(book.entries_of(*model), moment)]
    return {
        "price_book": book.sha256,
        "name": book.name,
        "at": iso_time(moment),
        "rows": rows[:limit],
        "limit": limit,
        "cut": len(rows) > limit,
    }


def _models(book: PriceBook, provider: str | None, model: str | None, moment: int) -> Iterator[tuple[str, str]]:
    wanted = listed_name(provider, "", book, moment)[0] if provider else None
    for known in dict.fromkeys(one for one, _ in book.models()):
        if wanted in (None, known):
            named = {listed_name(known, model, book, moment)} if model else None
            yield from (one for one in book.models() if one[0] == known and (named is None or one in named))


def _in_force(entries: tuple[PriceEntry, ...], moment: int) -> list[PriceEntry]:
    """Of prices for the same thing, the one of the strongest layer: `entries` begin with that."""
    found: dict[tuple[object, ...], PriceEntry] = {}
    for entry in entries:
        if entry.active(moment):
            window = entry.window.text if entry.window else ""
            found.setdefault((entry.meter, entry.scope, entry.above, window), entry)
    return sorted(found.values(), key=lambda entry: (entry.meter, entry.scope, entry.above or 0))


def _row(entry: PriceEntry) -> Document:
    return {
        "provider": entry.provider,
        "model": entry.model,
        "meter": entry.meter,
        "price_usd": plain_decimal(entry.price),
        "per": entry.per,
        "unit": entry.unit,
        "conditions": conditions_text(entry),
        "layer": entry.layer,
        "from_at": None if entry.effective_from is None else iso_time(entry.effective_from),
        "to_at": None if entry.effective_to is None else iso_time(entry.effective_to),
        "confidence": entry.confidence,
        "recorded": entry.recorded,
        "source": entry.source,
        "price_entry_id": entry.entry_id,
    }


def conditions_text(entry: PriceEntry) -> str:
    """The conditions of a price in one line."""
    parts = [f"{name}={value}" for name, value in entry.scope]
    parts += [f"input>{entry.above}"] if entry.above is not None else []
    return "; ".join([*parts, entry.window.text] if entry.window else parts)


PRICES = Question(
    "prices", "/v1/prices", "The prices in force at a moment, each with its source.", _prices, _PARAMETERS
)
