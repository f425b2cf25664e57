"""The dated price data of the package model-prices (MIT, `snapshot.json`) as rows of a price book.

Each model has a timeline for each way of processing; each step of it says what its date is: documented, or when the
change was seen. A step without rates ends the offer.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from spanledger_collector.pricing.entries import Row, instant_ns, instant_text, published_text, scope_text
from spanledger_collector.pricing.importers.report import Report

__all__ = ["import_model_prices"]

_PROVIDERS: Final[Mapping[str, str]] = {
    "amazon-bedrock": "aws.bedrock",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google": "gcp.gemini",
    "minimax": "minimax",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x_ai",
    "zai": "zai",
}
_SCOPES: Final[Mapping[str, Mapping[str, dict[str, str]]]] = {
    "": {"standard": {}, "batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}},
    "anthropic": {"fast": {"speed": "fast"}},
    "openai": {"fast": {"service_tier": "priority"}},
}
"""The ways of processing, by provider; those under the empty name are everyone's."""
_METERS: Final = ("input", "output", "cache_read", "cache_write")

_Step = dict[str, Any]
_Prices = dict[str, dict[str, dict[str, list[_Step] | None]]]
"""Vendor, model, way of processing, and the steps of its prices."""


def import_model_prices(text: str, source: str, recorded: str) -> tuple[list[Row], Report]:
    """Read the snapshot's JSON text. `source` names its version, `recorded` is the date on which it was taken.

    Raises `ValueError` when the text is not such a snapshot.
    """
    try:
        prices: _Prices = dict(json.loads(text, parse_float=Decimal))["prices"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("a model-prices snapshot is a JSON object with `prices`") from error
    report, rows = Report(), list[Row]()
    for vendor, models in prices.items():
        provider = _PROVIDERS.get(vendor)
        if provider is None:
            report.drop("provider not taken", f"{vendor} ({len(models)} models)")
            continue
        scopes = {**_SCOPES[""], **_SCOPES.get(vendor, {})}
        for model, ways in models.items():
            for way, steps in ways.items():
                if way in scopes:
                    rows.extend(_rows(provider, model.lower(), scopes[way], steps or [], source))
                else:
                    report.drop("way of processing not taken", f"{vendor} {way}")
    report.take("prices", len(rows))
    return [row._replace(recorded=recorded) for row in rows], report


def _rows(provider: str, model: str, scope: dict[str, str], steps: list[_Step], source: str) -> Iterator[Row]:
    for step, following in pairwise([*steps, {}]):
        rates: dict[str, Any] = step.get("rates") or {}
        row = Row(
            provider=provider,
            model=model,
            meter="",
            unit="token",
            per="1000000",
            price="",
            scope=scope_text(scope),
            above="",
            start=_instant(step.get("start")),
            end=_instant(following.get("start")),
            window="",
            source=f"{rates.get('source', '')} by {source}",
            confidence="published" if rates.get("valid_from_basis") == "documented" else _unsure(step),
            recorded="",
            layer="list",
        )
        yield from _priced(row, rates)
        for tier in rates.get("tiers", ()):
            yield from _priced(row._replace(above=str(tier["above"])), tier)


def _unsure(step: _Step) -> str:
    return "imported" if step.get("start") else "open_start"


def _instant(text: str | None) -> str:
    return instant_text(instant_ns(text)) if text else ""


def _priced(row: Row, rates: Mapping[str, Any]) -> Iterator[Row]:
    for meter in _METERS:
        value = rates.get(meter)
        if isinstance(value, int | Decimal) and value > 0:
            yield row._replace(meter=meter, price=published_text(Decimal(value)))
