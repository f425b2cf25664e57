"""The user's price file beside the ledger, and the book that it makes of the shipped list prices."""

from pathlib import Path
from typing import Final

from spanledger_collector.errors import BadPrices
from spanledger_collector.pricing import PriceBook, shipped_book

__all__ = ["own_book", "price_file_of"]

_SUFFIX: Final = ".prices.toml"


def price_file_of(db: Path, named: Path | None = None) -> Path:
    """The file with the user's own prices for a ledger: the one that is named, or `<db>.prices.toml` beside it."""
    return named or db.with_name(f"{db.name}{_SUFFIX}")


def own_book(db: Path, named: Path | None = None) -> PriceBook:
    """The shipped book with the user's prices over it; the shipped book where there is no file beside the ledger.

    Raises BadPrices for a named file that does not exist, and for a file that cannot be read or has a mistake.
    """
    path = price_file_of(db, named)
    if named is None and not path.exists():
        return shipped_book()
    from spanledger_collector.pricing.importers.user import form_of, with_user_prices  # noqa: PLC0415 - 1 MB, else idle

    try:
        text = path.read_text(encoding="utf-8-sig")  # with the mark that spreadsheets put first, or without
        return with_user_prices(shipped_book(), text, form_of(path))
    except (OSError, ValueError) as error:
        raise BadPrices(path, str(error)) from error
