"""The commands that would give prices to calls that have none."""

import shlex
from collections.abc import Sequence
from typing import Final

from spanledger_collector.ledger.queries.question import Document
from spanledger_collector.model import Conditions
from spanledger_collector.pricing import PriceBook
from spanledger_collector.pricing.names import conditions_named, listed_name
from spanledger_collector.pricing.providers import DIMENSIONS

__all__ = ["fixes"]

_UNKNOWN: Final = ("unknown_model", "unknown_provider")
_UNMAPPED: Final = ("unmapped_deployment", "unmapped_profile", "unmapped_endpoint")
_METER: Final = ("no_price_for_meter", "no_price_at_time")
_ABOVE: Final = "no_price_above_"
_CONDITIONS: Final = frozenset(f"unknown_{dimension.word}" for dimension in DIMENSIONS)


def fixes(row: Document, situations: Sequence[Conditions], book: PriceBook, now_ns: int) -> list[str]:
    """The command lines for a row of `unpriced`, PRICE and MODEL being left to be filled in; none where a price is not
    what is missing (no usage, no name, impossible counts). `situations` are the conditions of its calls: a price is for
    them only if it names them."""
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
    words = f"spanledger prices set {shlex.quote(provider)} {shlex.quote(name)}"
    above = next((f" --above {word.removeprefix(_ABOVE)}" for word in reasons if word.startswith(_ABOVE)), "")
    said = [conditions_named(row["provider"], model, conditions, book, now_ns) for conditions in situations]
    whens = dict.fromkeys("".join(map(_when, sorted(named.items()))) for named in said)
    return [f"{words} {shlex.quote(meter)} PRICE{above}{when}" for when in whens or [""] for meter in meters]


def _priceable(word: str) -> bool:
    return word in (*_UNKNOWN, *_METER, *_CONDITIONS, "unknown_combination") or word.startswith(_ABOVE)


def _when(condition: tuple[str, str]) -> str:
    return f" --when {shlex.quote('='.join(condition))}"
