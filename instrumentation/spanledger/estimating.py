"""What a call will cost, before it is made.

    estimate = spanledger.estimate_cost("openai", "gpt-5-mini", text=prompt, max_output_tokens=500)
    estimate.low_usd, estimate.expected_usd, estimate.high_usd, estimate.assumptions

The prices and the rules are the collector's, which prices the call itself by them. They are imported when an estimate
is asked for and not before (docs/decisions/0008-estimates-in-the-app.md): nothing else here knows the collector.
Nothing is sent anywhere, and no tokenizer is needed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["CostEstimate", "estimate_cost"]


@dataclass(frozen=True)
class CostEstimate:
    """USD, or None where that bound cannot be told; then `reasons` says why, or `assumptions` (no limit of output).

    `assumptions` are sentences for people; `price_book` is the hash of the prices.
    """

    low_usd: Decimal | None
    expected_usd: Decimal | None
    high_usd: Decimal | None
    assumptions: tuple[str, ...]
    reasons: tuple[str, ...]
    price_book: str


def estimate_cost(
    provider: str,
    model: str,
    *,
    input_tokens: int | None = None,
    text: str | None = None,
    messages: Sequence[str | dict[str, Any]] | None = None,
    output_tokens: int | None = None,
    max_output_tokens: int | None = None,
    at: datetime | str | None = None,
    prices: str | os.PathLike[str] | None = None,
    **conditions: str,
) -> CostEstimate:
    """Estimate one call.

    The input is one of `input_tokens`, `text` and `messages` (texts, or objects with `content`); the tokens of a text
    are bounded by its characters. Without `max_output_tokens` there is no upper bound; without `output_tokens` half of
    the maximum is expected. `at` is the moment of the call, now if not given: a date, or a time with its offset.
    `prices` is your own price file, that of `SPANLEDGER_PRICES` if not given. `conditions` are what else a price may
    depend on: service_tier, processing, speed, region, inference_geo, deployment_type, search_context_size.

    Raises ValueError for arguments that cannot be, and for a price file that cannot be used.
    """
    given = {
        "provider": provider,
        "model": model,
        "input_tokens": input_tokens,
        "text": text,
        "messages": None if messages is None else _json(messages),
        "output_tokens": output_tokens,
        "max_output_tokens": max_output_tokens,
        "at": at if at is None or isinstance(at, str) else at.isoformat(),
        **conditions,
    }
    own = prices or os.environ.get("SPANLEDGER_PRICES") or None
    found = _document({name: str(value) for name, value in given.items() if value is not None}, own)
    low, expected, high = (None if (usd := found[f"{name}_usd"]) is None else Decimal(usd) for name in _BOUNDS)
    return CostEstimate(low, expected, high, tuple(found["assumptions"]), tuple(found["reasons"]), found["price_book"])


_BOUNDS = ("low", "expected", "high")


def _json(messages: Sequence[str | dict[str, Any]]) -> str:
    try:
        return json.dumps(list(messages))
    except TypeError as error:
        raise ValueError(f"messages must be texts or objects of JSON: {error}") from error


def _document(given: dict[str, str], prices: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The collector's answer. The one place where the app side imports the collector."""
    try:
        from spanledger_collector.errors import BadPrices, BadQuery  # noqa: PLC0415
        from spanledger_collector.ledger.queries.estimate import ESTIMATE, estimate_document  # noqa: PLC0415
        from spanledger_collector.ledger.queries.question import check_arguments  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"Estimates need the module {error.name}, which is not installed here: pip install 'spanledger[collector]'"
        ) from error
    arguments = {name: (value,) for name, value in given.items()}
    try:
        check_arguments(ESTIMATE, arguments)
        return estimate_document(_book(None if prices is None else Path(prices)), arguments)
    except (BadQuery, BadPrices) as error:
        raise ValueError(str(error)) from error


def _book(own: Path | None) -> Any:  # noqa: ANN401 - a PriceBook of the collector
    if own is None:
        return _book_of(None, 0, 0)
    try:
        stat = own.stat()
    except OSError:
        return _book_of(own, 0, 0)  # says why it cannot be read
    return _book_of(own, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _book_of(own: Path | None, _changed_ns: int, _size: int) -> Any:  # noqa: ANN401 - as above
    """The shipped prices under those of a file as it was when it had that time and size."""
    from spanledger_collector.price_file import own_book  # noqa: PLC0415
    from spanledger_collector.pricing import shipped_book  # noqa: PLC0415

    return shipped_book() if own is None else own_book(own, own)
