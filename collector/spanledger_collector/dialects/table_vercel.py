"""Dialects of the Vercel AI SDK, by its generations."""

from typing import Final

from spanledger_collector.dialects import passed_on
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.names import GENERIC, Names
from spanledger_collector.dialects.passed_on import below, under

__all__ = ["VERCEL"]

_PASSED_ON: Final = "ai.response.providerMetadata"
_GOOGLE: Final = frozenset({"gcp.gemini", "gcp.vertex_ai"})
_EXCLUSIVE_BEFORE_V6: Final = frozenset({"anthropic", "aws.bedrock"})
_V6_DETAILS: Final = tuple(
    (f"ai.usage.{member}", None)
    for member in (
        "inputTokenDetails.noCacheTokens",
        "inputTokenDetails.cacheReadTokens",
        "inputTokenDetails.cacheWriteTokens",
        "outputTokenDetails.textTokens",
        "outputTokenDetails.reasoningTokens",
    )
)
_ANTHROPIC: Final = f"{_PASSED_ON}.anthropic.usage"
_NAMES: Final[Names] = {
    **below(_ANTHROPIC),
    "operation": ("ai.operationId", "gen_ai.operation.name"),
    "input": (*GENERIC["input"], "ai.usage.tokens"),
    "cache_read": (
        *GENERIC["cache_read"],
        *under(_ANTHROPIC, *passed_on.CACHE_READ),
        *under(
            _PASSED_ON,
            "anthropic.cacheReadInputTokens",
            "openai.cachedPromptTokens",
            "google.usageMetadata.cachedContentTokenCount",
        ),
    ),
    "cache_write": (
        *GENERIC["cache_write"],
        *under(_PASSED_ON, "anthropic.cacheCreationInputTokens", "openai.usage.cacheWriteTokens"),
    ),
    "cache_write_5m": (f"{_ANTHROPIC}.cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_1h": (f"{_ANTHROPIC}.cache_creation.ephemeral_1h_input_tokens",),
    "reasoning": (
        *GENERIC["reasoning"],
        *under(_ANTHROPIC, *passed_on.REASONING),
        *under(_PASSED_ON, "openai.reasoningTokens", "google.usageMetadata.thoughtsTokenCount"),
    ),
    "service_tier": (
        *GENERIC["service_tier"],
        *under(_PASSED_ON, "openai.serviceTier", "anthropic.usage.service_tier", "google.serviceTier"),
    ),
}
"""Embeddings have a name of their own; what is counted within input and output stands, in v4 and v5, only in what the
provider's package passes on."""

VERCEL: Final[tuple[Dialect, ...]] = (
    Dialect(
        id="vercel-ai-6",
        scopes=("ai",),
        needs=_V6_DETAILS,
        source_rank=1,
        unpack=(_PASSED_ON,),
        names=_NAMES,
        notes="From v6 on, input contains cached tokens with every provider.",
    ),
    Dialect(
        id="vercel-ai",
        scopes=("ai",),
        source_rank=1,
        unpack=(_PASSED_ON,),
        names=_NAMES,
        cache_outside=_EXCLUSIVE_BEFORE_V6,
        reasoning_outside=_GOOGLE,
        notes="v4 (4.3) and v5: input is the provider's own count, without cached tokens for Anthropic; output lacks "
        "thoughts for Google, of which v4 tells nothing, so that they cost too little. v5 does not tell what "
        "generateText read from OpenAI's cache. Streams without usage have counts of NaN. The outer "
        "ai.generateText carries the sum of its .doGenerate spans.",
    ),
    Dialect(
        id="vercel-ai-otel",
        scopes=("gen_ai", "@ai-sdk/otel*"),
        source_rank=1,
        operations={"invoke_agent": "aggregate"},
        notes="v7 (@ai-sdk/otel 1.0), whose scope has no name of its own: the root invoke_agent repeats the sum under "
        "the names of a call. Reasoning is within the output.",
    ),
)
