"""Rule 1: what agents, chains and workflows say of the calls within them is a check, or the only record there is."""

from collections.abc import Sequence

from spanledger_collector.settle.groups import Group, Groups
from spanledger_collector.settle.nodes import Node, depth_first

__all__ = ["place_aggregates"]


def place_aggregates(groups: Groups, aggregates: Sequence[Node]) -> None:
    """Attach every aggregate with usage to the calls within it; where none of these has usage, it becomes the call."""
    for node in depth_first([node for node in aggregates if node.metered]):
        within = groups.below(node)
        metered = [group for group in within if group.metered] or _around(groups, node)
        for group in metered:
            group.checks.append(node)
        if not metered:
            _become_call(groups, node, within)


def _around(groups: Groups, node: Node) -> list[Group]:
    """The nearest call that the aggregate lies in: a remote agent's span over what went on inside."""
    around = (groups.of(above) for above in node.above)
    return [group for group in around if group is not None and group.metered][:1]


def _become_call(groups: Groups, node: Node, within: list[Group]) -> None:
    """The sum is all that is known of the calls within; those that failed cost nothing and stay by themselves."""
    group = groups.add(node)
    group.flags.append("from_aggregate")
    for inner in within:
        if all(member.observation.error_type is None for member in inner.members):
            groups.join(group, inner)
