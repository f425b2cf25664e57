"""Which prices of a model are for a call under its conditions.

A price is for a call when it names every condition of the call that is not the default, and no other. `*` in a price
is any value. So an unknown tier or region finds nothing, and is never the standard one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from spanledger_collector.call_records import Conditions
from spanledger_collector.pricing.entries import PriceEntry
from spanledger_collector.pricing.providers import DIMENSIONS, Dimension, Provider

__all__ = ["Situation", "mismatch", "situation", "specificity"]

_METER_ONLY: Final = frozenset({"search_context_size"})
"""Dimensions that change the price of some meters only: a price that does not name them holds for every value."""
_BATCH: Final = {
    "service_tier": {"batch": ""},
    "deployment_type": {"globalbatch": "", "datazonebatch": "datazone", "batch": ""},
}
"""Where a way of processing is reported as something else: the words for batches, and what else such a word says."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The conditions of a call in the words of the book: those that are not the default, and the dimensions not
    reported. `apart`: its region has prices of its own, so that a price for any region is not for it."""

    conditions: Mapping[str, str]
    absent: tuple[Dimension, ...]
    apart: bool = False

    def fitting(self, dimension: str, value: str) -> tuple[str, ...]:
        """What a price may say of a condition to be for the call."""
        return (value,) if self.apart and dimension == "region" else (value, "*")


def situation(provider: Provider, reported: Conditions, region: str | None) -> Situation:
    """Read the conditions of a call; `region` is the one that the model's name spelled out, and wins."""
    conditions: dict[str, str] = {}
    absent: list[Dimension] = []
    for dimension in DIMENSIONS:
        value: str | None = getattr(reported, dimension.name)
        if dimension.name == "region" and region:
            value = region
        if dimension.name in provider.ignores:
            continue
        if value is None or not value.strip():
            absent.append(dimension)
            continue
        word = _word(provider, dimension, value)
        batch = _BATCH.get(dimension.name, {})
        if word in batch:
            conditions["processing"] = "batch"
            word = batch[word]
        if word and word not in dimension.defaults:
            conditions[dimension.name] = word
    apart = bool(provider.apart) and re.match(provider.apart, conditions.get("region", "")) is not None
    return Situation(conditions, tuple(absent), apart)


def _word(provider: Provider, dimension: Dimension, value: str) -> str:
    word = value.strip().lower()
    if dimension.name == "deployment_type":
        word = re.sub(r"[^a-z]", "", word)
    if dimension.name == "region" and provider.regional and re.fullmatch(provider.regional, word):
        return "regional"
    return provider.values.get(dimension.name, {}).get(word, word)


def specificity(entry: PriceEntry, at: Situation, assumed: Mapping[str, str]) -> int | None:
    """How many conditions the price names exactly, or `None` when it is not for the call. `assumed` holds the
    documented defaults of conditions that the call does not report."""
    exact = 0
    named = dict(entry.scope)
    for dimension, value in at.conditions.items():
        wanted = named.pop(dimension, "*" if dimension in _METER_ONLY else None)
        if wanted not in at.fitting(dimension, value):
            return None
        exact += wanted == value
    for dimension, wanted in named.items():
        if wanted != "*" and wanted != assumed.get(dimension):
            return None
    return exact


def mismatch(entries: Iterable[PriceEntry], at: Situation) -> tuple[str, ...]:
    """Why no price of the model is for the call: the conditions that no price names, or their combination."""
    scopes = [dict(entry.scope) for entry in entries]
    word = {dimension.name: dimension.word for dimension in DIMENSIONS}
    unknown = tuple(
        f"unknown_{word[name]}:{value}"
        for name, value in sorted(at.conditions.items())
        if name not in _METER_ONLY
        and not any(
            scope.get(name) in ((value,) if at.apart and name == "region" else (value, "*")) for scope in scopes
        )
    )
    together = ",".join(f"{name}={value}" for name, value in sorted(at.conditions.items()))
    return unknown or (f"unknown_combination:{together}",)
