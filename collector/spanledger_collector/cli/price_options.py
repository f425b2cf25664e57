"""The options of all commands that price by the user's own book."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.file_options import db_option, file_option

if TYPE_CHECKING:
    from spanledger_collector.pricing import PriceBook

__all__ = ["book_of", "price_file_options", "prices_option"]


def prices_option() -> click.Parameter:
    """`--prices`."""
    text = "The file with your own prices.  [default: <db>.prices.toml beside the ledger, if it exists]"
    return file_option("--prices", "SPANLEDGER_PRICES", text)


def price_file_options() -> list[click.Parameter]:
    """`--prices` and `--db`."""
    return [prices_option(), db_option()]


def book_of(db: Path, prices: Path | None) -> "PriceBook":
    """The shipped prices under the user's own. Raises BadPrices."""
    from spanledger_collector.price_file import own_book  # noqa: PLC0415 - only now: ten thousand prices to read

    return own_book(db, prices)
