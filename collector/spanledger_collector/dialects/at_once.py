"""All spans of a request read at once: in groups, and those of small or odd ones one by one."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.choice import dialects_of
from spanledger_collector.dialects.columns import observations_of
from spanledger_collector.dialects.content import kept_json, kept_json_of_all
from spanledger_collector.dialects.engine import recognise
from spanledger_collector.dialects.groups import Group, grouped
from spanledger_collector.dialects.http_calls import any_posts, http_call
from spanledger_collector.dialects.peer import peer_host, peer_hosts
from spanledger_collector.model import Observation, ReceivedSpan

__all__ = ["ReadSpan", "ReadSpans", "read_all"]

_FEW: Final = 6
"""Fewer spans are read sooner one by one: columns have a price of their own, of some 20 microseconds a group."""


class ReadSpan(NamedTuple):
    """What was read in the span at a place of its request, and the attributes that are kept, as JSON text."""

    place: int
    observation: Observation
    attributes: str


class ReadSpans(NamedTuple):
    """What was read in spans, by their places, and the host that the call of each went to, where that is known."""

    told: Sequence[ReadSpan]
    peer_hosts: Sequence[str | None]


def read_all(
    spans: Sequence[ReceivedSpan], mapped: AttributionMap = NO_MAP, model_hosts: Sequence[str] = ()
) -> ReadSpans:
    """What `recognise` (or else `http_call`), `kept_json` and `peer_host` say of each span. Raises what they raise."""
    installation = mapped, model_hosts
    told: list[ReadSpan] = []
    if len(spans) < _FEW:
        told.extend(_one_by_one(range(len(spans)), spans, *installation))
        return ReadSpans(told, [*map(peer_host, spans)])
    hosts: list[str | None] = [None] * len(spans)
    groups = grouped(spans)
    for group in groups:
        few = len(group.spans) < _FEW
        for place, host in zip(group.places, map(peer_host, group.spans) if few else peer_hosts(group), strict=True):
            hosts[place] = host
        told += _one_by_one(group.places, group.spans, *installation) if few else _in_columns(group, *installation)
    if len(groups) > 1:
        told.sort(key=itemgetter(0))
    return ReadSpans(told, hosts)


def _one_by_one(
    places: Iterable[int], spans: Iterable[ReceivedSpan], mapped: AttributionMap, model_hosts: Sequence[str]
) -> Iterator[ReadSpan]:
    for place, span in zip(places, spans, strict=True):
        observation = recognise(span, mapped) or http_call(span, model_hosts)
        if observation is not None:
            yield ReadSpan(place, observation, kept_json(span))


def _in_columns(group: Group, mapped: AttributionMap, model_hosts: Sequence[str]) -> Iterable[ReadSpan]:
    chosen = dialects_of(group.spans, group.names)
    dialect = next(iter(chosen))
    if len(chosen) == 1 and dialect is not None:
        columns = group.columns()
        observations = observations_of(group, columns, dialect, mapped)
        if observations is not None:
            return map(ReadSpan, group.places, observations, kept_json_of_all(group, columns))
    if chosen == {None} and not any_posts(group):
        return ()
    return _one_by_one(group.places, group.spans, mapped, model_hosts)
