"""Which observations are one call: `settle`, pure and independent of the order in which they came."""

from collections.abc import Iterable, Mapping

from spanledger_collector.model import Call, Observation
from spanledger_collector.settle.aggregates import place_aggregates
from spanledger_collector.settle.calls import call_of
from spanledger_collector.settle.groups import Groups
from spanledger_collector.settle.nodes import Identity, make_nodes
from spanledger_collector.settle.rules import join_by_path, join_by_response, join_twins, mark_replays

__all__ = ["settle"]


def settle(observations: Iterable[Observation], parents: Mapping[Identity, bytes | None]) -> list[Call]:
    """The calls that the observations tell of, each once, in the order of their start.

    `parents` gives the parent of every known span of the traces concerned, so that ancestry leads over spans that are
    no observations. The same set gives the same calls, in whatever order, and however often an observation is
    repeated.
    """
    nodes = make_nodes(observations, parents)
    candidates = [node for node in nodes if node.observation.role == "candidate"]
    groups = Groups(candidates)
    join_by_response(groups, candidates)
    join_by_path(groups, candidates)
    join_twins(groups, candidates)
    mark_replays(groups)
    place_aggregates(groups, [node for node in nodes if node.observation.role == "aggregate"])
    calls = [call_of(group) for group in groups.all()]
    return sorted(calls, key=lambda call: (call.started_ns, call.call_id))
