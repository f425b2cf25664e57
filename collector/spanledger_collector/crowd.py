"""The connections of one port: as many as there is room for, and whoever has most of them gives way to others.

What one more costs here does not depend on how many are idle: who opens thousands must not keep this process busy with
choosing among them.
"""

from typing import Protocol

__all__ = ["Counted", "Crowd"]


class Counted(Protocol):
    """A connection, from its first moment to its last. Its host stays the same."""

    @property
    def host(self) -> str:
        """Whose it is."""
        ...

    @property
    def is_serving(self) -> bool:
        """Whether a request came on it that is not answered yet."""
        ...

    def give_up(self) -> None:
        """Close it: what was under way is sent again."""

    def refuse(self) -> None:
        """Close it as soon as it came, and ask the client to come again where it would understand."""


class Crowd:
    """Who is connected, by host; of each host, whoever has been idle for longest comes first. For one event loop."""

    def __init__(self, most: int) -> None:
        """There is room for so many."""
        self._most = most
        self._count = 0
        self._of: dict[str, dict[Counted, None]] = {}

    def enter(self, newcomer: Counted) -> None:
        """Make room for it, or refuse it."""
        self._of.setdefault(newcomer.host, {})[newcomer] = None
        self._count += 1
        if self._count > self._most:
            self._make_room(newcomer)

    def leave(self, one: Counted) -> None:
        """It is closed, whoever did that."""
        theirs = self._of.get(one.host, {})
        if one in theirs:
            del theirs[one]
            self._count -= 1
        if not theirs:
            self._of.pop(one.host, None)

    def rest(self, one: Counted) -> None:
        """It was answered: it is idle from now on."""
        theirs = self._of.get(one.host, {})
        if one in theirs:
            theirs[one] = theirs.pop(one)

    def _make_room(self, newcomer: Counted) -> None:
        """Close one of whoever has most. A newcomer of that host is refused if nothing of its is idle."""
        theirs = max(self._of.values(), key=len)
        idle = next((one for one in theirs if one is not newcomer and not one.is_serving), None)
        if idle is None and newcomer in theirs:
            self.leave(newcomer)
            newcomer.refuse()
        else:
            gone = idle or next(iter(theirs))
            self.leave(gone)
            gone.give_up()
