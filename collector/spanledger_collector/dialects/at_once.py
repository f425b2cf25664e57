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

__all__ = ["MANY", "ReadSpan", "ReadSpans", "read_all"]

MANY: Final = 48
"""Spans in a request. Where there are fewer, sorting them into groups costs more than it saves."""


ReadSpan = tuple[int, Observation, str]
"""The place of a span in its request, what it says of a model call, and the attributes that are kept, as JSON text."""


class ReadSpans(NamedTuple):
    """What was read in spans, by their places, and the host that the call of each went to, where that is known."""

    told: Sequence[ReadSpan]
    peer_hosts: Sequence[str | None]


def read_all(
    spans: Sequence[ReceivedSpan], mapped: AttributionMap = NO_MAP, model_hosts: Sequence[str] = ()
) -> ReadSpans:
    """What `recognise` (or else `http_call`), `kept_json` and `peer_host` say of each span. Raises what they raise."""
    if len(spans) < MANY:
        each = _one_by_one(range(len(spans)), spans, mapped, model_hosts)
        return ReadSpans([*each], [*map(peer_host, spans)])
    groups, others = grouped(spans)
    told: list[ReadSpan] = []
    hosts: list[str | None] = [None] * len(spans)
    for group in groups:
        read = _in_columns(group, mapped)
        if read is None:
            others += group.places
        else:
            told += read
            for place, host in zip(group.places, peer_hosts(group), strict=True):
                hosts[place] = host
    told += _one_by_one(others, spans, mapped, model_hosts)
    for place in others:
        hosts[place] = peer_host(spans[place])
    told.sort(key=itemgetter(0))
    return ReadSpans(told, hosts)


def _one_by_one(
    places: Iterable[int], spans: Sequence[ReceivedSpan], mapped: AttributionMap, model_hosts: Sequence[str]
) -> Iterator[ReadSpan]:
    for place in places:
        span = spans[place]
        observation = recognise(span, mapped) or http_call(span, model_hosts)
        if observation is not None:
            yield place, observation, kept_json(span)


def _in_columns(group: Group, mapped: AttributionMap) -> Iterable[ReadSpan] | None:
    """What is read in a group; None where its spans are to be read one by one."""
    chosen = dialects_of(group.spans, group.names)
    dialect = next(iter(chosen))
    if len(chosen) > 1 or (dialect is None and any_posts(group)):
        return None
    if dialect is None:
        return ()
    columns = group.columns()
    observations = observations_of(group, columns, dialect, mapped)
    if observations is None:
        return None
    return zip(group.places, observations, kept_json_of_all(group, columns), strict=True)
