"""What an import took and what it left out, and why: printed, so that nothing is dropped in silence."""

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Report"]


@dataclass(slots=True)
class Report:
    """Counts of what was taken, and every thing left out under the reason for it."""

    taken: dict[str, int] = field(default_factory=dict[str, int])
    dropped: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def take(self, what: str, count: int = 1) -> None:
        """Count what was taken."""
        self.taken[what] = self.taken.get(what, 0) + count

    def drop(self, reason: str, what: str) -> None:
        """Note what was left out, and why."""
        self.dropped.setdefault(reason, []).append(what)

    def lines(self, shown: int = 6) -> Iterator[str]:
        """For people: what was taken, then each reason with its first examples."""
        yield from (f"{count:6}  {what}" for what, count in self.taken.items())
        for reason, things in sorted(self.dropped.items()):
            unique = sorted(set(things))
            more = f" and {len(unique) - shown} more" if len(unique) > shown else ""
            yield f"{len(unique):6}  left out: {reason} ({', '.join(unique[:shown])}{more})"
