"""What observations share with others that tell of the same calls, wherever these are: of one observation as it is, of
many as keys of an index."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from spanledger import semconv
from spanledger_collector.alike import Alike, total
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import (
    answer_key,
    response_key,
    text_keys,
    undated_model,
    wide_key,
)
from spanledger_collector.settle.roots import begins_trace
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS, Totals, totals_of

__all__ = ["Shared", "SharedKeys", "keys_shared_by", "shared_by"]


class Shared(NamedTuple):
    """What an observation has in common with others that tell of the same call, wherever they are.

    `twin_parts` is what another emitter's would share with it: the counts; `None` where there are none. `model_parts`
    is what it would share with or without counts: process, model and outcome; `None` where no model is known.
    """

    metered: bool
    response_key: str | None
    totals: Totals
    twin_parts: tuple[object, ...] | None
    model_parts: tuple[object, ...] | None


class SharedKeys(NamedTuple):
    """The same of many observations, as columns of 64 bits that stand for it: `twins` for the counts, `models` for the
    model, the last bit saying that the observation has no span above it. `answers` tell those with one response id
    apart, by their totals. `None` where `Shared` has it."""

    response_keys: Sequence[str | None]
    ids: Sequence[int | None]
    answers: Sequence[int | None]
    twins: Sequence[int | None]
    models: Sequence[int | None]


class _Kind(NamedTuple):
    """What observations of one process and model share whatever they counted, and the text with which the key of their
    counts begins."""

    model_parts: tuple[object, ...] | None
    model_key: int | None
    before_counts: str


def shared_by(observation: Observation) -> Shared:
    """What an observation shares with others about its call."""
    totals = totals_of(observation.meters)
    metered = observation.usage_status != "unmetered" and bool(observation.meters)
    twin_parts = (observation.service, observation.service_instance, *totals) if metered and totals.known else None
    return Shared(metered, response_key(observation), totals, twin_parts, _kind_of(observation).model_parts)


def keys_shared_by(observations: Sequence[Observation], kinds: Iterable[Alike[Observation]]) -> SharedKeys:
    """The keys of what observations share, which are of these kinds; those of which no call may come share nothing. In
    columns, as most share nothing: to look that up takes keys only."""
    told_by = [_kind_of(told) for told in observations]
    response_keys = [response_key(told) if told.role == "candidate" else None for told in observations]
    answers: list[int | None] = [None] * len(observations)
    counts: list[str | None] = [None] * len(observations)
    models: list[int | None] = [None] * len(observations)
    for alike in kinds:
        first, none = alike.first, (None,) * len(alike.places)
        if first.role != "candidate":
            continue
        metered = first.usage_status != "unmetered"
        inputs, outputs = (total(alike.counts, meters) or none for meters in (INPUT_METERS, OUTPUT_METERS))
        for place, taken, given in zip(alike.places, inputs, outputs, strict=True):
            kind = told_by[place]
            answers[place] = None if response_keys[place] is None else answer_key(taken, given)
            models[place] = kind.model_key
            if metered and (taken or given):
                counts[place] = f"{kind.before_counts}{taken}\0{given}"
    return SharedKeys(
        response_keys,
        text_keys(response_keys),
        answers,
        text_keys(counts),
        [None if key is None else key | begins_trace(told) for key, told in zip(models, observations, strict=True)],
    )


def _kind_of(told: Observation) -> _Kind:
    model = None if told.operation == semconv.RECORD else told.request_model or told.response_model
    return _kind(told.service, told.service_instance, model, told.error_type is not None)


@lru_cache(1024)
def _kind(service: str, instance: str | None, model: str | None, failed: bool) -> _Kind:
    parts = None if model is None else (service, instance, failed, undated_model(model))
    return _Kind(parts, parts and wide_key(*parts) & ~1, f"{service}\0{instance}\0")
