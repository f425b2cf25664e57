"""The text of a user's price file: adding a table to it, and ending or replacing the one that it supersedes.

Only tables of one model and one meter (or one name) are ended or replaced, which are those that `spanledger prices set`
writes; everything else in the file stays as it was written, comments included.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from spanledger_collector.pricing.entries import Row, instant_ns
from spanledger_collector.pricing.importers.sources import KINDS

__all__ = ["Item", "added", "items_of", "table_text"]

Item = dict[str, Any]
"""A table of the file, by its keys."""

_HEADER: Final = re.compile(r"(?m)^(?=[ \t]*\[\[\w+\]\])")
_ORDER: Final = ("provider", "model", "models", "names", "layer", "from", "to", "above", "window", "unit", "scope")


def table_text(table: str, item: Mapping[str, Any]) -> str:
    """A table as TOML."""
    keys = [*(key for key in _ORDER if key in item), *(key for key in item if key not in _ORDER)]
    return "\n".join((f"[[{table}]]", *(f"{key} = {_value(item[key])}" for key in keys), ""))


def _value(value: object) -> str:
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return f"{{ {', '.join(f'{_text(key)} = {_value(one)}' for key, one in pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, cast('list[object]', value)))}]"
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    """JSON's escapes are TOML's, except that TOML wants this one control character escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def added(text: str, table: str, item: Item) -> str:
    """The file with one more table. An earlier one for the same thing ends when the new one starts, and is gone where
    the new one holds at all its times. Raises `ValueError` when the file is no TOML."""
    preface, *parts = _HEADER.split(text)
    kept = [preface, *(_beside(part, table, item) for part in parts)]
    before = "".join(kept).rstrip()
    return f"{before}\n\n{table_text(table, item)}" if before else table_text(table, item)


def _beside(part: str, table: str, new: Item) -> str:
    """What stays of a part of the file that is one table."""
    try:
        document = tomllib.loads(part)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error
    items: list[Item] = document.get(table, [])
    if len(items) != 1 or _identity(items[0]) != _identity(new):
        return part
    old = items[0]
    starts, new_starts = _moment(old, "from", first=True), _moment(new, "from", first=True)
    ends, new_ends = _moment(old, "to"), _moment(new, "to")
    if ends <= new_starts or new_ends <= starts:
        return part
    if new_starts <= starts and ends <= new_ends:
        return ""
    if starts < new_starts and ends <= new_ends:
        return f"{table_text(table, {**old, 'to': new['from']})}\n"
    return part  # the book will say that two prices hold at once


def _identity(item: Item) -> tuple[object, ...] | None:
    """What a table of one model and one meter, or of one name, is about; `None` for others."""
    meters = [meter for kind in KINDS for meter in item.get(kind, {})]
    listed: list[str] = item.get("models") or item.get("names") or []
    if len(meters) > 1 or len(listed) != 1:
        return None
    layer, scope = item.get("layer", "organisation"), sorted(item.get("scope", {}).items())
    return item.get("provider"), layer, listed, meters, scope, item.get("above"), item.get("window")


def _moment(item: Item, key: str, *, first: bool = False) -> float:
    if key in item:
        return instant_ns(str(item[key]))
    return float("-inf") if first else float("inf")


def items_of(rows: Iterable[Row]) -> Iterator[Item]:
    """Tables `[[price]]` for rows. Raises `ValueError` for a number of units that tables have no word for."""
    grouped: dict[tuple[str, ...], Item] = {}
    kinds = {str(per): kind for kind, per in KINDS.items()}
    for row in rows:
        key = (*row._replace(meter="", price="", per=""),)
        item = grouped.setdefault(key, _item_of(row))
        if row.per not in kinds:
            raise ValueError(f"price of {row.meter} for {row.provider} {row.model}: per is one of {', '.join(kinds)}")
        item.setdefault(kinds[row.per], {})[row.meter] = row.price
    yield from grouped.values()


def _item_of(row: Row) -> Item:
    said = {"from": row.start, "to": row.end, "window": row.window, "unit": row.unit, "recorded": row.recorded}
    item: Item = {"provider": row.provider, "models": [row.model], "layer": row.layer, "source": row.source}
    item |= {key: value for key, value in said.items() if value} | {"confidence": row.confidence}
    if row.above:
        item["above"] = int(row.above)
    if row.scope:
        item["scope"] = dict(part.split("=", 1) for part in row.scope.split(";"))
    return item
