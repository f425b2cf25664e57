"""What observations share with others that tell of the same calls, wherever these are: of one observation as it is, of
many as keys of an index."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from spanledger import semconv
from spanledger_collector.alike import Alike, total
from spanledger_collector.facts import Every, Facts
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import (
    answer_keys,
    response_key,
    response_keys_of,
    text_keys,
    undated_model,
    wide_key,
)
from spanledger_collector.settle.roots import begin_traces
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS, Totals, totals_of

__all__ = ["Shared", "SharedKeys", "keys_shared_by", "shared_by"]


class Shared(NamedTuple):
    """What an observation has in common with others that tell of the same call, wherever they are.

    `twin_parts` is what another emitter's would share with it: the counts; `None` where there are none. An emitter may
    leave out what another calls zero (the output of embeddings), so that is the same here. `model_parts`
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
    twin_parts = None
    if metered and totals.known:
        twin_parts = observation.service, observation.service_instance, totals.input or 0, totals.output or 0
    return Shared(metered, response_key(observation), totals, twin_parts, _kind_of(observation).model_parts)


def keys_shared_by(observations: Facts[Observation], kinds: Iterable[Alike[Observation]]) -> SharedKeys:
    """The keys of what observations share, which are of these kinds; those of which no call may come share nothing. In
    columns, as most share nothing: to look that up takes keys only."""
    response_keys: list[str | None] = [None] * len(observations)
    answers: list[int | None] = [None] * len(observations)
    counts: list[str | None] = [None] * len(observations)
    models: list[int | None] = [None] * len(observations)
    begin = begin_traces(observations)
    for alike in kinds:
        if alike.first.role != "candidate":
            continue
        told_by = _kinds_of(alike)
        keys = response_keys_of(alike.first.provider, [*alike.column("response_id")])
        for place, key in zip(alike.places, keys, strict=True):
            response_keys[place] = key
        for place, kind in zip(alike.places, told_by, strict=True):
            models[place] = None if kind.model_key is None else kind.model_key | begin[place]
        for place, answer, told in zip(alike.places, *_counted(alike, told_by), strict=True):
            answers[place], counts[place] = answer, told
    return SharedKeys(
        response_keys,
        text_keys(response_keys),
        [None if key is None else answer for key, answer in zip(response_keys, answers, strict=True)],
        text_keys(counts),
        models,
    )


def _counted(alike: Alike[Observation], told_by: Iterable[_Kind]) -> tuple[Sequence[int], Iterable[str | None]]:
    """Of each what tells its answer from others, and the text of its counts; None where there are none."""
    none = (None,) * len(alike.places)
    inputs, outputs = (total(alike.counts, meters) or none for meters in (INPUT_METERS, OUTPUT_METERS))
    answers = answer_keys(inputs, outputs)
    if alike.first.usage_status == "unmetered":
        return answers, none
    # Earlier versions had "None" for what is left out: their twins are theirs.
    counted = zip(told_by, inputs, outputs, strict=True)
    return answers, [
        f"{kind.before_counts}{taken or 0}\0{given or 0}" if taken or given else None for kind, taken, given in counted
    ]


def _kinds_of(alike: Alike[Observation]) -> Iterable[_Kind]:
    """The kind of each of some that are of one model."""
    first = alike.first
    columns = [alike.column(name) for name in ("service", "service_instance", "operation", "error_type")]
    if all(isinstance(column, Every) for column in columns):
        return Every(_kind_of(first), len(alike.places))
    models = first.request_model, first.response_model
    return [
        _kind((service, instance), operation, error_type, models)
        for service, instance, operation, error_type in zip(*columns, strict=True)
    ]


def _kind_of(told: Observation) -> _Kind:
    process, models = (told.service, told.service_instance), (told.request_model, told.response_model)
    return _kind(process, told.operation, told.error_type, models)


@lru_cache(1024)
def _kind(
    process: tuple[str, str | None], operation: str, error_type: str | None, models: tuple[str | None, str | None]
) -> _Kind:
    service, instance = process
    model = None if operation == semconv.RECORD else models[0] or models[1]
    parts = None if model is None else (service, instance, error_type is not None, undated_model(model))
    return _Kind(parts, parts and wide_key(*parts) & ~1, f"{service}\0{instance}\0")
