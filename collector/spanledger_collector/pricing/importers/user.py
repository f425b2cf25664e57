"""A user's own prices, as TOML or CSV: organisation overrides, contracts, deployment names and what is free.

TOML has the tables of our own sources that make sense for a user:

    [[price]]
    provider = "azure.ai.openai"
    models = ["gpt-4o"]
    layer = "contract"                     # or organisation, which is the default
    from = "2026-07-01"
    mtok = { input = "2.00", output = "8.00" }
    source = "contract 2026-17, annex B"

    [[names]]
    provider = "azure.ai.openai"
    model = "gpt-4o"
    names = ["chat-prod"]
    source = "our deployments"

    [[free]]
    provider = "ollama"
    models = ["*"]
    source = "our own machines"

CSV has the columns of a price book.
"""

import csv
import io
import tomllib
from collections.abc import Iterator
from typing import Any, Final, cast

from spanledger_collector.pricing.book import NameRow, PriceBook
from spanledger_collector.pricing.entries import PriceEntry, Row
from spanledger_collector.pricing.importers.sources import free_rows, name_rows, price_rows

__all__ = ["with_user_prices"]

_TABLES: Final = {"price": price_rows, "free": free_rows}
_REQUIRED: Final = {
    "price": ("provider", "models", "source"),
    "free": ("provider", "models", "source"),
    "names": ("provider", "model", "names", "source"),
}


def with_user_prices(book: PriceBook, text: str, form: str) -> PriceBook:
    """The book with the user's layer over it. `form` is `toml` or `csv`.

    Raises `ValueError` that says which table or row is wrong and what it lacks; nothing is taken from a file with a
    mistake.
    """
    rows, names = _toml(text) if form == "toml" else (list(_csv(text)), [])
    for row in rows:
        PriceEntry.from_row(row)
    extended = book.with_layer(f"{book.name}+own", rows, names)
    problems = extended.verify({(row.provider, row.model) for row in (*rows, *names)})
    if problems:
        raise ValueError("\n".join(problems))
    return extended


def _toml(text: str) -> tuple[list[Row], list[NameRow]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error
    rows: list[Row] = []
    names: list[NameRow] = []
    for table, items in document.items():
        if table not in _REQUIRED:
            known = ", ".join(f"[[{name}]]" for name in _REQUIRED)
            raise ValueError(f"[[{table}]] is not a table of a price file: use {known}")
        if not isinstance(items, list):
            raise ValueError(f"[[{table}]] is a list of tables: write it with two brackets")  # noqa: TRY004 - a wrong file
        for number, item in enumerate(cast("list[dict[str, Any]]", items), 1):
            _require(table, number, item)
            full: dict[str, Any] = {"layer": "organisation", **item}
            if table == "names":
                names.extend(row._replace(model=row.model.lower()) for row in name_rows(full))
            else:
                rows.extend(row for model in item["models"] for row in _TABLES[table](full, model.lower()))
    return rows, names


def _require(table: str, number: int, item: dict[str, Any]) -> None:
    lacking = [key for key in _REQUIRED[table] if key not in item]
    if lacking:
        raise ValueError(f"[[{table}]] number {number} lacks {', '.join(lacking)}")


def _csv(text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text))
    lacking = set(Row._fields) - set(reader.fieldnames or ())
    if lacking:
        raise ValueError(f"the file lacks the columns {', '.join(sorted(lacking))}")
    for values in reader:
        yield Row(**{column: values[column] or "" for column in Row._fields})
