"""The rules by which observations are the same call (design, section 4), each a pass over the groups found so far."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from spanledger_collector.settle.groups import Group, Groups
from spanledger_collector.settle.keys import bare_model
from spanledger_collector.settle.nodes import Node, depth_first
from spanledger_collector.totals import Totals

__all__ = ["join_by_path", "join_by_response", "mark_replays", "same_model"]


def join_by_response(groups: Groups, candidates: Sequence[Node]) -> None:
    """Rule 2: the same response id at the same time, or one within the other, is one call in whatever trace."""
    by_key: dict[str, list[Node]] = defaultdict(list)
    for node in candidates:
        if node.response_key is not None:
            by_key[node.response_key].append(node)
    for key, nodes in by_key.items():
        farthest = nodes[0]
        for node in nodes[1:]:  # in the order of their start
            if node.observation.started_ns <= farthest.observation.ended_ns:
                _join(groups, farthest, node)
            for ancestor in node.above:
                if ancestor.response_key == key:
                    _join(groups, ancestor, node)
            farthest = max(farthest, node, key=lambda node: node.observation.ended_ns)


def join_by_path(groups: Groups, candidates: Sequence[Node]) -> None:
    """Rule 3 within a trace: the deepest span with usage on a path is the call; what encloses it tells of the same.

    Deepest first, so that what lies within a span is decided before it.
    """
    for node in depth_first(candidates):
        below = groups.below(node)
        if below:
            _place_above(groups, node, below)


def _place_above(groups: Groups, node: Node, below: list[Group]) -> None:
    """Decide what a candidate is to the calls within it."""
    own = groups.of(node)
    if own is None:
        return
    metered = [group for group in below if group.metered]
    if not own.metered:
        _cover(groups, node, own, metered or below)
    elif not metered:
        for group in below:
            if all(member.observation.error_type is None for member in group.members):
                groups.join(own, group)
    else:
        same = _told_again(node, metered)
        if same is not None:
            groups.join(own, same)
        elif len(metered) > 1 and not _other_call(node, metered):
            _cover(groups, node, own, metered)


def _cover(groups: Groups, node: Node, own: Group, inner: list[Group]) -> None:
    """Attach a span that encloses calls to them: to one as its own member, to several as what they share."""
    if len(inner) == 1:
        groups.join(own, inner[0])
    elif len(own.members) == 1:
        groups.drop(node)
        for group in inner:
            group.covers.append(node)


def _told_again(node: Node, metered: list[Group]) -> Group | None:
    """The call within a span that the span tells of again, `None` if there is none or more than one may be meant."""
    if len(metered) == 1:
        return None if _other_call(node, metered) else metered[0]
    equal = [group for group in metered if any(node.totals == inner.totals for inner in group.metered_nodes())]
    return equal[0] if len(equal) == 1 else None


def _other_call(node: Node, metered: list[Group]) -> bool:
    """Whether a span with usage is a call beside those within it: a stream that stays open while its reader calls.

    Equal counts say the same call even where a gateway gave it another id or model name.
    """
    counts = [inner.totals for group in metered for inner in group.metered_nodes()]
    if node.totals in counts or node.totals == _sum(metered):
        return False
    keys = set[str]().union(*(group.response_keys() for group in metered))
    if node.response_key is not None and keys and node.response_key not in keys:
        return True
    return not any(same_model(node, inner) for group in metered for inner in group.metered_nodes())


def _sum(metered: Iterable[Group]) -> Totals:
    first = [next(group.metered_nodes()).totals for group in metered]
    return Totals(sum(totals.input or 0 for totals in first), sum(totals.output or 0 for totals in first))


def same_model(one: Node, other: Node) -> bool:
    """Whether the models that two observations name may be one: equal, or one with a date appended."""
    mine, theirs = _models(one), _models(other)
    if not mine or not theirs:
        return True
    return any(a.startswith(b) or b.startswith(a) for a in mine for b in theirs)


def _models(node: Node) -> set[str]:
    named = (node.observation.request_model, node.observation.response_model)
    return {bare_model(name) for name in named if name}


def mark_replays(groups: Groups) -> None:
    """Rule 2 for disjoint times: an answer that comes again with the same id and counts came from a cache, for nothing.

    The earliest call with an id owns its name. One with the same id and other counts is no answer from a cache; if it
    is the first with counts, after one that had none, it is the same call, whose answer was fetched later.
    """
    by_key: dict[str, list[Node]] = defaultdict(list)
    for group in groups.all():
        for node in group.members:
            if node.response_key is not None:
                by_key[node.response_key].append(node)
    for key, nodes in by_key.items():
        earliest: dict[Totals, Node] = {}
        ordered = sorted(nodes, key=lambda node: node.order)
        for node in ordered:
            earliest.setdefault(node.totals, node)
        _join_fetched(groups, earliest)
        for node in ordered:
            own, owner = groups.of(node), groups.of(earliest[node.totals])
            if own is not None and own is not owner:
                own.is_replay = True
        first = groups.of(min(earliest.values(), key=lambda node: node.order))
        if first is not None:
            first.owned_keys.add(key)


def _join_fetched(groups: Groups, earliest: Mapping[Totals, Node]) -> None:
    """Join a call that was answered without usage with the fetching of its usage."""
    started = earliest.get(Totals(None, None))
    own = groups.of(started) if started is not None else None
    if started is None or own is None or own.metered or any(node.observation.error_type for node in own.members):
        return
    fetched = min((node for node in earliest.values() if node.metered), key=lambda node: node.order, default=None)
    if fetched is not None and fetched.order > started.order:
        _join(groups, fetched, started)


def _join(groups: Groups, one: Node, other: Node) -> None:
    mine, theirs = groups.of(one), groups.of(other)
    if mine is not None and theirs is not None:
        groups.join(mine, theirs)
