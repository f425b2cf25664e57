"""The price list of litellm (MIT, `model_prices_and_context_window.json`) as rows of a price book.

One key is one model of a provider. A field's name is a meter and the conditions of its price:
`..._above_272k_tokens_priority`. Numbers are read as decimals from the text, never as floats. The list has no dates:
what it says holds now, and its rows say so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, cast

from spanledger_collector.pricing.entries import Row, published_text, scope_text
from spanledger_collector.pricing.importers.report import Report

__all__ = ["import_litellm"]

_PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai-anthropic_models": "gcp.vertex_ai",
    "vertex_ai-language-models": "gcp.vertex_ai",
    "voyage": "voyageai",
    "xai": "x_ai",
}

_TOKENS, _EACH, _MILLION = "token", 1, Decimal(1_000_000)
_METERS: Final[Mapping[str, tuple[str, str]]] = {
    "input_cost_per_token": ("input", _TOKENS),
    "output_cost_per_token": ("output", _TOKENS),
    "cache_read_input_token_cost": ("cache_read", _TOKENS),
    "cache_creation_input_token_cost": ("cache_write", _TOKENS),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", _TOKENS),
    "input_cost_per_audio_token": ("input_audio", _TOKENS),
    "output_cost_per_audio_token": ("output_audio", _TOKENS),
    "input_cost_per_image_token": ("input_image", _TOKENS),
    "output_cost_per_image_token": ("output_image", _TOKENS),
    "output_cost_per_reasoning_token": ("reasoning", _TOKENS),
    "citation_cost_per_token": ("citation", _TOKENS),
    "input_cost_per_query": ("rerank_search", "search"),
    "input_cost_per_second": ("second", "second"),
    "input_cost_per_character": ("input_character", "character"),
    "ocr_cost_per_page": ("page", "page"),
    "annotation_cost_per_page": ("annotated_page", "page"),
}
"""Field without its conditions, and our meter and unit. A price is for one unit; for tokens it is written for a
million."""

_CONDITIONS: Final = re.compile(r"(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<how>batches|flex|priority))?")
_SCOPES: Final[Mapping[str | None, dict[str, str]]] = {
    None: {},
    "batches": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
_ZONES: Final = ("us", "eu")
"""`azure/us/...` and `azure/eu/...` are data zone deployments."""
_SEARCH_SIZE: Final = "search_context_size_"


def import_litellm(text: str, source: str, recorded: str) -> tuple[list[Row], Report]:
    """Read the JSON text. `source` names its version, `recorded` is the date on which it was taken.

    Raises `ValueError` when the text is not the JSON object that litellm publishes.
    """
    try:
        document = cast("dict[str, object]", dict(json.loads(text, parse_float=Decimal)))
    except (TypeError, ValueError) as error:
        raise ValueError("a litellm price list is a JSON object with one key for each model") from error
    report, rows = Report(), dict[tuple[str, ...], Row]()
    for key, fields in document.items():
        if isinstance(fields, dict):
            model_rows = list(_model(key, cast("dict[str, object]", fields), report))
            report.take("models", 1 if model_rows else 0)
            for row in model_rows:
                full = row._replace(source=source, recorded=recorded)
                rows.setdefault((full.provider, full.model, full.meter, full.scope, full.above), full)
    report.take("prices", len(rows))
    return list(rows.values()), report


def _model(key: str, fields: dict[str, object], report: Report) -> Iterator[Row]:
    provider = _PROVIDERS.get(str(fields.get("litellm_provider")))
    if provider is None:
        report.drop("provider not taken", str(fields.get("litellm_provider")))
        return
    model, scope = _model_and_zone(key.lower(), provider)
    if "/" in model and provider in {"openai", "azure.ai.openai", "aws.bedrock"}:
        report.drop("price for a size, a region or a commitment in the key", key)
        return
    for field, value in fields.items():
        if field == "search_context_cost_per_query" and isinstance(value, dict):
            for row in _searches(cast("dict[str, object]", value), scope):
                yield row._replace(provider=provider, model=model)
        elif (found := _meter(field)) and isinstance(value, int | Decimal):
            meter, unit, above, how = found
            if value == 0:
                report.drop("price of zero for one meter", f"{key} {meter}")
                continue
            row = _row(meter, unit, Decimal(value), {**scope, **how})
            yield row._replace(provider=provider, model=model, above=above)


def _model_and_zone(key: str, provider: str) -> tuple[str, dict[str, str]]:
    parts = key.split("/")
    if len(parts) == 1:
        return key, {}
    if provider == "azure.ai.openai" and parts[1] in _ZONES:
        return "/".join(parts[2:]), {"deployment_type": "datazone"}
    return "/".join(parts[1:]) if parts[0] in _PROVIDERS else key, {}


def _meter(field: str) -> tuple[str, str, str, dict[str, str]] | None:
    """Meter, unit, threshold and scope of a field; the longest known field name counts."""
    for name in sorted(_METERS, key=len, reverse=True):
        conditions = _CONDITIONS.fullmatch(field.removeprefix(name)) if field.startswith(name) else None
        if conditions:
            above = str(int(conditions["above"]) * 1000) if conditions["above"] else ""
            meter, unit = _METERS[name]
            return meter, unit, above, _SCOPES[conditions["how"]]
    return None


def _searches(prices: dict[str, object], scope: dict[str, str]) -> Iterator[Row]:
    """One price for all sizes, or one for each."""
    known = {size.removeprefix(_SEARCH_SIZE): price for size, price in prices.items() if isinstance(price, Decimal)}
    if len(set(known.values())) == 1:
        yield _row("web_search", "search", next(iter(known.values())), scope)
        return
    for size, price in known.items():
        yield _row("web_search", "search", price, {**scope, "search_context_size": size})


def _row(meter: str, unit: str, price: Decimal, scope: dict[str, str]) -> Row:
    per = _MILLION if unit == _TOKENS else Decimal(_EACH)
    return Row(
        provider="",
        model="",
        meter=meter,
        unit=unit,
        per=str(per),
        price=published_text(price * per),
        scope=scope_text(scope),
        above="",
        start="",
        end="",
        window="",
        source="",
        confidence="open_start",
        recorded="",
        layer="list",
    )
