"""Which emitters are tried together, in which app and environment, and what an emitter is known not to tell of."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import reduce
from itertools import combinations

from tests.real_emitters.environments import (
    ADK,
    FRAMEWORKS,
    GOOGLE_2,
    LLAMA_INDEX,
    MISTRAL_1,
    MLFLOW,
    OLDER_SDKS,
    OPENAI_V2,
    OTHER_SDKS,
    STRANDS,
    TRACERS,
    Environment,
)

__all__ = ["COMBINATIONS", "Combination", "Lacks"]


@dataclass(frozen=True, slots=True)
class Lacks:
    """What cannot be in the ledger, because nobody tells of it: `meters`, which are counted in the larger ones that
    contain them; all usage of the provider's `endpoints`, or of their `streams`; every call of the `unseen` ones."""

    meters: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()

    def and_of(self, other: "Lacks") -> "Lacks":
        """What another emitter does not tell of either."""
        return Lacks(*(getattr(self, part.name) & getattr(other, part.name) for part in fields(Lacks)))


_NOTHING = Lacks()
_TTL = frozenset({"cache_write_5m", "cache_write_1h"})
_LACKS: dict[str, Lacks] = {
    # The releases of November 2026.
    "openllmetry-openai": Lacks(frozenset({"reasoning", "cache_write"})),  # reasoning of streams only
    "otel-sdks": Lacks(_TTL),
    "openinference-sdks": Lacks(_TTL),
    "openllmetry-sdks": Lacks(frozenset({"reasoning", "cache_write"})),
    "openllmetry-langchain": Lacks(frozenset({"reasoning"})),
    "openinference-langchain": Lacks(frozenset({"cache_write"})),
    "openllmetry-openai-agents": Lacks(frozenset({"cache_write"}), endpoints=frozenset({"chat.completions"})),
    "openinference-llama-index": Lacks(
        frozenset({"reasoning"}), endpoints=frozenset({"embeddings"}), streams=frozenset({"responses"})
    ),
    "openlit": Lacks(_TTL | {"reasoning"}),
    "litellm-2": Lacks(_TTL | {"reasoning"}),
    "openinference-litellm": Lacks(_TTL | {"cache_write"}),
    "langfuse-openai": Lacks(frozenset({"cache_write"})),
    "langsmith-sdks": Lacks(frozenset({"cache_write"}), unseen=frozenset({"embeddings"})),
    "mlflow-openai": Lacks(frozenset({"cache_write", "reasoning"}), endpoints=frozenset({"embeddings"})),
    "mlflow-langchain": Lacks(frozenset({"reasoning"})),
    "strands": Lacks(frozenset({"reasoning"})),
    "otel-openai-v2": Lacks(frozenset({"cache_read", "cache_write", "reasoning"}), unseen=frozenset({"responses"})),
}
"""What an emitter does not tell of. Together with one that does, nothing may be missing."""


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
    def lacks(self) -> Lacks:
        """What none of the emitters tells of."""
        return reduce(Lacks.and_of, (_LACKS.get(emitter, _NOTHING) for emitter in self.emitters or ("",)))


def _framework(
    app: str, framework: str, *others: tuple[str, ...], environment: Environment = FRAMEWORKS
) -> Iterator[Combination]:
    """A framework's instrumentation alone, with ours, and with others of what lies below it."""
    yield from (Combination(app, (framework, *more), environment) for more in ((), ("spanledger",), *others))


def _alone_and_in_pairs(app: str, *emitters: str, environment: Environment = FRAMEWORKS) -> Iterator[Combination]:
    for size in (1, 2):
        yield from (Combination(app, chosen, environment) for chosen in combinations(emitters, size))


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
    *(Combination(app, ("spanledger",)) for app in ("langchain_chat", "openai_agents", "pydantic_ai_agent")),
    *_framework("langchain_chat", "otel-langchain", ("otel-sdks",), ("openinference-sdks",)),
    *_framework("langchain_chat", "openllmetry-langchain", ("openllmetry-sdks",), ("otel-sdks",)),
    *_framework("langchain_chat", "openinference-langchain", ("openinference-sdks",), ("openllmetry-sdks",)),
    *(
        Combination("openai_sdk", emitters, TRACERS)
        for emitters in (
            ("langfuse-openai",),
            ("langfuse-openai", "spanledger"),
            ("langfuse-openai", "openllmetry-openai"),
            ("langsmith-sdks",),
            ("langsmith-sdks", "spanledger"),
        )
    ),
    *_framework("langchain_chat", "langfuse-langchain", ("langfuse-openai",), environment=TRACERS),
    *_framework("langchain_chat", "langsmith", ("openinference-openai",), environment=TRACERS),
    Combination("openai_sdk", ("mlflow-openai",), MLFLOW),
    Combination("openai_sdk", ("mlflow-openai", "spanledger"), MLFLOW),
    *_framework("langchain_chat", "mlflow-langchain", ("mlflow-openai",), environment=MLFLOW),
    *(Combination("mistral_sdk", ("openllmetry-mistralai", *more), MISTRAL_1) for more in ((), ("spanledger",))),
    *_framework("strands_agent", "strands", ("openllmetry-sdks",), ("openinference-openai",), environment=STRANDS),
    *_framework("adk_agent", "google-adk", ("openllmetry-google-genai",), environment=ADK),
    # By itself, it writes all of an agent's calls onto one span, so that the last is left.
    Combination("adk_agent", ("openinference-google-adk", "openinference-google-genai"), ADK),
    Combination("openai_agents", ("otel-openai-agents", "otel-openai")),  # by itself, it leaves the calls to that
    Combination("openai_agents", ("otel-openai-agents", "spanledger")),
    *_framework("openai_agents", "openllmetry-openai-agents", ("openllmetry-openai",), ("otel-openai",)),
    *_framework("openai_agents", "openinference-openai-agents", ("openinference-openai",), ("otel-openai",)),
    *_framework("pydantic_ai_agent", "pydantic-ai", ("otel-sdks",), ("openllmetry-sdks",), ("openinference-sdks",)),
    *_framework("pydantic_ai_agent", "logfire-pydantic-ai", ("logfire-sdks",)),
    Combination("llama_index_chat", ("spanledger",), LLAMA_INDEX),
    Combination("llama_index_chat", ("otel-llama-index", "otel-sdks"), LLAMA_INDEX),
    Combination("llama_index_chat", ("openllmetry-llama-index", "spanledger"), LLAMA_INDEX),
    *_framework("llama_index_chat", "openinference-llama-index", ("openinference-sdks",), environment=LLAMA_INDEX),
    Combination("litellm_completion", ("spanledger",), OLDER_SDKS),
    *_framework("litellm_completion", "litellm", ("otel-sdks",), ("openllmetry-sdks",), environment=OLDER_SDKS),
    *_framework("litellm_completion", "litellm-2", ("otel-sdks",), ("openinference-sdks",), environment=OLDER_SDKS),
    *_framework("litellm_completion", "openinference-litellm", ("openinference-sdks",), environment=OLDER_SDKS),
    *_framework("litellm_completion", "openlit", environment=OLDER_SDKS),
    *(Combination("litellm_cache", (emitter,), OLDER_SDKS) for emitter in ("spanledger", "litellm", "litellm-2")),
    *(
        Combination("mistral_sdk", emitters, OTHER_SDKS)
        for emitters in (
            ("spanledger",),
            ("mistral-native",),
            ("mistral-native", "spanledger"),
            ("openinference-mistralai",),
            ("openinference-mistralai", "spanledger"),
            ("openinference-mistralai", "mistral-native"),
        )
    ),
    *_alone_and_in_pairs(
        "google_genai_sdk",
        *("spanledger", "openinference-google-genai", "openllmetry-google-genai"),
        environment=OTHER_SDKS,
    ),
    *(
        Combination("google_genai_sdk", ("otel-google-genai", *others), GOOGLE_2)
        for others in ((), ("spanledger",), ("openinference-google-genai",))
    ),
)
