"""Which emitters are tried together, in which app and environment, and what an emitter is known not to tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from tests.real_emitters.environments import FRAMEWORKS, OPENAI_V2, Environment

__all__ = ["COMBINATIONS", "Combination"]

_NOTHING: frozenset[str] = frozenset()
_UNSEEN: dict[str, frozenset[str]] = {"otel-openai-v2": frozenset({"responses"})}
"""Endpoints of the provider that an emitter does not observe."""
_LOST: dict[str, frozenset[str]] = {
    # The releases of November 2026. What is lost is counted in the larger meter that contains it.
    "openllmetry-openai": frozenset({"reasoning", "cache_write"}),  # reasoning on streams only
    "otel-openai-v2": frozenset({"cache_read", "cache_write", "reasoning"}),
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
        """Meters that none of the emitters tells of."""
        return self._common(_LOST)

    @property
    def unseen(self) -> frozenset[str]:
        """Endpoints that none of the emitters observes."""
        return self._common(_UNSEEN)

    def _common(self, missing: Mapping[str, frozenset[str]]) -> frozenset[str]:
        first, *others = [missing.get(emitter, _NOTHING) for emitter in self.emitters] or [_NOTHING]
        return first.intersection(*others)


def _alone_and_in_pairs(app: str, *emitters: str) -> Iterator[Combination]:
    for size in (1, 2):
        yield from (Combination(app, chosen) for chosen in combinations(emitters, size))


COMBINATIONS: tuple[Combination, ...] = (
    *_alone_and_in_pairs(
        "openai_sdk", "spanledger", "otel-openai", "openllmetry-openai", "openinference-openai", "logfire-openai"
    ),
    *(
        Combination("openai_sdk", ("otel-openai-v2", *others), OPENAI_V2)
        for others in ((), ("spanledger",), ("openllmetry-openai",), ("openinference-openai",))
    ),
    Combination("anthropic_sdk", ()),  # the SDK makes spans by itself
    *_alone_and_in_pairs(
        "anthropic_sdk",
        *("spanledger", "otel-anthropic", "openllmetry-anthropic", "openinference-anthropic", "logfire-anthropic"),
    ),
)
