"""The options of all commands that price by the user's own book."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.source import DEFAULT_DB

if TYPE_CHECKING:
    from spanledger_collector.pricing import PriceBook

__all__ = ["book_of", "price_file_options", "prices_option"]


def prices_option() -> click.Parameter:
    """`--prices`."""
    return click.Option(
        ["--prices"],
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="SPANLEDGER_PRICES",
        show_envvar=True,
        help="The file with your own prices.  [default: <db>.prices.toml beside the ledger, if it exists]",
    )


def price_file_options() -> list[click.Parameter]:
    """`--prices` and `--db`."""
    return [
        prices_option(),
        click.Option(
            ["--db"],
            type=click.Path(dir_okay=False, path_type=Path),
            default=DEFAULT_DB,
            show_default=True,
            envvar="SPANLEDGER_DB",
            show_envvar=True,
            help="The ledger file.",
        ),
    ]


def book_of(db: Path, prices: Path | None) -> "PriceBook":
    """The shipped prices under the user's own. Raises BadPrices."""
    from spanledger_collector.price_file import own_book  # noqa: PLC0415 - only now: ten thousand prices to read

    return own_book(db, prices)
