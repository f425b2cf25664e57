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
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, Final

from spanledger_collector.pricing.book import NameRow
from spanledger_collector.pricing.entries import Row, instant_ns, instant_text, scope_text
from spanledger_collector.pricing.importers.draft import Draft
from spanledger_collector.pricing.importers.report import Report
from spanledger_collector.pricing.plans import ANY_METER

__all__ = ["STEPS", "lay_over"]

_Item = dict[str, Any]
"""A table of the TOML file; its keys are checked by the step that reads it."""

_PER: Final[dict[str, int]] = {"mtok": 1_000_000, "thousand": 1000, "hour": 3600, "each": 1}
_UNITS: Final[dict[str, str]] = {
    "web_search": "search", "web_search_preview": "search", "file_search": "search", "rerank_search": "search",
    "request": "request", "second": "second", "page": "page", "annotated_page": "page", "input_character": "character",
    "code_session": "session", "image": "image",
}  # fmt: skip
"""Units of meters that do not count tokens."""

STEPS: Final = ("drop", "price", "free", "copy", "derive", "anywhere", "names")
"""The order in which the tables take effect, over all files."""


def lay_over(draft: Draft, files: list[Traversable], report: Report) -> None:
    """Apply the files to the draft. Raises `ValueError` naming a table that is not known or changed nothing."""
    tables = [(file.name, tomllib.loads(file.read_text(encoding="utf-8"))) for file in files]
    unknown = {f"{name}: [[{step}]]" for name, table in tables for step in table if step not in STEPS}
    if unknown:
        raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
    for step in STEPS:
        for name, table in tables:
            for item in table.get(step, ()):
                changed = _APPLY[step](draft, item)
                if not changed:
                    raise ValueError(f"{name}: [[{step}]] for {item.get('models', item.get('model'))} changed nothing")
                report.take(f"own {step}", changed)


def _drop(draft: Draft, item: _Item) -> int:
    unwanted = set(draft.of(item["provider"], item["models"]))
    meters = item.get("meters")
    return draft.drop(lambda row: row in unwanted and (meters is None or row.meter in meters))


def _price(draft: Draft, item: _Item) -> int:
    rows = [row for model in item["models"] for row in _price_rows(item, model)]
    for row in rows:
        draft.add(row, wins=True)
    return len(rows)


def _price_rows(item: _Item, model: str) -> Iterator[Row]:
    for kind, per in _PER.items():
        for meter, price in item.get(kind, {}).items():
            yield _blank(item, model)._replace(
                meter=meter, unit=_UNITS.get(meter, "token"), per=str(per), price=_text(Decimal(price))
            )


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
        layer="list",
    )


def _instant(item: _Item, key: str) -> str:
    return instant_text(instant_ns(item[key])) if key in item else ""


def _text(price: Decimal) -> str:
    return format(price.normalize(), "f")


def _free(draft: Draft, item: _Item) -> int:
    for model in item["models"]:
        draft.add(_blank(item, model)._replace(meter=ANY_METER, unit=""), wins=True)
    return len(item["models"])


def _copy(draft: Draft, item: _Item) -> int:
    rows = list(draft.of(item["provider"], item["models"], item.get("without")))
    scopes = item.get("scopes", [""])
    taken = [row for row in rows if row.scope in scopes]
    for row in taken:
        draft.add(
            row._replace(provider=item["to"], source=f"{item['source']}; {row.source}", recorded=row.recorded),
            wins=False,
        )
    models = {row.model for row in taken}
    copied = [name for name in draft.names if name.provider == item["provider"] and name.model in models]
    draft.names.extend(name._replace(provider=item["to"]) for name in copied)
    return len(taken)


def _derive(draft: Draft, item: _Item) -> int:
    start, end = _instant(item, "from"), _instant(item, "to")
    factor, meters = Decimal(item["factor"]), item.get("meters")
    bases = [scope_text(base) for base in item.get("bases", [{}])]
    count = 0
    for row in draft.of(item["provider"], item["models"], item.get("without")):
        if row.scope not in bases or row.meter == ANY_METER:
            continue
        scaled = meters is None or row.meter in meters
        base = dict(part.split("=") for part in row.scope.split(";")) if row.scope else {}
        derived = row._replace(
            price=_text(Decimal(row.price) * factor) if scaled else row.price,
            scope=scope_text({**base, **item["scope"]}),
            start=max(row.start, start),
            end=min(row.end or "9999", end or "9999").removeprefix("9999"),
            source=f"{item['source']}; {row.source}",
            confidence="derived",
        )
        if not derived.end or derived.start < derived.end:
            draft.add(derived, wins=False)
            count += 1
    return count


def _anywhere(draft: Draft, item: _Item) -> int:
    dimension: str = item["dimension"]
    rows = list(draft.of(item["provider"], item["models"], item.get("without")))
    special = {row.model for row in rows if dimension in row.scope}
    plain = {row for row in rows if row.model not in special}
    draft.drop(lambda row: row in plain)
    for row in plain:
        parts = [part for part in row.scope.split(";") if part]
        draft.add(row._replace(scope=";".join(sorted([*parts, f"{dimension}=*"]))), wins=False)
    return len(plain)


def _names(draft: Draft, item: _Item) -> int:
    start, end = _instant(item, "from"), _instant(item, "to")
    provider, model = item["provider"], item["model"]
    taken = {(row.name, row.start, row.end) for row in draft.names if row.provider == provider}
    if not any(True for _ in draft.of(provider, [model])):
        raise ValueError(f"names for {provider} {model}, which has no price")
    for name in item["names"]:
        if (name.lower(), start, end) not in taken:
            draft.names.append(NameRow(provider, name.lower(), model, start, end, item["source"], "list"))
    return len(item["names"])


_APPLY: Final = {
    "drop": _drop,
    "price": _price,
    "free": _free,
    "copy": _copy,
    "derive": _derive,
    "anywhere": _anywhere,
    "names": _names,
}
