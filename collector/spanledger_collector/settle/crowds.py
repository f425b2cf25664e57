"""Which observations of two emitters were there at one time: every two of them, but in a crowd only the nearest."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from spanledger_collector.settle.nodes import Node, Order

__all__ = ["CROWD", "at_once", "in_turn"]

CROWD: Final = 16
"""Where more of the other emitter began during one, it is compared with so many that began next and so many that ended
last before it: so thousands at one time cost no more than so many times their number."""


def at_once(some: Sequence[Node], others: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Pairs of one of some and one of others that overlap in time, the one that started first before the other; some
    pairs may come twice. Both are in their order.

    Who is left out in a crowd depends only on what overlaps the two: so settling step by step gives the same.
    """
    crowded = False
    for nodes, candidates in ((some, others), (others, some)):
        for node in nodes:
            first = bisect_right(candidates, node.order, key=_order)
            behind = bisect_right(candidates, node.observation.ended_ns, lo=first, key=_started_ns)
            crowded = crowded or behind - first > CROWD
            for place in range(first, min(behind, first + CROWD)):
                yield node, candidates[place]
    if crowded:
        yield from _ended_last(some, others)


def _ended_last(some: Sequence[Node], others: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Each with those of the others that ended during it, as many as are looked at: the same in mirrored time."""
    for nodes, candidates in ((some, others), (others, some)):
        by_end = sorted(candidates, key=_order_of_end)
        for node in nodes:
            behind = bisect_left(by_end, _order_of_end(node), key=_order_of_end)
            first = bisect_left(by_end, node.observation.started_ns, hi=behind, key=_ended_ns)
            for other in by_end[max(first, behind - CROWD) : behind]:
                yield (node, other) if node.order < other.order else (other, node)


def in_turn(some: Sequence[Node], others: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """For who is left over in a crowd: each with as many as are looked at of the others that go on when it begins, from
    the one that began first, which is left to it. So a thousand are not all compared with the same few.

    Both are in their order, and so are the pairs. Whom one finds there depends only on what overlaps it, on who began
    before it and overlaps that, and so on.
    """
    for nodes, candidates in ((some, others), (others, some)):
        begun, going_on = 0, deque[Node]()
        for node in candidates:
            behind = bisect_left(nodes, node.order, lo=begun, key=_order)
            going_on.extend(nodes[begun:behind])
            begun = behind
            found: list[Node] = []
            while going_on and len(found) < CROWD:
                earlier = going_on.popleft()
                if earlier.observation.ended_ns >= node.observation.started_ns:
                    found.append(earlier)
            yield from ((earlier, node) for earlier in found)
            going_on.extendleft(reversed(found[1:]))


def _order(node: Node) -> Order:
    return node.order


def _order_of_end(node: Node) -> Order:
    return node.observation.ended_ns, *node.identity


def _started_ns(node: Node) -> int:
    return node.observation.started_ns


def _ended_ns(node: Node) -> int:
    return node.observation.ended_ns
