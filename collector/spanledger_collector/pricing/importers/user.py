"""A user's own prices, as TOML, YAML or CSV: organisation overrides, contracts, deployment names and what is free.

TOML and YAML have the tables of our own sources that make sense for a user:

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

CSV has columns of a price book: provider, model, meter, price and source, and of the others those that say more than
what is usual.
"""

import csv
import io
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final, Literal, cast

from spanledger_collector.pricing.book import NameRow, PriceBook
from spanledger_collector.pricing.engine import AMOUNT_LIMIT, QUANTITY_LIMIT
from spanledger_collector.pricing.entries import PriceEntry, Row, instant_ns
from spanledger_collector.pricing.importers.sources import KINDS, free_rows, name_rows, price_rows, unit_of
from spanledger_collector.pricing.plans import MONEY_PLACES
from spanledger_collector.pricing.providers import DIMENSIONS, PROVIDER_BY_NAME

__all__ = ["Form", "Item", "form_of", "tables_of", "with_user_prices"]

Form = Literal["toml", "yaml", "csv"]
Item = dict[str, Any]
"""A table of the file, by its keys, which `_check` has looked at."""

_ROWS: Final[Mapping[str, Callable[[Item, str], Iterator[Row]]]] = {"price": price_rows, "free": free_rows}
_NEEDED: Final = frozenset({"provider", "model", "meter", "price", "source"})
"""Columns without which a CSV file says no prices."""
_REQUIRED: Final = {
    "price": ("provider", "models", "source"),
    "free": ("provider", "models", "source"),
    "names": ("provider", "model", "names", "source"),
}
_TEXTS: Final = frozenset({"provider", "model", "layer", "source", "unit", "window", "recorded", "confidence"})
_LISTS: Final = frozenset({"models", "names"})
_MOMENTS: Final = frozenset({"from", "to"})
_CONDITIONS: Final = frozenset(dimension.name for dimension in DIMENSIONS)
_KEYS: Final = {
    "price": _TEXTS - {"model"} | {"models", "above", "scope", *KINDS} | _MOMENTS,
    "free": _TEXTS - {"model", "unit"} | {"models", "scope"} | _MOMENTS,
    "names": {"provider", "model", "layer", "source", "recorded", "names"} | _MOMENTS,
}
"""What each table may say: a key that is misspelled must not be a price without its condition."""


def form_of(path: PurePath) -> Form:
    """The form of a price file, by its name: TOML unless it says otherwise."""
    forms: Mapping[str, Form] = {".csv": "csv", ".yaml": "yaml", ".yml": "yaml"}
    return forms.get(path.suffix.lower(), "toml")


def with_user_prices(book: PriceBook, text: str, form: Form) -> PriceBook:
    """The book with the user's layer over it.

    Raises `ValueError` that says which table or row is wrong and what it lacks; nothing is taken from a file with a
    mistake.
    """
    rows, names = (list(_csv(text)), []) if form == "csv" else _rows(tables_of(text, form))
    for row in rows:
        _check_entry(PriceEntry.from_row(row))
    extended = book.with_layer(f"{book.name}+own", rows, names)
    problems = extended.verify({(row.provider, row.model) for row in (*rows, *names)})
    if problems:
        raise ValueError("\n".join(problems))
    return extended


def _check_entry(entry: PriceEntry) -> None:
    """Raises `ValueError` for a price that the ledger has no room for, or that is for nothing."""
    what = f"price of {entry.meter or 'no meter'} for {entry.provider or 'no provider'} {entry.model or 'no model'}"
    if not (entry.provider and entry.model and entry.meter):
        raise ValueError(f"{what}: a price needs a provider, a model and a meter")
    unknown = [name for name, _ in entry.scope if name not in _CONDITIONS]
    if unknown:
        raise ValueError(f"{what}: {unknown[0]!r} is no condition: use {', '.join(sorted(_CONDITIONS))}")
    if entry.price >= AMOUNT_LIMIT or entry.price / entry.per >= AMOUNT_LIMIT:
        raise ValueError(f"{what}: {entry.price} USD is more than the ledger has room for")
    if max(entry.per, entry.above or 0) > QUANTITY_LIMIT:
        raise ValueError(
            f"{what}: per and above are at most {QUANTITY_LIMIT:,} units, which is more than a call counts"
        )
    if 0 < entry.price < MONEY_PLACES:
        raise ValueError(f"{what}: {entry.price} USD has more than 12 decimal places: say what more units cost")


def tables_of(text: str, form: Literal["toml", "yaml"]) -> dict[str, list[Item]]:
    """The tables of a file by their names, checked, with moments as text. Raises `ValueError`."""
    document = _toml(text) if form == "toml" else _yaml(text)
    tables: dict[str, list[Item]] = {}
    for table, items in document.items():
        if table not in _REQUIRED:
            known = ", ".join(f"[[{name}]]" for name in _REQUIRED)
            raise ValueError(f"[[{table}]] is not a table of a price file: use {known}")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in cast("list[object]", items)):
            raise ValueError(f"[[{table}]] is a list of tables: in TOML, write it with two brackets")
        found = cast("list[Item]", items)
        tables[table] = [_checked(table, _where(table, number), item) for number, item in enumerate(found, 1)]
    return tables


def _rows(tables: dict[str, list[Item]]) -> tuple[list[Row], list[NameRow]]:
    rows: list[Row] = []
    names: list[NameRow] = []
    for table, items in tables.items():
        for number, item in enumerate(items, 1):
            full: Item = {"layer": "organisation", **item}
            if table == "names":
                names.extend(row._replace(model=row.model.lower()) for row in name_rows(full))
                continue
            try:
                rows.extend(row for model in item["models"] for row in _ROWS[table](full, model.lower()))
            except ValueError as error:
                raise ValueError(f"{_where(table, number)}: {error}") from error
    return rows, names


def _where(table: str, number: int) -> str:
    return f"[[{table}]] number {number}"


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error


def _yaml(text: str) -> dict[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - it comes with the extra `collector`, and few need it
    except ModuleNotFoundError as error:
        raise ValueError("YAML needs PyYAML: pip install 'spanledger[collector]'") from error

    class Exact(yaml.SafeLoader):
        """Numbers stay the text that they are: no float lies between a price and its decimal."""

    def as_written(_loader: yaml.SafeLoader, node: yaml.Node) -> str:
        return str(node.value)

    Exact.add_constructor("tag:yaml.org,2002:float", as_written)
    try:
        document: object = yaml.load(text, Exact)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ValueError("a price file in YAML has the keys price, free and names, each with a list")  # noqa: TRY004 - a wrong file
    return cast("dict[str, Any]", document)


def _checked(table: str, where: str, item: Item) -> Item:
    """The table with moments as text. Raises `ValueError` that names it."""
    lacking = [key for key in _REQUIRED[table] if key not in item]
    if lacking:
        raise ValueError(f"{where} lacks {', '.join(lacking)}")
    unknown = sorted(str(key) for key in item if key not in _KEYS[table])
    if unknown:
        raise ValueError(f"{where} has no key {', '.join(unknown)}: it may have {', '.join(sorted(_KEYS[table]))}")
    if table == "price" and not any(item.get(kind) for kind in KINDS):
        raise ValueError(f'{where} sets no price: give {" or ".join(KINDS)}, such as mtok = {{ input = "2.50" }}')
    for key, value in item.items():
        _check(f"{where}: {key}", key, value)
    moments = {key: _moment(f"{where}: {key}", item[key]) for key in ("from", "to") if key in item}
    if len(moments) == len(_MOMENTS) and instant_ns(moments["from"]) >= instant_ns(moments["to"]):
        raise ValueError(f"{where} ends at {moments['to']}, which is not after its start {moments['from']}")
    return {**item, **moments, **_words(item)}


def _words(item: Item) -> Item:
    """What is written in several ways, as a price book has it."""
    known = PROVIDER_BY_NAME.get(item["provider"].lower())
    words: Item = {"provider": known.name if known else item["provider"].lower()}
    if "recorded" in item:
        words["recorded"] = str(item["recorded"])
    if "scope" in item:
        words["scope"] = {name: text.lower() for name, text in item["scope"].items()}
    return words


def _check(where: str, key: str, value: object) -> None:
    """Raises `ValueError` for a value that cannot be one of that key."""
    if key in _TEXTS - {"recorded"} and not isinstance(value, str):
        raise ValueError(f"{where} is a text, not {value!r}")
    if key in _LISTS and not (_is_list(value) and value):
        raise ValueError(f'{where} is a list of texts such as ["a", "b"], not {value!r}')
    if key == "above" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError(f"{where} is a number of tokens, not {value!r}")
    if key in KINDS and not isinstance(value, dict):
        raise ValueError(f'{where} is a table of prices by meter such as {{ input = "2.50" }}, not {value!r}')
    if key == "scope":
        conditions = cast("dict[object, object]", value) if isinstance(value, dict) else {None: None}
        if any(name not in _CONDITIONS or not isinstance(text, str) for name, text in conditions.items()):
            raise ValueError(f"{where} gives texts to conditions of {', '.join(sorted(_CONDITIONS))}, not {value!r}")


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in cast("list[object]", value))


def _moment(where: str, value: object) -> str:
    """A date, or a time with its offset, as text or as TOML and YAML have them without quotes."""
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    try:
        instant_ns(text)
    except (ValueError, OverflowError) as error:
        wanted = "a date such as 2026-07-01 or a time such as 2026-07-01T16:00Z"
        raise ValueError(f"{where} is {wanted}, not {text!r}: {error}") from error
    return text


def _csv(text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text))
    columns = set(reader.fieldnames or ())
    if lacking := _NEEDED - columns:
        raise ValueError(f"the file lacks the columns {', '.join(sorted(lacking))}")
    if unknown := columns - set(Row._fields):
        raise ValueError(f"there is no column {', '.join(sorted(unknown))}: there may be {', '.join(Row._fields)}")
    for values in reader:
        said = {column: (values[column] or "").strip() for column in columns}
        empty = sorted(column for column in _NEEDED if not said[column])
        if empty or None in values:
            what = f"has no {', '.join(empty)}" if empty else "has more fields than there are columns"
            raise ValueError(f"line {reader.line_num} {what}")
        yield _csv_row({column: text for column, text in said.items() if text})


def _csv_row(said: dict[str, str]) -> Row:
    """The row of a line: what it does not say is the usual."""
    unit = said.get("unit") or unit_of(said["meter"])
    usual = {"unit": unit, "per": "1000000" if unit == "token" else "1", "layer": "organisation"}
    filled = {"confidence": "published", **usual, **said}
    row = Row(**{column: filled.get(column, "") for column in Row._fields})
    known = PROVIDER_BY_NAME.get(row.provider.lower())
    provider = known.name if known else row.provider.lower()
    return row._replace(provider=provider, model=row.model.lower(), scope=row.scope.lower())
