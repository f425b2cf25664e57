"""The price data of the package genai-prices (MIT) as rows of a price book.

Taken: ids and exact names, prices with their start dates, hours, long-context tiers and request-specific variants.
Not taken: every rule that matches by prefix, part or pattern, because a name that nobody has listed has no price
here. The package itself is asked which price holds when, so that the reading is its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from spanledger_collector.pricing.book import NameRow
from spanledger_collector.pricing.entries import Row, decimal_text
from spanledger_collector.pricing.importers.report import Report

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, ModelPrice, PriceVariant

__all__ = ["Imported", "import_genai_prices"]

_PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "novita": "novita",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "voyageai": "voyageai",
    "x-ai": "x_ai",
    "zai": "zai",
}
"""Which providers are taken, and their names in the conventions. Google is two (see `_billers`). The others bill by
credits or resell under names of their own; their calls are unpriced until someone adds a price."""

_METERS: Final[Mapping[str, tuple[str, str]]] = {
    "input_tokens": ("input", "token"),
    "output_tokens": ("output", "token"),
    "cache_read_tokens": ("cache_read", "token"),
    "cache_write_tokens": ("cache_write", "token"),
    "cache_write_1h_tokens": ("cache_write_1h", "token"),
    "input_audio_tokens": ("input_audio", "token"),
    "output_audio_tokens": ("output_audio", "token"),
    "cache_audio_read_tokens": ("cache_read_audio", "token"),
    "input_image_tokens": ("input_image", "token"),
    "output_image_tokens": ("output_image", "token"),
    "cache_image_read_tokens": ("cache_read_image", "token"),
    "input_video_tokens": ("input_video", "token"),
    "output_video_tokens": ("output_video", "token"),
    "output_reasoning_tokens": ("reasoning", "token"),
    "output_citation_tokens": ("citation", "token"),
    "input_characters": ("input_character", "character"),
    "input_text_messages": ("input_message", "message"),
    "audio_seconds": ("second", "second"),
    "input_audio_seconds": ("second", "second"),
    "input_document_pages": ("page", "page"),
    "input_annotated_document_pages": ("annotated_page", "page"),
    "web_searches": ("web_search", "search"),
    "storage_searches": ("file_search", "search"),
}
"""The package's units and our meters. `requests` is not taken: it is the dearest of several fees (see the
corrections)."""

_RECORDED: Final = "2026-11-22"
"""When this version of the catalogue was taken."""
_SCOPES: Final = frozenset({"processing", "service_tier", "speed"})
_SAME_TIER: Final[Mapping[str, str]] = {"fast": "priority"}

_GROUNDED_PROMPT: Final = Decimal(35)
"""USD for 1000 prompts that used Google Search with Gemini 2.x; from Gemini 3 on the page prices searches instead."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows, names, (provider, model) of models listed without a price, and what was left out."""

    rows: list[Row]
    names: list[NameRow]
    without_price: set[tuple[str, str]]
    report: Report


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of time with one set of prices, and a moment in it by which the package can be asked. `hours` is set
    for the hours of a day in which another price holds."""

    start: date | None
    end: date | None
    moment: datetime
    hours: str = ""


def import_genai_prices() -> Imported:
    """Read the installed package's bundled data. Raises `ImportError` when the package is not installed."""
    # Through the typed snapshot: a type checker that follows the data module itself reads 30,000 lines of literals.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - only who imports prices needs the package

    source = f"genai-prices {version('genai-prices')}"
    imported = Imported([], [], set(), Report())
    for provider in get_snapshot().providers:
        if provider.id not in _PROVIDERS and provider.id != "google":
            imported.report.drop("provider not taken", f"{provider.id} ({len(provider.models)} models)")
            continue
        for model in provider.models:
            for biller in _billers(provider.id, model.id):
                _import_model(imported, biller, model, source)
    return imported


def _billers(provider_id: str, model_id: str) -> tuple[str, ...]:
    """Google sells Gemini through two services at one price, Claude and hosted open models through Vertex AI only."""
    if provider_id != "google":
        return (_PROVIDERS[provider_id],)
    if model_id.startswith("claude") or model_id.endswith("-maas"):
        return ("gcp.vertex_ai",)
    return ("gcp.gemini",) if model_id.startswith("gemma") else ("gcp.gemini", "gcp.vertex_ai")


def _import_model(imported: Imported, provider: str, model: "ModelInfo", source: str) -> None:
    report = imported.report
    rows = list(_merged(_rows(provider, model, source, report)))
    if not rows:
        report.drop("model without a price", f"{provider} {model.id}")
        imported.without_price.add((provider, model.id.lower()))
        return
    report.take("prices", len(rows))
    report.take("models")
    imported.rows.extend(rows)
    for name in _exact_names(model.match, report, f"{provider} {model.id}"):
        if name != model.id.lower():
            imported.names.append(NameRow(provider, name, model.id.lower(), "", "", source, "list"))


def _exact_names(clause: "MatchLogic", report: Report, where: str) -> Iterator[str]:
    from genai_prices.types import ClauseEquals, ClauseOr  # noqa: PLC0415 - see above

    if isinstance(clause, ClauseOr):
        for part in clause.or_:
            yield from _exact_names(part, report, where)
    elif isinstance(clause, ClauseEquals):
        name = clause.equals.lower()
        if name.endswith("-latest"):
            report.drop("undated -latest name", f"{where} = {name}")
        else:
            yield name
    else:
        report.drop("rule by prefix, part or pattern", where)


def _rows(provider: str, model: "ModelInfo", source: str, report: Report) -> Iterator[Row]:
    contexts: list[dict[str, str]] = [{}]
    for variant in model.price_variants or ():
        if not variant.when.keys() <= _SCOPES:
            report.drop("variant by a condition that calls do not carry", f"{provider} {model.id} {variant.when}")
        elif variant.when not in contexts and variant.when.get("service_tier") not in {"default", *_SAME_TIER}:
            contexts.append(variant.when)
    for span in _spans(model):
        for context in contexts:
            if context and not any(_holds(variant, context, span) for variant in model.price_variants or ()):
                continue
            prices = model.get_prices(span.moment, context)
            yield from _span_rows(_Where(provider, model.id.lower(), context, span, source), prices, report)


def _holds(variant: "PriceVariant", context: dict[str, str], span: _Span) -> bool:
    return variant.when == context and (variant.constraint is None or variant.constraint.active(span.moment))


@dataclass(frozen=True, slots=True)
class _Where:
    provider: str
    model: str
    context: dict[str, str]
    span: _Span
    source: str


def _span_rows(where: _Where, prices: "ModelPrice", report: Report) -> Iterator[Row]:
    from genai_prices.data_units import unit_data  # noqa: PLC0415 - see above
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - see above

    for unit_key, unit in unit_data.items():
        value: Decimal | TieredPrices | None = getattr(prices, unit["price_key"])
        if value is None:
            continue
        if unit_key not in _METERS:
            report.drop("meter not taken", f"{where.provider} {where.model} {unit_key}")
            continue
        if isinstance(value, TieredPrices):
            yield _row(where, unit_key, unit["per"], value.base, None)
            for tier in value.tiers:
                yield _row(where, unit_key, unit["per"], tier.price, tier.start)
        elif value == 0:
            report.drop("price of zero for one meter", f"{where.provider} {where.model} {unit_key}")
        else:
            yield _row(where, unit_key, unit["per"], value, None)


def _row(where: _Where, unit_key: str, per: int, price: Decimal, above: int | None) -> Row:
    meter, unit = _METERS[unit_key]
    if meter == "web_search" and where.provider.startswith("gcp.") and price == _GROUNDED_PROMPT:
        unit = "grounded_prompt"
    return Row(
        provider=where.provider,
        model=where.model,
        meter=meter,
        unit=unit,
        per=str(per),
        price=decimal_text(price),
        scope=";".join(f"{name}={value}" for name, value in sorted(where.context.items())),
        above="" if above is None else str(above),
        start=where.span.start.isoformat() if where.span.start else "",
        end=where.span.end.isoformat() if where.span.end else "",
        window=where.span.hours,
        source=where.source,
        confidence="imported" if where.span.start else "open_start",
        recorded=_RECORDED,
        layer="list",
    )


def _spans(model: "ModelInfo") -> Iterator[_Span]:
    """Between two dates on which any price of the model starts there is one set of prices for the day, and one for
    each span of hours with its own."""
    from genai_prices.types import ModelPrice, StartDateConstraint, TimeOfDateConstraint  # noqa: PLC0415 - see above

    conditional = [] if isinstance(model.prices, ModelPrice) else model.prices
    constraints = [price.constraint for price in (*conditional, *(model.price_variants or ()))]
    starts = sorted({c.start_date for c in constraints if isinstance(c, StartDateConstraint)})
    hours = [(c.start_time, c.end_time) for c in constraints if isinstance(c, TimeOfDateConstraint)]
    for start, end in zip([None, *starts], [*starts, None], strict=True):
        day = start or ((end or date(2026, 1, 2)) - timedelta(days=1))
        yield _Span(start, end, datetime.combine(day, _outside(hours), UTC))
        for begin, finish in hours:
            text = f"{begin:%H:%M}-{finish:%H:%M}"
            yield _Span(start, end, datetime.combine(day, begin.replace(tzinfo=None), UTC), text)


def _outside(hours: list[tuple[time, time]]) -> time:
    """A time of day in none of the spans."""
    for minute in range(0, 24 * 60, 30):
        candidate = time(minute // 60, minute % 60, tzinfo=UTC)
        inside = any((s <= candidate < e) if s < e else (candidate >= s or candidate < e) for s, e in hours)
        if not inside:
            return candidate.replace(tzinfo=None)
    raise ValueError("hours cover the whole day")


def _merged(rows: Iterator[Row]) -> Iterator[Row]:
    """Join rows that differ only in touching times; a price that never changed is one row. Zero prices and doubles
    go."""
    by_price: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = (*row[: row._fields.index("start")], row.window)
        same = by_price.setdefault(key, [])
        if same and same[-1] == row:
            continue
        if same and same[-1].end == row.start and row.start:
            same[-1] = same[-1]._replace(end=row.end)
        else:
            same.append(row)
    for same in by_price.values():
        yield from same
