"""Observations in their ancestry: which observation lies above which, over spans that are no observations."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple

from spanledger import semconv
from spanledger_collector.model import Observation
from spanledger_collector.settle.sharing import shared_by
from spanledger_collector.totals import Totals

__all__ = [
    "OVERLAP_SLACK_NS",
    "Ancestry",
    "Identity",
    "Link",
    "Node",
    "Order",
    "depth_first",
    "linked",
    "node_of",
    "overlap",
    "set_apart",
]

Identity = tuple[bytes, bytes]
"""Trace id and span id."""

Order = tuple[int, bytes, bytes]
"""Start and identity: an order that depends on what was observed only."""

OVERLAP_SLACK_NS: Final = 10_000_000_000
"""A span can only have seen what happened during it, give or take the clocks of two machines."""


class Link(NamedTuple):
    """A span as part of the way up from what lies in it: its parent, and its start and end (ns)."""

    parent_span_id: bytes | None
    started_ns: int
    ended_ns: int


@dataclass(slots=True, eq=False)
class Node:
    """An observation with its place: `above` are the observations it lies in, nearest first; `below` those in it.

    The rest is as in `Shared`.
    """

    observation: Observation
    identity: Identity
    order: Order
    metered: bool
    response_key: str | None
    totals: Totals
    twin_parts: tuple[object, ...] | None
    model_parts: tuple[object, ...] | None
    above: Sequence["Node"] = ()
    below: Sequence["Node"] = ()


def linked(nodes: Iterable[Node], links: Mapping[Identity, Link]) -> list[Node]:
    """Everything that may matter, in its total order, each span once, linked to what is above and below (links that the
    nodes had are forgotten)."""
    distinct: dict[Identity, Node] = {}
    for node in nodes:
        if node.observation.role == "ignored":
            continue
        known = distinct.setdefault(node.identity, node)
        # The journal keeps one content for an identity; whoever brings two gets the same answer in every order.
        if known is not node and repr(node.observation) < repr(known.observation):
            distinct[node.identity] = node
    ordered = sorted(distinct.values(), key=attrgetter("order"))
    _link(ordered, distinct, Ancestry(ordered, links))
    return ordered


def _link(ordered: Sequence[Node], by_identity: Mapping[Identity, Node], ancestry: "Ancestry") -> None:
    in_trace = Counter([node.identity[0] for node in ordered])
    below: defaultdict[Identity, list[Node]] = defaultdict(list)
    for node in ordered:
        node.below = ()
        alone = node.observation.parent_span_id is None or in_trace[node.identity[0]] == 1
        node.above = () if alone else tuple(ancestry.observed(node))
        if node.above and node.observation.operation != semconv.RECORD:  # that tells of nothing but itself
            for ancestor in node.above:
                below[ancestor.identity].append(node)
    for identity, inner in below.items():
        by_identity[identity].below = inner


def node_of(observation: Observation) -> Node:
    """The node of an observation, not linked to others."""
    identity = observation.trace_id, observation.span_id
    return Node(observation, identity, (observation.started_ns, *identity), *shared_by(observation))


def set_apart(nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """Linked nodes, split in two: candidates that no rule can join with another, as most are, and the rest.

    The rules compare nodes that lie in one another, know the same response id, or saw the same usage as another
    emitter, or none where another emitter saw a call of the model. A candidate without any of these is a call by
    itself.
    """
    candidates = [node for node in nodes if node.observation.role == "candidate"]
    with_key = Counter([node.response_key for node in candidates])
    equal_counts = _told_by_several(candidates, attrgetter("twin_parts"))
    without_usage = {node.model_parts for node in candidates if not node.metered}
    same_model = _told_by_several(
        [node for node in candidates if node.model_parts in without_usage] if without_usage else (),
        attrgetter("model_parts"),
    )
    lone: list[Node] = []
    others: list[Node] = []
    for node in nodes:
        is_lone = (
            not node.above
            and not node.below
            and (node.response_key is None or with_key[node.response_key] == 1)
            and node.twin_parts not in equal_counts
            and node.model_parts not in same_model
            and node.observation.role == "candidate"
        )
        (lone if is_lone else others).append(node)
    return lone, others


def _told_by_several(
    nodes: Iterable[Node], parts_of: Callable[[Node], tuple[object, ...] | None]
) -> set[tuple[object, ...]]:
    """What nodes of more than one emitter share."""
    emitters: dict[tuple[object, ...], str] = {}
    found = set[tuple[object, ...]]()
    for node in nodes:
        parts = parts_of(node)
        if parts is not None and emitters.setdefault(parts, node.observation.dialect) != node.observation.dialect:
            found.add(parts)
    return found


class Ancestry:
    """The spans above a node, whether they are observations or not.

    A way leads up as long as all spans on it overlap one another: what went on at another time has not seen the call,
    and what is above it is not looked for. So whether two spans lie in one another depends only on spans of their time.
    """

    def __init__(self, nodes: Iterable[Node], links: Mapping[Identity, Link]) -> None:
        self._nodes = {node.identity: node for node in nodes}
        self._links = links
        self._known: dict[Identity, frozenset[bytes]] = {}

    def of(self, node: Node) -> frozenset[bytes]:
        """The ids of the spans above it, as far as they are known; the parent of the last is one of them."""
        found = self._known.get(node.identity)
        if found is None:
            own = node.observation.parent_span_id
            ids = [own, *(link.parent_span_id for _, link in self._way(node))]
            found = self._known[node.identity] = frozenset([span_id for span_id in ids if span_id is not None])
        return found

    def observed(self, node: Node) -> Iterator[Node]:
        """The nodes above it, nearest first."""
        for identity, _ in self._way(node):
            above = self._nodes.get(identity)
            if above is not None:
                yield above

    def _way(self, node: Node) -> Iterator[tuple[Identity, Link]]:
        trace_id, span_id = node.identity
        seen = {span_id}
        parent, last_start, first_end = _link_of(node)
        while parent is not None and parent not in seen:
            seen.add(parent)
            identity = trace_id, parent
            link = self._link(identity)
            if link is None or not overlap(link.started_ns, link.ended_ns, last_start, first_end):
                return
            yield identity, link
            parent = link.parent_span_id
            last_start, first_end = max(last_start, link.started_ns), min(first_end, link.ended_ns)

    def _link(self, identity: Identity) -> Link | None:
        node = self._nodes.get(identity)
        return self._links.get(identity) if node is None else _link_of(node)


def _link_of(node: Node) -> Link:
    observation = node.observation
    return Link(observation.parent_span_id, observation.started_ns, observation.ended_ns)


def overlap(started_ns: int, ended_ns: int, last_start_ns: int, first_end_ns: int) -> bool:
    """Whether a span overlaps each of others, give or take the clocks: these are given by the last start and the first
    end among them."""
    return started_ns <= first_end_ns + OVERLAP_SLACK_NS and last_start_ns <= ended_ns + OVERLAP_SLACK_NS


def depth_first(nodes: Sequence[Node]) -> list[Node]:
    """The nodes with the deepest first, so that a span is decided after everything in it."""
    return sorted(nodes, key=lambda node: (-len(node.above), node.order))
