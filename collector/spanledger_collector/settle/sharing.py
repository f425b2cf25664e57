"""What observations share with others that tell of the same calls, wherever these are: of one observation as it is, of
many as keys of an index."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from spanledger import semconv
from spanledger_collector.alike import Alike, total
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import (
    answer_keys,
    response_key,
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
    (kind,) = _kinds_of([observation])
    return Shared(metered, response_key(observation), totals, twin_parts, kind.model_parts)


def keys_shared_by(observations: Sequence[Observation], kinds: Iterable[Alike[Observation]]) -> SharedKeys:
    """The keys of what observations share, which are of these kinds; those of which no call may come share nothing. In
    columns, as most share nothing: to look that up takes keys only."""
    are_candidates = [told.role == "candidate" for told in observations]
    told_by = [*_kinds_of(observations)]
    response_keys = [
        response_key(told) if may_be else None for told, may_be in zip(observations, are_candidates, strict=True)
    ]
    answers: list[int | None] = [None] * len(observations)
    counts: list[str | None] = [None] * len(observations)
    for alike in kinds:
        first, none = alike.first, (None,) * len(alike.places)
        if first.role != "candidate":
            continue
        metered = first.usage_status != "unmetered"
        inputs, outputs = (total(alike.counts, meters) or none for meters in (INPUT_METERS, OUTPUT_METERS))
        of_answers = answer_keys(inputs, outputs)
        for place, answer, taken, given in zip(alike.places, of_answers, inputs, outputs, strict=True):
            answers[place] = answer
            if metered and (taken or given):  # earlier versions had "None" for what is left out: their twins are theirs
                counts[place] = f"{told_by[place].before_counts}{taken or 0}\0{given or 0}"
    alone = zip(told_by, are_candidates, begin_traces(observations), strict=True)
    return SharedKeys(
        response_keys,
        text_keys(response_keys),
        [None if key is None else answer for key, answer in zip(response_keys, answers, strict=True)],
        text_keys(counts),
        [kind.model_key | begins if may_be and kind.model_key is not None else None for kind, may_be, begins in alone],
    )


def _kinds_of(observations: Iterable[Observation]) -> Iterator[_Kind]:
    for told in observations:
        model = None if told.operation == semconv.RECORD else told.request_model or told.response_model
        yield _kind(told.service, told.service_instance, model, told.error_type is not None)


@lru_cache(1024)
def _kind(service: str, instance: str | None, model: str | None, failed: bool) -> _Kind:
    parts = None if model is None else (service, instance, failed, undated_model(model))
    return _Kind(parts, parts and wide_key(*parts) & ~1, f"{service}\0{instance}\0")
