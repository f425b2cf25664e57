"""Which emitters are tried together, in which app and environment, and what an emitter is known not to tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from tests.real_emitters.environments import FRAMEWORKS, OPENAI_V2, Environment

from spanledger.meters import METER_BY_NAME

__all__ = ["COMBINATIONS", "Combination"]

_EXACT: frozenset[str] = frozenset()
_LOST: dict[str, frozenset[str]] = {
    # The releases of November 2026. What is lost is counted in the larger meter that contains it.
    "openllmetry-openai": frozenset({"reasoning", "cache_write"}),  # reasoning on streams only
}
"""Meters that an emitter does not tell of. Together with one that does, nothing may be lost."""


@dataclass(frozen=True, slots=True)
class Combination:
    """An app of `apps/`, run with all these emitters switched on, in this order."""

    app: str
    emitters: tuple[str, ...]
    environment: Environment = FRAMEWORKS

    @property
    def name(self) -> str:
        """How the test of it is called."""
        return f"{self.app}-{'+'.join(self.emitters) or 'nothing'}"

    @property
    def lost(self) -> frozenset[str]:
        """What none of the emitters tells."""
        lost = [_LOST.get(emitter, _EXACT) for emitter in self.emitters]
        return frozenset(meter for meter in METER_BY_NAME if lost and all(meter in each for each in lost))


def _alone_and_in_pairs(app: str, *emitters: str) -> Iterator[Combination]:
    for size in (1, 2):
        yield from (Combination(app, chosen) for chosen in combinations(emitters, size))


COMBINATIONS: tuple[Combination, ...] = (
    *_alone_and_in_pairs(
        "openai_sdk", "spanledger", "otel-openai", "openllmetry-openai", "openinference-openai", "logfire-openai"
    ),
    *(
        Combination("openai_sdk", emitters, OPENAI_V2)
        for emitters in (
            ("otel-openai-v2",),
            ("otel-openai-v2", "spanledger"),
            ("otel-openai-v2", "openllmetry-openai"),
            ("otel-openai-v2", "openinference-openai"),
        )
    ),
)
