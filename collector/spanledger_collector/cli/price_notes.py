"""What a price that was set just now means for others, in words: what it ends, and names that nobody knows."""

from collections.abc import Iterator

from spanledger_collector.pricing import PriceBook, Row
from spanledger_collector.pricing.importers.sources import is_known
from spanledger_collector.pricing.providers import PROVIDER_BY_NAME

__all__ = ["unknown_words", "what_ended"]


def what_ended(before: PriceBook, after: PriceBook, provider: str, model: str) -> Iterator[str]:
    """A line for each price of the model that the second book has no more, or not as long as the first."""
    old, new = (
        {row for row in book.rows() if (row.provider, row.model) == (provider, model)} for book in (before, after)
    )
    shorter = {row._replace(end="", recorded=""): row.end for row in new - old}
    for row in sorted(old - new):
        end = shorter.get(row._replace(end="", recorded=""))
        yield f"{_said(row)} " + (f"ends on {end} now." if end else "is no longer in the file.")


def _said(row: Row) -> str:
    start = f" from {row.start}" if row.start else ""
    return f"The price of {row.meter} that was set before, {row.price} USD per {int(row.per):,}{start},"


def unknown_words(book: PriceBook, provider: str, meter: str | None) -> Iterator[str]:
    """A line for the provider and for the meter if no price so far is for them: a misspelled one prices nothing."""
    if provider not in PROVIDER_BY_NAME and not book.has_provider(provider):
        yield f"No price so far is for a provider {provider!r}: this one is for calls whose provider is called just so."
    if meter is not None and not is_known(meter):
        yield f"The meter {meter!r} is your own: this prices what is recorded by that name, for each unit."
