"""Rule 3 across traces: twins, which are observations of one call by two emitters of one process that share neither a
response id nor a path."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, repeat, takewhile
from typing import Final

from spanledger_collector.settle.crowds import at_once, in_turn
from spanledger_collector.settle.groups import Group, Groups
from spanledger_collector.settle.nodes import Ancestry, Node, Order
from spanledger_collector.settle.pairing import most_pairs
from spanledger_collector.settle.roots import begins_trace
from spanledger_collector.settle.rules import same_model

__all__ = ["APART_NS", "CELL_NS", "CLOSE_NS", "HANDED_OVER_NS", "join_twins", "near_an_edge"]

CELL_NS: Final = 600_000_000_000
"""Observations without usage are compared within ten minutes, so that a storm of them is not compared with itself for
hours; over the edge between two of these only where one has nothing else to be compared with."""

HANDED_OVER_NS: Final = 100_000_000
"""Some frameworks end their span of a stream when they hand it on, a moment before the SDK sends the request."""

APART_NS: Final = 2_000_000_000
"""Without counts to compare, two that tell of one call begin together or end together."""

CLOSE_NS: Final = 30_000_000
"""What began and ended as close together as that (the geometric mean of the two gaps) is joined in as many pairs as can
be, the rest one by one. With less, more twins are left over where calls of equal usage run at once; with more, more
calls that only one emitter saw are joined with another. Decision 3 has the figures."""

_CLOCK_NS: Final = 1_000_000
"""No two moments are closer than that: what some emitters' clocks tell, and what two layers of a program take."""

_ROUNDS: Final = 8
"""So often those are looked at who are left over in a crowd. Nobody is after four where thousands began at once and
ended at once; what models keep apart may take as many rounds as there are spans."""

_Pair = tuple[Node, Node]
"""Two observations, the one that started first before the other."""

_Compare = Callable[[Sequence[Node], Sequence[Node]], Iterator[_Pair]]
"""Which of two emitters' observations, in their order, are compared."""

_Fitting = tuple[Group, Group]
"""A call without usage, and a metered one that may be the same."""


def join_twins(groups: Groups, candidates: Sequence[Node], ancestry: Ancestry) -> None:
    """Two emitters in one process saw the same model use the same tokens, or one of them saw none used, the one call
    for the better part during the other.

    Each call of one emitter is paired with at most one of another.
    """
    _join_equal(groups, candidates)
    without_usage = [pair for pair in _without_usage(groups, candidates) if _may_be_one(*pair, ancestry)]
    _join_pairs(groups, [pair for pair in without_usage if not (pair[0].metered or pair[1].metered)])
    _join_balanced(groups, without_usage)


def _join_equal(groups: Groups, candidates: Iterable[Node]) -> None:
    """Join those with equal counts. In a crowd not all are compared with all: where hundreds began before any of the
    others did, they all are compared with the same few of these. So who is left over then is compared again."""
    by_usage: dict[tuple[object, ...], dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in candidates:
        if node.twin_parts is not None:
            by_usage[node.twin_parts][node.observation.dialect].append(node)
    several = [emitters for emitters in by_usage.values() if len(emitters) > 1]
    for compare in (at_once, *repeat(in_turn, _ROUNDS)):
        pairs = [pair for emitters in several for pair in _with_equal_counts(groups, emitters, compare)]
        if not _join_pairs(groups, pairs):
            return


def _join_pairs(groups: Groups, pairs: Iterable[_Pair]) -> bool:
    """Join what began and ended close together, in as many pairs as can be: what each emitter saw with what those
    nearer to the provider did, who see more. Then join what is left, the closest first; for these nobody changes
    partners, since a call that only one emitter saw is as likely. Whether any were joined."""
    closest_first = sorted(pairs, key=_closest)
    by_outer: defaultdict[tuple[int, str], list[_Pair]] = defaultdict(list)
    for one, other in takewhile(_is_close, closest_first):
        inner, outer = (one, other) if _emitter(one) < _emitter(other) else (other, one)
        by_outer[_emitter(outer)].append((inner, outer))
    joined = False
    for _, seen in sorted(by_outer.items()):  # of two that may be one, the right one alone has that emitter: two sides
        for mine, theirs in most_pairs(dict.fromkeys(_joinable(groups, seen))):
            groups.join(mine, theirs).flags.append("probable_duplicate")
            joined = True
    for mine, theirs in _joinable(groups, closest_first):
        groups.join(mine, theirs).flags.append("probable_duplicate")
        joined = True
    return joined


def _joinable(groups: Groups, pairs: Iterable[_Pair]) -> Iterator[tuple[Group, Group]]:
    """The groups of the pairs, where they may be one call, as they are when it is the pair's turn."""
    for one, other in pairs:
        mine, theirs = groups.of(one), groups.of(other)
        if mine is not None and theirs is not None and mine is not theirs and not _both_saw(mine, theirs):
            yield mine, theirs


def _emitter(node: Node) -> tuple[int, str]:
    """The emitter, those nearer to the provider before others."""
    return node.observation.source_rank, node.observation.dialect


def _with_equal_counts(groups: Groups, emitters: Mapping[str, Sequence[Node]], compare: _Compare) -> Iterator[_Pair]:
    """The twins among what emitters saw of one usage, as far as no group has both yet."""
    for one, other in combinations(emitters, 2):
        some, others = _unseen(groups, emitters[one], other), _unseen(groups, emitters[other], one)
        yield from (pair for pair in _comparable(some, others, compare) if _is_twin(*pair))


def _unseen(groups: Groups, nodes: Sequence[Node], emitter: str) -> list[Node]:
    """Those whose group has nothing of that emitter."""
    return [
        node
        for node in nodes
        if (group := groups.of(node)) is not None
        and all(member.observation.dialect != emitter for member in group.members)
    ]


def _comparable(some: Sequence[Node], others: Sequence[Node], compare: _Compare) -> Iterator[_Pair]:
    """What two emitters saw at one time, except where both know a response id: no two of these are twins."""
    nameless = [node for node in others if node.response_key is None]
    yield from compare([node for node in some if node.response_key is not None], nameless)
    yield from compare([node for node in some if node.response_key is None], others)


def _started_from(nodes: Sequence[Node], started_ns: int) -> Iterator[Node]:
    """Of nodes in the order of their start, those that started then or later."""
    for position in range(bisect_left(nodes, started_ns, key=_started), len(nodes)):
        yield nodes[position]


def _started(node: Node) -> int:
    return node.observation.started_ns


def _closest(pair: _Pair) -> tuple[int, Order, Order]:
    """How far apart two began, times how far apart they ended (ns²): one end may be late if the other fits the better.
    Of many calls at once some two always begin or end together by chance; that they do both is rare."""
    one, other = pair
    mine, theirs = one.observation, other.observation
    began = abs(mine.started_ns - theirs.started_ns) + _CLOCK_NS
    ended = abs(mine.ended_ns - theirs.ended_ns) + _CLOCK_NS
    return began * ended, one.order, other.order


def _is_close(pair: _Pair) -> bool:
    return _closest(pair)[0] <= CLOSE_NS**2


def _apart_ns(one: Node, other: Node) -> int:
    mine, theirs = one.observation, other.observation
    return min(abs(mine.started_ns - theirs.started_ns), abs(mine.ended_ns - theirs.ended_ns))


def _is_twin(node: Node, later: Node) -> bool:
    if node in later.above or later in node.above:
        return False
    if node.response_key is not None and later.response_key is not None:
        return False
    return _share_most(node, later) and same_model(node, later)


def _share_most(node: Node, later: Node) -> bool:
    """Whether the shorter of two was for the better part during the other."""
    one, other = node.observation, later.observation
    together = min(one.ended_ns, other.ended_ns) - other.started_ns
    shorter = min(one.ended_ns - one.started_ns, other.ended_ns - other.started_ns)
    return together >= 0 and 2 * together >= shorter


def _both_saw(one: Group, other: Group) -> bool:
    """Whether some emitter has a span of its own in both groups, or both know a response id: then they are two
    calls."""
    if one.response_keys() and other.response_keys():
        return True
    mine = {node.observation.dialect for node in one.members}
    return any(node.observation.dialect in mine for node in other.members)


def _without_usage(groups: Groups, candidates: Iterable[Node]) -> Iterator[_Pair]:
    """Observations of two emitters, at least one of them without counts, that are compared because process, model and
    outcome are the same."""
    by_model: dict[tuple[object, ...], list[Node]] = defaultdict(list)
    for node in candidates:
        if node.model_parts is not None:
            by_model[node.model_parts].append(node)
    for nodes in by_model.values():
        pairs = [*_unseen_pairs(groups, nodes)]
        if all(_same_cell(*pair) for pair in pairs):
            yield from pairs
        else:  # who has nothing else to be compared with, all of them tell
            yield from _within_reach(list(_compared(nodes)))


def _unseen_pairs(groups: Groups, nodes: Sequence[Node]) -> Iterator[_Pair]:
    """Those of `_compared` that no group keeps apart. In a storm of failures nearly all are in a group with both
    emitters, by their path: to compare thousands of them with one another would take minutes."""
    by_emitter: defaultdict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_emitter[node.observation.dialect].append(node)
    for one, other in combinations(by_emitter, 2):
        some, others = _unseen(groups, by_emitter[one], other), _unseen(groups, by_emitter[other], one)
        yield from _compared(sorted((*some, *others), key=lambda node: node.order))


def _compared(nodes: Sequence[Node]) -> Iterator[_Pair]:
    """Nodes of two emitters, in the order of their start, of which one has no counts, with the other near in time: the
    question that `settling.neighbours` asks of the index."""
    without = [node for node in nodes if node.twin_parts is None]
    if not without or len({node.observation.dialect for node in nodes}) == 1:
        return
    for node in nodes:
        until = node.observation.ended_ns + HANDED_OVER_NS
        for other in _started_from(nodes if node.twin_parts is None else without, node.observation.started_ns):
            if other.observation.started_ns > until:
                break
            if other.order > node.order and _met(node, other):
                yield node, other


def _met(one: Node, other: Node) -> bool:
    """Whether two emitters may have seen one piece of work: in two traces only where one of them begins its own."""
    mine, theirs = one.observation, other.observation
    if mine.dialect == theirs.dialect:
        return False
    if _apart_ns(one, other) > APART_NS or not (_same_cell(one, other) or _began_together(one, other)):
        return False
    return mine.trace_id == theirs.trace_id or begins_trace(mine) or begins_trace(theirs)


def _within_reach(pairs: Sequence[_Pair]) -> Iterator[_Pair]:
    """The pairs of one cell of time, and those over an edge in which neither has anything else to be compared with:
    these are found without following what goes on without a pause from cell to cell."""
    inside, across = Counter[Order](), Counter[Order]()
    for pair in pairs:
        counted = inside if _same_cell(*pair) else across
        counted.update(node.order for node in pair)
    for pair in pairs:
        if _same_cell(*pair) or all(not inside[node.order] and across[node.order] == 1 for node in pair):
            yield pair


def _began_together(one: Node, other: Node) -> bool:
    return abs(_started(one) - _started(other)) <= APART_NS


def near_an_edge(started_ns: int) -> bool:
    """Whether what started then may be compared with something in another cell of time."""
    return (started_ns - APART_NS) // CELL_NS != (started_ns + APART_NS) // CELL_NS


def _same_cell(one: Node, other: Node) -> bool:
    return _started(one) // CELL_NS == _started(other) // CELL_NS


def _may_be_one(node: Node, later: Node, ancestry: Ancestry) -> bool:
    """Whether two, of which one has no usage, tell of one call by all that can be known."""
    if node.metered and later.metered:
        return False
    together = _is_twin(node, later) or (_is_handed_over(node, later) and same_model(node, later))
    return together and _of_one_context(node, later, ancestry)


def _is_handed_over(node: Node, later: Node) -> bool:
    """Whether a framework's span, which saw nothing, ended when the SDK began."""
    mine, theirs = node.observation, later.observation
    saw_nothing = not node.metered and node.response_key is None
    return saw_nothing and mine.source_rank > theirs.source_rank and mine.ended_ns <= theirs.started_ns


def _of_one_context(one: Node, other: Node, ancestry: Ancestry) -> bool:
    """Whether one of two that met was made where the other was, or further in: not in two branches of a trace."""
    mine, theirs = one.observation, other.observation
    if mine.trace_id != theirs.trace_id or mine.parent_span_id is None or theirs.parent_span_id is None:
        return True
    return mine.parent_span_id in ancestry.of(other) or theirs.parent_span_id in ancestry.of(one)


def _join_balanced(groups: Groups, pairs: Iterable[_Pair]) -> None:
    """Join calls without usage to metered ones, where there is exactly one for each: with more of the one than of the
    other, it could not be told which is which."""
    for part in _connected(_fitting(groups, pairs)):
        chosen = most_pairs(part)
        if 2 * len(chosen) == len({id(group) for fitting in part for group in fitting}):
            for bare, metered in chosen:
                groups.join(metered, bare).flags.append("probable_duplicate")


def _fitting(groups: Groups, pairs: Iterable[_Pair]) -> list[_Fitting]:
    """Groups without usage, each with every metered one that it fits, the closest first."""
    found: dict[tuple[int, int], _Fitting] = {}
    for one, other in sorted(pairs, key=_closest):
        mine, theirs = groups.of(one), groups.of(other)
        if mine is None or theirs is None or mine.metered == theirs.metered or _both_saw(mine, theirs):
            continue
        bare, metered = (theirs, mine) if mine.metered else (mine, theirs)
        found.setdefault((id(bare), id(metered)), (bare, metered))
    return list(found.values())


def _connected(found: Sequence[_Fitting]) -> Iterable[list[_Fitting]]:
    """What shares a group, directly or through others, together, each in its order."""
    linked: dict[int, int] = {}

    def root(group: Group) -> int:
        at = linked.setdefault(id(group), id(group))
        while linked[at] != at:
            linked[at] = at = linked[linked[at]]
        return at

    for bare, metered in found:
        linked[root(bare)] = root(metered)
    parts: defaultdict[int, list[_Fitting]] = defaultdict(list)
    for fitting in found:
        parts[root(fitting[0])].append(fitting)
    return parts.values()
