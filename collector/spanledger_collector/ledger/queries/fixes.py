"""The commands that would give prices to calls that have none."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from spanledger_collector.call_records import Conditions
from spanledger_collector.ledger.queries.question import Document
from spanledger_collector.pricing import PriceBook, PriceEntry
from spanledger_collector.pricing.entries import instant_ns, instant_text
from spanledger_collector.pricing.names import conditions_named, listed_name
from spanledger_collector.pricing.providers import DIMENSIONS
from spanledger_collector.pricing.rules import FALLBACKS

__all__ = ["fixes"]

_UNKNOWN: Final = ("unknown_model", "unknown_provider")
_UNMAPPED: Final = ("unmapped_deployment", "unmapped_profile", "unmapped_endpoint")
_AT_TIME: Final = "no_price_at_time"
_EVER: Final = (-(2**63), 2**63)
"""Before and after every moment, in ns since the epoch."""
_METER: Final = ("no_price_for_meter", _AT_TIME)
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
    asked = [(meter, time) for meter in meters for time in _times(row, book.entries_of(provider, name), meter)]
    return [f"{words} {shlex.quote(meter)} PRICE{above}{when}{time}" for when in whens or [""] for meter, time in asked]


def _times(row: Document, entries: Sequence[PriceEntry], meter: str) -> list[str]:
    """The options that keep a price to the times at which there is none so far, where there is one at other times."""
    if f"{_AT_TIME}:{meter}" not in row["reasons"]:
        return [""]
    first, last = instant_ns(row["first_at"]), instant_ns(row["last_at"])
    return [
        "".join(f" --{word} {instant_text(at)}" for word, at in (("from", start), ("to", end)) if at not in _EVER)
        for start, end in _gaps(entries, meter)
        if start <= last and first < end
    ]


def _gaps(entries: Sequence[PriceEntry], meter: str) -> Iterator[tuple[int, int]]:
    """The stretches of time in which no price of a meter is in force."""
    names = {meter, *(rule.priced_as for rule in FALLBACKS if rule.meter == meter)}
    ended, never = _EVER
    held = [(e.effective_from or _EVER[0], e.effective_to or never) for e in entries if e.meter in names]
    for start, end in sorted(held):
        if start > ended:
            yield ended, start
        ended = max(ended, end)
    if ended < never:
        yield ended, never


def _priceable(word: str) -> bool:
    return word in (*_UNKNOWN, *_METER, *_CONDITIONS, "unknown_combination") or word.startswith(_ABOVE)


def _when(condition: tuple[str, str]) -> str:
    return f" --when {shlex.quote('='.join(condition))}"
