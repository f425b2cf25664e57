"""Observations in their ancestry: which observation lies above which, over spans that are no observations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spanledger import semconv
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import Totals, bare_model, response_key, totals_of

__all__ = ["OVERLAP_SLACK_NS", "Identity", "Node", "Order", "depth_first", "make_nodes", "node_of"]

Identity = tuple[bytes, bytes]
"""Trace id and span id."""

Order = tuple[int, bytes, bytes]
"""Start and identity: an order that depends on what was observed only."""

OVERLAP_SLACK_NS: Final = 10_000_000_000
"""A span can only have seen what happened during it, give or take the clocks of two machines."""


@dataclass(slots=True, eq=False)
class Node:
    """An observation with its place: `above` are the observations it lies in, nearest first; `below` those in it.

    `twin_parts` is what another emitter's observation of the same call would share with it; `None` where nothing is
    known that tells calls apart.
    """

    observation: Observation
    identity: Identity
    order: Order
    metered: bool
    response_key: str | None
    totals: Totals
    twin_parts: tuple[object, ...] | None
    above: list["Node"] = field(default_factory=list["Node"])
    below: list["Node"] = field(default_factory=list["Node"])

    def overlaps(self, other: "Node", slack_ns: int = 0) -> bool:
        """Whether both were going on at some moment, give or take the slack."""
        mine, theirs = self.observation, other.observation
        return mine.started_ns <= theirs.ended_ns + slack_ns and theirs.started_ns <= mine.ended_ns + slack_ns


def make_nodes(observations: Iterable[Observation], parents: Mapping[Identity, bytes | None]) -> list[Node]:
    """Nodes of everything that may matter, in their total order, each span once, linked to those above and below."""
    nodes: dict[Identity, Node] = {}
    for observation in observations:
        if observation.role == "ignored":
            continue
        node = node_of(observation)
        known = nodes.get(node.identity)
        # The journal keeps one content for an identity; whoever brings two gets the same answer in every order.
        if known is None or repr(observation) < repr(known.observation):
            nodes[node.identity] = node
    ordered = sorted(nodes.values(), key=lambda node: node.order)
    for node in ordered:
        node.above.extend(_ancestors(node, nodes, parents))
        if node.observation.operation != semconv.RECORD:  # that tells of nothing but itself, wherever it was made
            for ancestor in node.above:
                ancestor.below.append(node)
    return ordered


def node_of(observation: Observation) -> Node:
    """The node of an observation, not linked to others."""
    totals = totals_of(observation.meters)
    metered = observation.usage_status != "unmetered" and bool(observation.meters)
    identity = observation.trace_id, observation.span_id
    return Node(
        observation,
        identity,
        (observation.started_ns, *identity),
        metered,
        response_key(observation),
        totals,
        _twin_parts(observation, totals if metered else None),
    )


def _twin_parts(observation: Observation, totals: Totals | None) -> tuple[object, ...] | None:
    """The counts; of a call that failed before there were any, the model that was asked for."""
    process = observation.service, observation.service_instance
    if totals is not None:
        return (*process, *totals) if totals.known else None
    model = observation.request_model
    return None if observation.error_type is None or model is None else (*process, "failed", bare_model(model))


def _ancestors(node: Node, nodes: Mapping[Identity, Node], parents: Mapping[Identity, bytes | None]) -> Iterator[Node]:
    trace_id = node.observation.trace_id
    seen = {node.observation.span_id}
    span_id = node.observation.parent_span_id
    while span_id is not None and span_id not in seen:
        seen.add(span_id)
        above = nodes.get((trace_id, span_id))
        if above is None:
            span_id = parents.get((trace_id, span_id))
            continue
        if above.overlaps(node, OVERLAP_SLACK_NS):
            yield above
        span_id = above.observation.parent_span_id


def depth_first(nodes: Sequence[Node]) -> list[Node]:
    """The nodes with the deepest first, so that a span is decided after everything in it."""
    return sorted(nodes, key=lambda node: (-len(node.above), node.order))
