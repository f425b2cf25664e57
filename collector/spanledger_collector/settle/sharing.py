"""What observations share with others that tell of the same calls, wherever these are: of one observation as it is, of
many as keys of an index."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from spanledger import semconv
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import (
    answer_key,
    response_key,
    text_keys,
    undated_model,
    wide_key,
)
from spanledger_collector.settle.roots import begins_trace
from spanledger_collector.totals import Totals, sums_of, totals_of

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


def keys_shared_by(observations: Sequence[Observation]) -> SharedKeys:
    """The keys of what observations share. In columns, as most share nothing: to look that up takes keys only."""
    kinds = [_kind_of(told) for told in observations]
    totals = [sums_of(told.meters) for told in observations]
    response_keys = [response_key(told) for told in observations]
    counts = [
        f"{kind.before_counts}{taken}\0{given}" if (taken or given) and told.usage_status != "unmetered" else None
        for told, kind, (taken, given) in zip(observations, kinds, totals, strict=True)
    ]
    return SharedKeys(
        response_keys,
        text_keys(response_keys),
        [None if key is None else answer_key(*of) for key, of in zip(response_keys, totals, strict=True)],
        text_keys(counts),
        [
            kind.model_key if kind.model_key is None else kind.model_key | begins_trace(told)
            for told, kind in zip(observations, kinds, strict=True)
        ],
    )


def _kind_of(told: Observation) -> _Kind:
    model = None if told.operation == semconv.RECORD else told.request_model or told.response_model
    return _kind(told.service, told.service_instance, model, told.error_type is not None)


@lru_cache(1024)
def _kind(service: str, instance: str | None, model: str | None, failed: bool) -> _Kind:
    parts = None if model is None else (service, instance, failed, undated_model(model))
    return _Kind(parts, parts and wide_key(*parts) & ~1, f"{service}\0{instance}\0")
