"""The shipped list book: the genai-prices catalogue under our own sourced facts. The same inputs give the same
bytes."""

from importlib.resources import files

from spanledger_collector.pricing.book import NameRow, PriceBook, write_rows
from spanledger_collector.pricing.entries import Row
from spanledger_collector.pricing.importers.draft import Draft
from spanledger_collector.pricing.importers.genai_prices import import_genai_prices
from spanledger_collector.pricing.importers.report import Report
from spanledger_collector.pricing.importers.sources import lay_over
from spanledger_collector.pricing.shipped import NAMES_FILE, PRICES_FILE

__all__ = ["build_list_book", "canonical_files"]


def build_list_book() -> tuple[PriceBook, Report]:
    """Build the book and say what was left out. Raises `ValueError` when it would contradict itself."""
    imported = import_genai_prices()
    draft = Draft()
    for row in imported.rows:
        draft.add(row, wins=False)
    draft.names.extend(imported.names)
    draft.without_price.update(imported.without_price)
    folder = files("spanledger_collector.pricing") / "data" / "sources"
    sources = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    lay_over(draft, sources, imported.report)
    book = draft.book("list")
    problems = book.verify()
    if problems:
        raise ValueError("the book contradicts itself:\n" + "\n".join(problems))
    return book, imported.report


def canonical_files(book: PriceBook) -> dict[str, str]:
    """The text of the book's two files by their names."""
    return {
        PRICES_FILE: write_rows(book.rows(), Row._fields),
        NAMES_FILE: write_rows(book.name_rows(), NameRow._fields),
    }
