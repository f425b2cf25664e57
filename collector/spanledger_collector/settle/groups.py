"""Groups of nodes that tell of one call, grown by joining."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spanledger_collector.settle.nodes import Identity, Node

__all__ = ["Group", "Groups"]


@dataclass(slots=True, eq=False)
class Group:
    """What tells of one call: its `members`; `covers` enclose it and other calls; `checks` only compare with it.

    `owned_keys` are the response ids that name this call; `is_replay` says that it repeats the answer of another.
    """

    members: list[Node]
    covers: list[Node] = field(default_factory=list[Node])
    checks: list[Node] = field(default_factory=list[Node])
    flags: list[str] = field(default_factory=list[str])
    owned_keys: set[str] = field(default_factory=set[str])
    is_replay: bool = False

    @property
    def metered(self) -> bool:
        """Whether any member brings usage."""
        return any(node.metered for node in self.members)

    @property
    def order(self) -> tuple[int, bytes, bytes]:
        """The order of the earliest member."""
        return min(node.order for node in self.members)

    def metered_nodes(self) -> Iterator[Node]:
        """The members with usage."""
        return (node for node in self.members if node.metered)

    def response_keys(self) -> set[str]:
        """The response ids that members know."""
        return {node.response_key for node in self.members if node.response_key is not None}


class Groups:
    """A partition of nodes. Nodes that were put aside (`drop`) belong to no group."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._of: dict[Identity, Group] = {node.identity: Group([node]) for node in nodes}

    def of(self, node: Node) -> Group | None:
        """The group of a node; `None` for one that is in none."""
        return self._of.get(node.identity)

    def add(self, node: Node) -> Group:
        """Start a group with a node that was in none."""
        group = self._of[node.identity] = Group([node])
        return group

    def join(self, one: Group, other: Group) -> Group:
        """Make two groups one."""
        if one is other:
            return one
        one.members.extend(other.members)
        one.covers.extend(other.covers)
        one.checks.extend(other.checks)
        one.flags.extend(other.flags)
        for node in other.members:
            self._of[node.identity] = one
        return one

    def drop(self, node: Node) -> None:
        """Take a node that is alone out of the partition."""
        del self._of[node.identity]

    def all(self) -> list[Group]:
        """Every group once, in the order of their earliest members."""
        distinct = {id(group): group for group in self._of.values()}
        return sorted(distinct.values(), key=lambda group: group.order)

    def below(self, node: Node) -> list[Group]:
        """The groups of candidates within a node other than its own, in order."""
        own = self.of(node)
        found = {id(group): group for inner in node.below if (group := self.of(inner)) is not None and group is not own}
        return sorted(found.values(), key=lambda group: group.order)
