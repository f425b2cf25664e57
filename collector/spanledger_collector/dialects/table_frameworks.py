"""Dialects of frameworks, gateways, tracing products and coding agents."""

from typing import Final

from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect

__all__ = ["FRAMEWORKS"]

_DETAILS: Final = "langfuse.observation.usage_details"
_LANGSMITH_INPUT: Final = "gen_ai.usage.input_token_details"
_LANGSMITH_OUTPUT: Final = "gen_ai.usage.output_token_details"
_MLFLOW: Final = "mlflow.chat.tokenUsage"
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

_PRODUCTS: Final = (
    Dialect(
        id="langfuse",
        scopes=("langfuse-sdk*", "langfuse*"),
        markers=(("langfuse.observation.type", None),),
        source_rank=2,
        unpack=(_DETAILS,),
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
        unpack=(_MLFLOW,),
        names={
            "operation": ("mlflow.spanType",),
            "input": (f"{_MLFLOW}.input_tokens",),
            "output": (f"{_MLFLOW}.output_tokens",),
            "cache_read": (f"{_MLFLOW}.cache_read_input_tokens",),
            "cache_write": (f"{_MLFLOW}.cache_creation_input_tokens",),
            "cache_write_1h": (f"{_MLFLOW}.cache_creation_input_tokens_above_1hr",),
            "total": (f"{_MLFLOW}.total_tokens",),
        },
        notes="3.18: attribute values are JSON texts. Its export to GenAI conventions drops the cache.",
    ),
)

_AGENT_FRAMEWORKS: Final = (
    Dialect(
        id="pydantic-ai",
        scopes=("pydantic-ai*",),
        source_rank=2,
        role_names={"agent run": "aggregate"},
        notes="2.x keeps sums of an agent under gen_ai.aggregated_usage.*, older ones under the names of a call. "
        "gen_ai.usage.details.* repeat the counts.",
    ),
    Dialect(
        id="logfire",
        scopes=("logfire*",),
        source_rank=1,
        notes="5.4: the usage of a stream stands on a separate `streaming response` record after the request's span.",
    ),
    Dialect(
        id="vercel-ai-6",
        scopes=("ai",),
        needs=_V6_DETAILS,
        source_rank=1,
        names={"operation": ("ai.operationId", "gen_ai.operation.name")},
        notes="From v6 on, input contains cached tokens with every provider.",
    ),
    Dialect(
        id="vercel-ai",
        scopes=("ai",),
        source_rank=1,
        names={"operation": ("ai.operationId", "gen_ai.operation.name")},
        cache_outside=_EXCLUSIVE_BEFORE_V6,
        notes="v4 and v5: input is the provider's own count, without cached tokens for Anthropic. The outer "
        "ai.generateText carries the sum of its .doGenerate spans.",
    ),
    Dialect(
        id="vercel-ai-otel",
        scopes=("@ai-sdk/otel*",),
        source_rank=1,
        operations={"invoke_agent": "aggregate"},
        notes="v7: the root invoke_agent repeats the sum under the names of a call.",
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
        operations={"invoke_agent": "aggregate"},
        notes="Counts contain cached tokens from 1.34 on (before that, arithmetic decides); the agent's span repeats "
        "the sum. No response id; the provider is the model's.",
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

_CODING_AGENTS: Final = (
    Dialect(
        id="claude-code",
        scopes=("com.anthropic.claude_code*", "claude_code*"),
        source_rank=1,
        provider="anthropic",
        operation="chat",
        cache_outside=ANY_PROVIDER,
        names={
            "input": ("input_tokens",),
            "output": ("output_tokens",),
            "cache_read": ("cache_read_tokens",),
            "cache_write": ("cache_creation_tokens",),
            "request_model": ("gen_ai.request.model", "model"),
            "response_id": ("gen_ai.response.id", "request_id"),
            "user": ("user.account_uuid", "user.id"),
        },
        role_names={"claude_code.llm_request": "candidate"},
        notes="Spans (beta); the same calls also come as logs and metrics, which are not counted beside them.",
    ),
    Dialect(
        id="github-copilot",
        scopes=("copilot*", "github.copilot*"),
        markers=(("github.copilot.interaction_id", None), ("copilot_chat.session_id", None)),
        source_rank=1,
        provider="github",
        operations={"invoke_agent": "aggregate"},
        notes="The unit of github.copilot.cost is not certainly USD, so it is kept as an attribute only.",
    ),
)

FRAMEWORKS: Final[tuple[Dialect, ...]] = (*_PRODUCTS, *_AGENT_FRAMEWORKS, *_GATEWAYS, *_CODING_AGENTS)
