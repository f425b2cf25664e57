"""Price books by what a user calls them, and the import of other catalogues into the user's price file."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from spanledger_collector.errors import BadPrices
from spanledger_collector.price_file import own_book
from spanledger_collector.pricing import NameRow, PriceBook, Row, shipped_book
from spanledger_collector.pricing.importers.litellm import import_litellm
from spanledger_collector.pricing.importers.model_prices import import_model_prices
from spanledger_collector.pricing.importers.report import Report
from spanledger_collector.pricing.importers.user import form_of, tables_of, with_user_prices
from spanledger_collector.pricing.price_tables import Item, added, items_of, table_text

__all__ = ["Catalogue", "book_named", "imported", "write_prices", "written_with"]

Catalogue = Literal["user", "litellm", "model-prices", "genai-prices"]


def book_named(name: str, db: Path, prices: Path | None) -> PriceBook:
    """`shipped`; `own` (the shipped prices under the user's); `genai-prices` (the installed package); or a file: a
    catalogue in JSON, or a user's TOML, YAML or CSV over the shipped prices. Raises BadPrices."""
    if name == "shipped":
        return shipped_book()
    if name == "own":
        return own_book(db, prices)
    path = Path(name)
    form: Catalogue = "genai-prices" if name == "genai-prices" else _form_of(path)
    if form == "user":
        return own_book(db, path)
    rows, names, _ = _read(path, form)
    return PriceBook(name, rows, names)


def imported(path: Path, form: Catalogue, book: PriceBook, *, everything: bool) -> tuple[str, Report]:
    """The text of a price file with what a catalogue has, and what was taken and left out.

    Of a public catalogue only models are taken that the book has no price for, unless `everything` is wanted. Raises
    BadPrices.
    """
    if form == "user" and path.suffix.lower() == ".json":
        raise BadPrices(path, "JSON is a catalogue's form: say which with --format litellm or --format model-prices")
    if form == "user" and (written := form_of(path)) != "csv":
        text = _text(path)
        with _named(path):
            before = len(shipped_book())
            report = Report({"prices": len(with_user_prices(shipped_book(), text, written)) - before})
            if written == "yaml":
                tables = tables_of(text, written).items()
                text = "\n".join(table_text(table, item) for table, items in tables for item in items)
        return text.strip() + "\n", report
    rows, _, report = _read(path, form)
    taken = [row for row in rows if everything or form == "user" or not _knows(book, row)]
    if len(taken) < len(rows):
        for row in rows:
            if _knows(book, row):
                report.drop("the book has prices for it (--all takes these too)", f"{row.provider} {row.model}")
    report.taken = {"prices": len(taken)}
    own = taken if form == "user" else [row._replace(layer="organisation") for row in taken]
    with _named(path):
        return "\n".join(table_text("price", item) for item in items_of(own)), report


def written_with(path: Path, table: str, item: Item) -> str:
    """The text of the price file with one more table. Raises BadPrices."""
    _must_be_toml(path)
    with _named(path):
        return added(_text(path) if path.exists() else "", table, item)


def write_prices(path: Path, text: str) -> PriceBook:
    """Write a price file whole, and only if it makes a sound book, which is returned. Raises BadPrices."""
    _must_be_toml(path)
    with _named(path):
        book = with_user_prices(shipped_book(), text, "toml")
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    return book


def _must_be_toml(path: Path) -> None:
    if form_of(path) != "toml":
        raise BadPrices(path, "these commands write TOML only: edit it by hand, or name a .toml file with --prices")


@contextmanager
def _named(path: Path) -> Generator[None]:
    """Errors within become BadPrices that name the file."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadPrices(path, str(error)) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # with the mark that spreadsheets put first, or without
    except (OSError, ValueError) as error:
        raise BadPrices(path, str(error)) from error


def _form_of(path: Path) -> Catalogue:
    if path.suffix != ".json":
        return "user"
    with _named(path):
        document: object = json.loads(_text(path))
    prices = cast("dict[str, object]", document).get("prices") if isinstance(document, dict) else None
    return "model-prices" if isinstance(prices, dict) else "litellm"


def _read(path: Path, form: Catalogue) -> tuple[list[Row], list[NameRow], Report]:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    if form == "genai-prices":
        return _installed_genai_prices(path)
    text = _text(path)
    with _named(path):
        if form == "user":
            own = with_user_prices(PriceBook("none", [], []), text, "csv")
            return list(own.rows()), [], Report()
        read = import_litellm if form == "litellm" else import_model_prices
        rows, report = read(text, path.name, today)
    return rows, [], report


def _installed_genai_prices(path: Path) -> tuple[list[Row], list[NameRow], Report]:
    try:
        from spanledger_collector.pricing.importers.genai_prices import import_genai_prices  # noqa: PLC0415

        found = import_genai_prices()
    except ModuleNotFoundError as error:
        raise BadPrices(path, "the package is not installed here: pip install genai-prices") from error
    priced = {(row.provider, row.model) for row in found.rows}
    return found.rows, [name for name in found.names if (name.provider, name.model) in priced], found.report


def _knows(book: PriceBook, row: Row) -> bool:
    now = int(datetime.now(UTC).timestamp()) * 10**9
    return book.model_named(row.provider, row.model, now) is not None
