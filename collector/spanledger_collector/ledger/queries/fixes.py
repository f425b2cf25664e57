"""The commands that would give prices to calls that have none."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from spanledger_collector.ledger.queries.question import Document
from spanledger_collector.pricing import PriceBook
from spanledger_collector.pricing.names import listed_name
from spanledger_collector.pricing.providers import DIMENSIONS

__all__ = ["fixes"]

_UNKNOWN: Final = ("unknown_model", "unknown_provider")
_UNMAPPED: Final = ("unmapped_deployment", "unmapped_profile", "unmapped_endpoint")
_METER: Final = ("no_price_for_meter", "no_price_at_time")
_CONDITIONS: Final = {f"unknown_{dimension.word}": dimension.name for dimension in DIMENSIONS}


def fixes(row: Document, book: PriceBook, now_ns: int) -> list[str]:
    """The command lines for a row of `unpriced`, PRICE and MODEL being left to be filled in; none where a price is not
    what is missing (no usage, no name, impossible counts)."""
    reasons = dict(reason.partition(":")[::2] for reason in row["reasons"])
    unmapped = next((reasons[word] for word in _UNMAPPED if word in reasons), None)
    if unmapped is not None:
        provider, name = listed_name(row["provider"], unmapped, book, now_ns)
        return [f"spanledger prices name {provider} MODEL {shlex.quote(name)}"]
    model = reasons.get("unknown_model") or row["model"]
    meters = [meter["meter"] for meter in row["meters"]]
    if not model or not meters or not any(_priceable(word) for word in reasons):
        return []
    provider, name = listed_name(row["provider"], model, book, now_ns)
    when = " ".join(f"--when {shlex.quote(condition)}" for condition in _conditions(row["reasons"]))
    words = f"spanledger prices set {shlex.quote(provider)} {shlex.quote(name)}"
    return [f"{words} {shlex.quote(meter)} PRICE{' ' if when else ''}{when}" for meter in meters]


def _priceable(word: str) -> bool:
    return word in (*_UNKNOWN, *_METER, *_CONDITIONS, "unknown_combination")


def _conditions(reasons: Sequence[str]) -> Iterator[str]:
    """The conditions that a price must name to be for these calls."""
    for reason in reasons:
        word, _, value = reason.partition(":")
        if word in _CONDITIONS:
            yield f"{_CONDITIONS[word]}={value}"
        elif word == "unknown_combination":
            yield from value.split(",")
