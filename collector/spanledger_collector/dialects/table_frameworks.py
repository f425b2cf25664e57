"""Dialects of frameworks, gateways and tracing products."""

from typing import Final

from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.names import GENERIC, Names

__all__ = ["FRAMEWORKS"]

_DETAILS: Final = "langfuse.observation.usage_details"
_COSTS: Final = "langfuse.observation.cost_details"
_LANGSMITH_INPUT: Final = "gen_ai.usage.input_token_details"
_LANGSMITH_OUTPUT: Final = "gen_ai.usage.output_token_details"
_MLFLOW: Final = "mlflow.chat.tokenUsage"
_MLFLOW_COST: Final = "mlflow.llm.cost"
_LOGFIRE: Final = "gen_ai.usage.raw"
_LITELLM: Final = "metadata.usage_object"
_VERCEL: Final = "ai.response.providerMetadata"
_LOGFIRE_ANSWERS: Final = (
    ("gen_ai.response.id", None),
    ("gen_ai.usage.input_tokens", None),
    ("logfire.level_num", None),
)
_GOOGLE: Final = frozenset({"gcp.gemini", "gcp.vertex_ai"})
_EXCLUSIVE_BEFORE_V6: Final = frozenset({"anthropic", "aws.bedrock"})
_LITELLM_WHO: Final[Names] = {
    "user": (*GENERIC["user"], "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
    "org": (*GENERIC["org"], "metadata.user_api_key_org_id", "metadata.user_api_key_team_id"),
}
_LITELLM_TTL: Final = f"{_LITELLM}.prompt_tokens_details.cache_creation_token_details"
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

# What the providers themselves call what they count within input and output, in records that are passed on whole.
_PROVIDERS_CACHE_READ: Final = (
    "cache_read_input_tokens",
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
)
_PROVIDERS_CACHE_WRITE: Final = (
    "cache_creation_input_tokens",
    "prompt_tokens_details.cache_write_tokens",
    "input_tokens_details.cache_write_tokens",
)
_PROVIDERS_REASONING: Final = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_tokens_details.thinking_tokens",
)


def _under(attribute: str, *members: str) -> tuple[str, ...]:
    return tuple(f"{attribute}.{member}" for member in members)


_VERCEL_ANTHROPIC: Final = f"{_VERCEL}.anthropic.usage"
_VERCEL_NAMES: Final[Names] = {
    "operation": ("ai.operationId", "gen_ai.operation.name"),
    "input": (*GENERIC["input"], "ai.usage.tokens"),
    "cache_read": (
        *GENERIC["cache_read"],
        *_under(_VERCEL_ANTHROPIC, *_PROVIDERS_CACHE_READ),
        *_under(
            _VERCEL,
            "anthropic.cacheReadInputTokens",
            "openai.cachedPromptTokens",
            "google.usageMetadata.cachedContentTokenCount",
        ),
    ),
    "cache_write": (
        *GENERIC["cache_write"],
        *_under(_VERCEL, "anthropic.cacheCreationInputTokens", "openai.usage.cacheWriteTokens"),
    ),
    "cache_write_5m": (f"{_VERCEL_ANTHROPIC}.cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_1h": (f"{_VERCEL_ANTHROPIC}.cache_creation.ephemeral_1h_input_tokens",),
    "reasoning": (
        *GENERIC["reasoning"],
        *_under(_VERCEL_ANTHROPIC, *_PROVIDERS_REASONING),
        *_under(_VERCEL, "openai.reasoningTokens", "google.usageMetadata.thoughtsTokenCount"),
    ),
    "service_tier": (
        *GENERIC["service_tier"],
        *_under(_VERCEL, "openai.serviceTier", "anthropic.usage.service_tier"),
    ),
}
"""Embeddings have a name of their own; what is counted within input and output stands, in v4 and v5, only in what the
provider's package passes on."""


_PRODUCTS: Final = (
    Dialect(
        id="langfuse",
        scopes=("langfuse-sdk*", "langfuse*"),
        markers=(("langfuse.observation.type", None),),
        source_rank=2,
        unpack=(_DETAILS, _COSTS),
        cache_outside=ANY_PROVIDER,
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        names={
            "operation": ("langfuse.observation.type",),
            "input": (f"{_DETAILS}.input", f"{_DETAILS}.prompt_tokens", f"{_DETAILS}.input_tokens"),
            "output": (f"{_DETAILS}.output", f"{_DETAILS}.completion_tokens", f"{_DETAILS}.output_tokens"),
            "cache_read": (
                f"{_DETAILS}.input_cache_read",
                f"{_DETAILS}.input_cached_tokens",
                f"{_DETAILS}.cache_read_input_tokens",
                f"{_DETAILS}.prompt_tokens_details.cached_tokens",
                f"{_DETAILS}.input_tokens_details.cached_tokens",
            ),
            "cache_write": (f"{_DETAILS}.input_cache_creation", f"{_DETAILS}.cache_creation_input_tokens"),
            "reasoning": (
                f"{_DETAILS}.output_reasoning",
                f"{_DETAILS}.output_reasoning_tokens",
                f"{_DETAILS}.completion_tokens_details.reasoning_tokens",
                f"{_DETAILS}.output_tokens_details.reasoning_tokens",
            ),
            "total": (f"{_DETAILS}.total", f"{_DETAILS}.total_tokens"),
            "emitter_cost_usd": (f"{_COSTS}.total",),
        },
        notes="5.0.4: the LangChain handler writes disjoint counts, the OpenAI wrapper OpenAI's own inclusive ones; "
        "the total tells which. Without a total they are taken as disjoint.",
    ),
    Dialect(
        id="langsmith",
        scopes=("langsmith*",),
        markers=(("langsmith.span.kind", None),),
        source_rank=2,
        unpack=(_LANGSMITH_INPUT, _LANGSMITH_OUTPUT),
        names={
            "operation": ("langsmith.span.kind",),
            "cache_read": (f"{_LANGSMITH_INPUT}.cache_read",),
            "cache_write": (f"{_LANGSMITH_INPUT}.cache_creation",),
            "cache_write_5m": (f"{_LANGSMITH_INPUT}.ephemeral_5m_input_tokens",),
            "cache_write_1h": (f"{_LANGSMITH_INPUT}.ephemeral_1h_input_tokens",),
            "input_audio": (f"{_LANGSMITH_INPUT}.audio",),
            "reasoning": (f"{_LANGSMITH_OUTPUT}.reasoning",),
            "output_audio": (f"{_LANGSMITH_OUTPUT}.audio",),
        },
        notes="0.15: details are a printed Python dict; chains carry sums; the total is added up.",
    ),
    Dialect(
        id="mlflow",
        scopes=("mlflow*",),
        markers=(("mlflow.spanType", None),),
        source_rank=2,
        quoted=True,
        unpack=(_MLFLOW, _MLFLOW_COST),
        names={
            "operation": ("mlflow.spanType",),
            "input": (f"{_MLFLOW}.input_tokens",),
            "output": (f"{_MLFLOW}.output_tokens",),
            "cache_read": (f"{_MLFLOW}.cache_read_input_tokens",),
            "cache_write": (f"{_MLFLOW}.cache_creation_input_tokens",),
            "cache_write_1h": (f"{_MLFLOW}.cache_creation_input_tokens_above_1hr",),
            "total": (f"{_MLFLOW}.total_tokens",),
            "emitter_cost_usd": (f"{_MLFLOW_COST}.total_cost",),
        },
        notes="3.18: attribute values are JSON texts. Its export to GenAI conventions drops the cache.",
    ),
)

_AGENT_FRAMEWORKS: Final = (
    Dialect(
        id="pydantic-ai",
        scopes=("pydantic-ai*",),
        source_rank=2,
        names={"reasoning": (*GENERIC["reasoning"], "gen_ai.usage.details.reasoning_tokens")},
        role_names={"agent run": "aggregate"},
        notes="2.x keeps sums of an agent under gen_ai.aggregated_usage.*, older ones under the names of a call. Of "
        "gen_ai.usage.details.* all but the reasoning repeats the counts.",
    ),
    Dialect(
        id="logfire-anthropic-before-4.31",
        scopes=("logfire.anthropic*",),
        before="4.31",
        needs=_LOGFIRE_ANSWERS,
        source_rank=1,
        flags=("cached_tokens_missing",),
        notes="Up to 4.30 (read from the releases): input is Anthropic's own count, without cached tokens, which stand "
        "nowhere else. What it costs is too little by these.",
    ),
    Dialect(
        id="logfire",
        scopes=("logfire*",),
        needs=_LOGFIRE_ANSWERS,
        source_rank=1,
        unpack=(_LOGFIRE,),
        names={
            "cache_read": (*GENERIC["cache_read"], *_under(_LOGFIRE, *_PROVIDERS_CACHE_READ)),
            "cache_write": (*GENERIC["cache_write"], *_under(_LOGFIRE, *_PROVIDERS_CACHE_WRITE)),
            "cache_write_5m": (f"{_LOGFIRE}.cache_creation.ephemeral_5m_input_tokens",),
            "cache_write_1h": (f"{_LOGFIRE}.cache_creation.ephemeral_1h_input_tokens",),
            "reasoning": (*GENERIC["reasoning"], *_under(_LOGFIRE, *_PROVIDERS_REASONING)),
            "service_tier": (*GENERIC["service_tier"], f"{_LOGFIRE}.service_tier"),
            "lasted": ("duration",),
        },
        notes="5.4: counts within the input and the output stand only in the provider's own record of usage. The usage "
        "of a stream stands on a log record (with a level) after the span of its request, without response id, at the "
        "stream's end; its duration is that of the reading. Inside its spans it suppresses other instrumentations, and "
        "so the Anthropic SDK's own spans, but not those of streams.",
    ),
    Dialect(
        id="logfire-stream-request",
        scopes=("logfire*",),
        operations={"chat": "ignored", "text_completion": "ignored"},
        source_rank=1,
        notes="What neither failed (has no level) nor has an answer: the request of a stream, told of by its record.",
    ),
    Dialect(
        id="vercel-ai-6",
        scopes=("ai",),
        needs=_V6_DETAILS,
        source_rank=1,
        unpack=(_VERCEL,),
        names=_VERCEL_NAMES,
        notes="From v6 on, input contains cached tokens with every provider.",
    ),
    Dialect(
        id="vercel-ai",
        scopes=("ai",),
        source_rank=1,
        unpack=(_VERCEL,),
        names=_VERCEL_NAMES,
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
    Dialect(
        id="google-adk",
        scopes=("gcp.vertex.agent*", "google.adk*"),
        source_rank=2,
        operations={"invoke_agent": "aggregate"},
        notes="2.13: input is prompt + tool use, output candidates + thoughts; with schema v1 both call_llm and "
        "generate_content carry the usage of one call.",
    ),
    Dialect(
        id="strands",
        scopes=("strands*",),
        markers=(("gen_ai.system", "strands-agents"), ("gen_ai.provider.name", "strands-agents")),
        source_rank=2,
        total_is_reported=True,
        operations={"invoke_agent": "aggregate"},
        notes="Counts contain cached tokens from 1.34 on; its scope has no version, so that the provider's total tells "
        "which. The agent's span repeats the sum. No response id; the provider is the model's.",
    ),
    Dialect(
        id="agent-framework",
        scopes=("agent_framework*",),
        source_rank=2,
        operations={"invoke_agent": "aggregate"},
        notes="The agent's span carries the usage of its last call only.",
    ),
)

_GATEWAYS: Final = (
    Dialect(
        id="litellm-1",
        scopes=("litellm*",),
        needs=((_LITELLM, None),),
        source_rank=2,
        unpack=(_LITELLM,),
        names={
            **_LITELLM_WHO,
            "cache_read": _under(_LITELLM, *_PROVIDERS_CACHE_READ),
            "cache_write": _under(_LITELLM, *_PROVIDERS_CACHE_WRITE),
            "cache_write_5m": (f"{_LITELLM_TTL}.ephemeral_5m_input_tokens",),
            "cache_write_1h": (f"{_LITELLM_TTL}.ephemeral_1h_input_tokens",),
            "reasoning": _under(_LITELLM, *_PROVIDERS_REASONING),
        },
        role_names={"raw_gen_ai_request": "ignored"},
        notes="1.106: the older callback gives cached tokens and reasoning only in a printed Python dict. Under a span "
        "of somebody else it writes every call onto that one, unless USE_OTEL_LITELLM_REQUEST_SPAN is set.",
    ),
    Dialect(
        id="litellm-2",
        scopes=("litellm*",),
        needs=(("litellm.call_id", None),),
        markers=(("litellm.call_id", None),),
        source_rank=2,
    ),
    Dialect(
        id="litellm",
        scopes=("litellm*",),
        source_rank=2,
        names=_LITELLM_WHO,
        role_names={"raw_gen_ai_request": "ignored"},
        flags=("cache_not_reported",),
        notes="The older callback leaves cached tokens out: they are priced as fresh input. An answer from its cache "
        "repeats id and cost.",
    ),
    Dialect(
        id="sentry",
        scopes=("sentry*",),
        markers=(("gen_ai.usage.input_tokens.cached", None),),
        source_rank=1,
        cache_unknown=True,
        notes="Whether input contains cached tokens depends on the SDK's version, which the span does not carry.",
    ),
)

FRAMEWORKS: Final[tuple[Dialect, ...]] = (*_PRODUCTS, *_AGENT_FRAMEWORKS, *_GATEWAYS)
