"""All spans of a request read at once: in groups, and those of small or odd ones one by one."""

from collections.abc import Mapping, Sequence

from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.choice import dialects_of
from spanledger_collector.dialects.columns import observations_of
from spanledger_collector.dialects.content import kept_json, kept_json_of_all
from spanledger_collector.dialects.engine import recognise
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.http_calls import any_posts, http_call
from spanledger_collector.dialects.peer import peer_host, peer_hosts
from spanledger_collector.model import Observation, ReceivedSpan
from spanledger_collector.observation_columns import NOTHING_READ, ReadInSpans, columns_of
from spanledger_collector.received_spans import ReceivedSpans

__all__ = ["read_all"]


def read_all(
    spans: ReceivedSpans, mapped: AttributionMap = NO_MAP, model_hosts: Sequence[str] = ()
) -> tuple[ReadInSpans, Sequence[str | None]]:
    """What `recognise` (or else `http_call`) and `kept_json` say of the spans that tell of model calls, and `peer_host`
    of all. Raises what they raise."""
    others = {**spans.others}
    parts: list[ReadInSpans] = []
    hosts: list[str | None] = [None] * len(spans)
    for alike in spans.alike:
        group = Group(spans, alike)
        read = _in_columns(group, mapped)
        if read is None:
            others.update(zip(group.places, group.attributes(), strict=True))
        else:
            parts.append(read)
            for place, host in zip(group.places, peer_hosts(group), strict=True):
                hosts[place] = host
    places = sorted(others)
    by_place = dict(zip(places, spans.skeletons.spans(places, map(others.__getitem__, places)), strict=True))
    parts.append(_one_by_one(by_place, mapped, model_hosts))
    for place, span in by_place.items():
        hosts[place] = peer_host(span)
    return ReadInSpans.together(parts), hosts


def _one_by_one(spans: Mapping[int, ReceivedSpan], mapped: AttributionMap, model_hosts: Sequence[str]) -> ReadInSpans:
    telling: list[int] = []
    observations: list[Observation] = []
    for place, span in spans.items():
        observation = recognise(span, mapped) or http_call(span, model_hosts)
        if observation is not None:
            telling.append(place)
            observations.append(observation)
    return ReadInSpans(telling, columns_of(observations), [kept_json(spans[place]) for place in telling])


def _in_columns(group: Group, mapped: AttributionMap) -> ReadInSpans | None:
    """What is read in a group; None where its spans are to be read one by one."""
    chosen = dialects_of(group)
    dialect = next(iter(chosen))
    if len(chosen) > 1 or (dialect is None and any_posts(group)):
        return None
    if dialect is None:
        return NOTHING_READ
    observed = observations_of(group, dialect, mapped)
    return None if observed is None else ReadInSpans(group.places, observed, kept_json_of_all(group))
