"""The price book that SpanLedger ships: the list prices in `data/`, read from the package's own files once in a
process."""

from functools import lru_cache
from importlib.resources import files

from spanledger_collector.pricing.book import PriceBook

__all__ = ["NAMES_FILE", "PRICES_FILE", "shipped_book"]

PRICES_FILE = "prices.csv"
NAMES_FILE = "names.csv"


@lru_cache(maxsize=1)
def shipped_book() -> PriceBook:
    """The shipped list prices. They are made by `python -m spanledger_collector.pricing.importers`, not by hand."""
    data = files("spanledger_collector.pricing") / "data"
    prices = (data / PRICES_FILE).read_text(encoding="utf-8")
    names = (data / NAMES_FILE).read_text(encoding="utf-8")
    return PriceBook.from_text("list", prices, names)
