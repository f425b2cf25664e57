"""Our own facts about prices and names, written in TOML with their sources, laid over an imported catalogue.

[[drop]]      rows of the import that are wrong, and why
[[price]]     dated prices; they win over imported ones in their time
[[free]]      models that cost nothing, whatever they count
[[copy]]      one provider sells another's models at the same prices
[[derive]]    prices by a published rule (batch is half); explicit prices win over them
[[anywhere]]  a condition that does not change the price of these models
[[names]]     published names of a model
"""

import tomllib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from importlib.resources.abc import Traversable
from typing import Any, Final

from spanledger.meters import METER_BY_NAME
from spanledger_collector.pricing.book import NameRow
from spanledger_collector.pricing.entries import Row, decimal_text, instant_ns, instant_text, scope_text
from spanledger_collector.pricing.importers.draft import Draft
from spanledger_collector.pricing.importers.report import Report
from spanledger_collector.pricing.plans import ANY_METER
from spanledger_collector.pricing.rules import INPUT_METERS

__all__ = ["KINDS", "STEPS", "free_rows", "is_known", "lay_over", "name_rows", "price_rows", "unit_of"]

_Item = dict[str, Any]
"""A table of the TOML file; its keys are checked by the step that reads it."""

KINDS: Final[dict[str, int]] = {"mtok": 1_000_000, "thousand": 1000, "hour": 3600, "each": 1}
"""How prices are written: for how many units."""
_UNITS: Final[dict[str, str]] = {
    "web_search_preview": "search", "x_search": "search", "file_search": "search",
    "collections_search": "search", "attachment_search": "search", "rerank_search": "search",
    "code_execution": "execution", "image": "image", "page": "page", "annotated_page": "page",
}  # fmt: skip
"""Units of the meters without an attribute of their own that do not count tokens."""
_TOKENS: Final = INPUT_METERS | {"billed_input", "billed_output"}
"""Meters without an attribute of their own that count tokens."""

STEPS: Final = (
    "drop",
    "drop_names",
    "price",
    "free",
    "free_variants",
    "names",
    "copy",
    "derive",
    "backdate",
    "anywhere",
)
"""The order in which the tables take effect, over all files."""


def lay_over(draft: Draft, files: list[Traversable], report: Report) -> None:
    """Apply the files to the draft. Raises `ValueError` naming a table that is not known or changed nothing."""
    tables = [(file.name, tomllib.loads(file.read_text(encoding="utf-8"))) for file in files]
    recorded = {name: table.pop("recorded", "") for name, table in tables}
    unknown = {f"{name}: [[{step}]]" for name, table in tables for step in table if step not in STEPS}
    if unknown:
        raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
    for step in STEPS:
        for name, table in tables:
            for item in table.get(step, ()):
                changed = _APPLY[step](draft, {"recorded": recorded[name], **item})
                if not changed:
                    raise ValueError(f"{name}: [[{step}]] for {item.get('models', item.get('model'))} changed nothing")
                report.take(f"own {step}", changed)
    _check_names(draft, [item for _, table in tables for item in table.get("names", ())])


def _check_names(draft: Draft, items: list[_Item]) -> None:
    """Every name that we have listed ourselves is of a model with a price."""
    priced = {(row.provider, row.model) for rows in draft.rows.values() for row in rows}
    lost = [f"{item['provider']} {item['model']}" for item in items if (item["provider"], item["model"]) not in priced]
    if lost:
        raise ValueError(f"names for models without a price: {', '.join(sorted(set(lost)))}")


def _drop(draft: Draft, item: _Item) -> int:
    unwanted = set(draft.of(item["provider"], item["models"]))
    meters = item.get("meters")
    return draft.drop(lambda row: row in unwanted and (meters is None or row.meter in meters))


def _drop_names(draft: Draft, item: _Item) -> int:
    before = len(draft.names)
    gone = {(item["provider"], name) for name in item["names"]}
    draft.names = [row for row in draft.names if (row.provider, row.name) not in gone]
    return before - len(draft.names)


def _price(draft: Draft, item: _Item) -> int:
    rows = [row for model in _models(draft, item) for row in price_rows(item, model)]
    for row in rows:
        draft.add(row, wins=True)
    return len(rows)


def _models(draft: Draft, item: _Item) -> list[str]:
    """Ids as they are; a pattern stands for the models of the draft that it fits."""
    patterns: list[str] = item["models"]
    named = [pattern for pattern in patterns if "*" not in pattern]
    found = {row.model for row in draft.of(item["provider"], [p for p in patterns if "*" in p])}
    return [*named, *sorted(found)]


def price_rows(item: _Item, model: str) -> Iterator[Row]:
    """The rows of a `[[price]]` table for one model."""
    for kind, per in KINDS.items():
        for meter, price in item.get(kind, {}).items():
            yield _blank(item, model)._replace(
                meter=meter,
                unit=item.get("unit") or unit_of(meter),
                per=str(per),
                price=decimal_text(_amount(price)),
            )


def is_known(meter: str) -> bool:
    """Whether the meter is one of those that providers bill by, and no word of the user's own."""
    return meter in METER_BY_NAME or meter in _UNITS or meter in _TOKENS


def unit_of(meter: str) -> str:
    """What one of a meter is: a token, a search; `unit` for a word of the user's own."""
    known = METER_BY_NAME.get(meter)
    return known.unit if known else _UNITS.get(meter, "token" if meter in _TOKENS else "unit")


def _amount(text: object) -> Decimal:
    """A price is written as text, so that no float comes near it."""
    try:
        return Decimal(str(text))
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a price") from error


def _blank(item: _Item, model: str) -> Row:
    return Row(
        provider=item["provider"],
        model=model,
        meter="",
        unit=item.get("unit", ""),
        per="1",
        price="0",
        scope=scope_text(item.get("scope", {})),
        above=str(item.get("above", "")),
        start=_instant(item, "from"),
        end=_instant(item, "to"),
        window=item.get("window", ""),
        source=item["source"],
        confidence=item.get("confidence", "published"),
        recorded=item.get("recorded", ""),
        layer=item.get("layer", "list"),
    )


def _instant(item: _Item, key: str) -> str:
    return instant_text(instant_ns(item[key])) if key in item else ""


def free_rows(item: _Item, model: str) -> Iterator[Row]:
    """The row of a `[[free]]` table for one model."""
    yield _blank(item, model)._replace(meter=ANY_METER, unit="")


def _free(draft: Draft, item: _Item) -> int:
    for model in item["models"]:
        for row in free_rows(item, model):
            draft.add(row, wins=True)
    return len(item["models"])


def _free_variants(draft: Draft, item: _Item) -> int:
    """Models that the catalogue lists without any price, and whose names say that they are free."""
    provider: str = item["provider"]
    models = sorted(model for who, model in draft.without_price if who == provider and model.endswith(item["suffix"]))
    return _free(draft, {**item, "models": models})


def _copy(draft: Draft, item: _Item) -> int:
    without: list[str] = item.get("without_meters", [])
    rows = [row for row in draft.of(item["provider"], item["models"]) if not row.scope and row.meter not in without]
    for row in rows:
        draft.add(row._replace(provider=item["to"], source=f"{item['source']}; {row.source}"), wins=False)
    models = {row.model for row in rows}
    copied = [name for name in draft.names if name.provider == item["provider"] and name.model in models]
    draft.names.extend(name._replace(provider=item["to"]) for name in copied)
    return len(rows)


def _backdate(draft: Draft, item: _Item) -> int:
    """The prices of a scope were the same before the catalogue first saw them."""
    scope, start = scope_text(item["scope"]), _instant(item, "from")
    rows = [row for row in draft.of(item["provider"], item["models"]) if row.scope == scope]
    for first in _first_of_each(rows):
        draft.add(
            first._replace(start=start, end=first.start, source=item["source"], confidence="published"), wins=False
        )
    return len(rows)


def _first_of_each(rows: list[Row]) -> Iterator[Row]:
    first: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=lambda row: row.start):
        first.setdefault((row.model, row.meter, row.above), row)
    yield from first.values()


def _derive(draft: Draft, item: _Item) -> int:
    """Prices by a factor. Without `meters` every meter that counts tokens is scaled; the others keep their price."""
    rows = list(draft.of(item["provider"], item["models"], item.get("without")))
    if "where_scope" in item:
        scope = scope_text(item["where_scope"])
        having = {row.model for row in rows if row.scope == scope}
        rows = [row for row in rows if row.model in having]
    bases = [scope_text(base) for base in item.get("bases", [{}])]
    derived = [_derived(row, item) for row in rows if row.scope in bases and row.meter != ANY_METER]
    held = [row for row in derived if not row.end or row.start < row.end]
    for row in held:
        draft.add(row, wins=False)
    return len(held)


def _derived(row: Row, item: _Item) -> Row:
    meters = item.get("meters")
    scaled = row.unit == "token" if meters is None else row.meter in meters
    base = dict(part.split("=") for part in row.scope.split(";")) if row.scope else {}
    ends = [end for end in (row.end, _instant(item, "to")) if end]
    return row._replace(
        price=decimal_text(Decimal(row.price) * Decimal(item["factor"])) if scaled else row.price,
        scope=scope_text({**base, **item["scope"]}),
        start=max(row.start, _instant(item, "from")),
        end=min(ends, default=""),
        source=f"{item['source']}; {row.source}",
        confidence="derived",
    )


def _anywhere(draft: Draft, item: _Item) -> int:
    dimension: str = item["dimension"]
    rows = list(draft.of(item["provider"], item["models"], item.get("without")))
    special = {row.model for row in rows if dimension in row.scope}
    plain = {row for row in rows if row.model not in special}
    draft.drop(lambda row: row in plain)
    for row in plain:
        parts = [part for part in row.scope.split(";") if part]
        scope = ";".join(sorted([*parts, f"{dimension}=*"]))
        draft.add(row._replace(scope=scope, source=f"{row.source}; any {dimension}: {item['source']}"), wins=False)
    return len(plain)


def name_rows(item: _Item) -> Iterator[NameRow]:
    """The rows of a `[[names]]` table."""
    start, end = _instant(item, "from"), _instant(item, "to")
    layer = item.get("layer", "list")
    for name in item["names"]:
        yield NameRow(item["provider"], name.lower(), item["model"], start, end, item["source"], layer)


def _names(draft: Draft, item: _Item) -> int:
    taken = {(row.name, row.start, row.end) for row in draft.names if row.provider == item["provider"]}
    draft.names.extend(row for row in name_rows(item) if (row.name, row.start, row.end) not in taken)
    return len(item["names"])


_APPLY: Final = {
    "drop": _drop,
    "drop_names": _drop_names,
    "price": _price,
    "free": _free,
    "free_variants": _free_variants,
    "copy": _copy,
    "derive": _derive,
    "backdate": _backdate,
    "anywhere": _anywhere,
    "names": _names,
}
