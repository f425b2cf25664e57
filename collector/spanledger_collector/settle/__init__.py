"""Which observations are one call: `settle`, pure and independent of the order in which they came."""

from collections.abc import Iterable, Mapping
from operator import attrgetter

from spanledger_collector.model import Call, Observation
from spanledger_collector.settle.aggregates import place_aggregates
from spanledger_collector.settle.calls import ALONE, call_of, lone_call, lone_call_ids
from spanledger_collector.settle.groups import Groups
from spanledger_collector.settle.nodes import Ancestry, Identity, Link, Node, linked, node_of, set_apart
from spanledger_collector.settle.rules import join_by_path, join_by_response, mark_replays
from spanledger_collector.settle.twins import join_twins

__all__ = ["ALONE", "lone_call", "lone_call_ids", "settle"]


def settle(observations: Iterable[Observation], links: Mapping[Identity, Link]) -> list[Call]:
    """The calls that the observations tell of, each once, in the order of their start.

    `links` has every known span of the traces concerned, so that ancestry leads over spans that are no observations.
    The same set gives the same calls, in whatever order, and however often an observation is repeated.
    """
    known = linked([node_of(observation) for observation in observations], links)
    lone, others = set_apart(known)
    calls = [lone_call(node.observation, node.response_key) for node in lone]
    calls += [call_of(group) for group in _groups(others, Ancestry(known, links)).all()]
    calls.sort(key=attrgetter("started_ns", "call_id"))
    return calls


def _groups(nodes: list[Node], ancestry: Ancestry) -> Groups:
    """What tells of one call each, by the rules in their order."""
    candidates = [node for node in nodes if node.observation.role == "candidate"]
    groups = Groups(candidates)
    join_by_response(groups, candidates)
    join_by_path(groups, candidates)
    join_twins(groups, candidates, ancestry)
    mark_replays(groups)
    place_aggregates(groups, [node for node in nodes if node.observation.role == "aggregate"])
    return groups
