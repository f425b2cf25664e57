"""Which attributes say what, over all emitters: for each fact its names, the current one first; the first present wins.

Facts named like a meter hold its count, inclusive as the conventions define it unless the dialect says otherwise.
Sources: the GenAI semantic conventions in all generations, and the emitters' released packages (see the table's
notes).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from spanledger import semconv
from spanledger.meters import METERS, OTHER_METER_PREFIX

__all__ = [
    "DIMENSION_PREFIXES",
    "GENERIC",
    "HIDDEN_RESPONSE_ID",
    "INPUT_BESIDE",
    "MADE_BY_FRAMEWORKS",
    "METER_FACTS",
    "TOTAL",
    "Names",
]

Names = Mapping[str, tuple[str, ...]]
"""Fact and the attributes that may carry it, most trusted first."""

TOTAL: Final = "total"
INPUT_BESIDE: Final = "input_beside"
"""A part of the input that the count of the input lacks, with emitters that pass on Google's own counts."""
HIDDEN_RESPONSE_ID: Final = "spanledger.read.response_id"
"""Where the journal keeps a response id that stood in a message which is not kept."""
MADE_BY_FRAMEWORKS: Final = ("run-", "lc_", "aitxt-", "aiobj-")
"""Starts of ids that frameworks (LangChain, Vercel's AI SDK) make up where the provider's should be."""

_METER_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "input": (
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "llm.usage.prompt_tokens",
        "usage.prompt_tokens",
    ),
    "output": (
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "llm.usage.completion_tokens",
        "usage.completion_tokens",
    ),
    "cache_read": (
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.cached_prompt_text_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "input_audio": ("llm.token_count.prompt_details.audio",),
    "output_audio": ("llm.token_count.completion_details.audio",),
    "reasoning": (
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
}

# Our own names come first: our instrumentation puts them on spans of others that count in a way of their own.
_METER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    meter.name: tuple(
        dict.fromkeys((f"{OTHER_METER_PREFIX}{meter.name}", meter.attribute, *_METER_ALIASES.get(meter.name, ())))
    )
    for meter in METERS
}
METER_FACTS: Final = frozenset(_METER_NAMES)

GENERIC: Final[Names] = MappingProxyType(
    {
        **_METER_NAMES,
        TOTAL: (
            "gen_ai.usage.total_tokens",
            "llm.usage.total_tokens",
            "llm.token_count.total",
            "ai.usage.totalTokens",
            "gen_ai.client.token.usage",
        ),
        "operation": (semconv.OPERATION_NAME, "llm.request.type", "openinference.span.kind", "traceloop.span.kind"),
        "provider": (
            semconv.PROVIDER_NAME,
            "gen_ai.system",
            "llm.provider",
            "llm.system",
            "ai.model.provider",
            "mlflow.llm.provider",
        ),
        "request_model": (
            semconv.REQUEST_MODEL,
            "llm.request.model_name",
            "llm.request.model",
            "langfuse.observation.model.name",
            "ai.model.id",
            "litellm.provider.model",
            "mlflow.llm.model",
            "embedding.model_name",
            "reranker.model_name",
            "llm.model_name",
        ),
        "response_model": (
            semconv.RESPONSE_MODEL,
            "llm.response.model_name",
            "llm.response.model",
            "ai.response.model",
            "llm.model_name",
        ),
        "response_id": (
            semconv.RESPONSE_ID,
            "ai.response.id",
            "llm.response.id",
            "gen_ai.response_id",
            HIDDEN_RESPONSE_ID,
        ),
        "server_address": (semconv.SERVER_ADDRESS, "net.peer.name", "gen_ai.openai.api_base"),
        "error_type": (semconv.ERROR_TYPE,),
        "usage_status": (semconv.USAGE_STATUS,),
        "usage_evidence": (semconv.USAGE_EVIDENCE,),
        "reported_cost_usd": (semconv.REPORTED_COST_USD,),
        "emitter_cost_usd": (
            "gen_ai.usage.cost",
            "operation.cost",
            "litellm.cost.total",
            "gen_ai.cost.total_cost",
            "llm.cost.total",
        ),
        "service_tier": (
            semconv.OPENAI_SERVICE_TIER,
            semconv.ANTHROPIC_SERVICE_TIER,
            semconv.SERVICE_TIER,
            "gen_ai.response.service_tier",
            "gen_ai.openai.response.service_tier",
        ),
        "processing": (semconv.PROCESSING,),
        "speed": (semconv.SPEED,),
        "region": (semconv.REGION, "aws.region"),
        "inference_geo": (semconv.INFERENCE_GEO,),
        "deployment_type": (semconv.DEPLOYMENT_TYPE,),
        "search_context_size": (semconv.SEARCH_CONTEXT_SIZE,),
        "user": (
            semconv.USER_ID,
            "enduser.id",
            "langfuse.user.id",
            "traceloop.association.properties.user_id",
            "litellm.end_user.id",
            "mlflow.trace.user",
            "ai.telemetry.metadata.userId",
            "langsmith.metadata.user_id",
            "gen_ai.user",  # the end user whom OpenAI's requests may name
            "gen_ai.request.user",
        ),
        "org": (
            semconv.ORG,
            "organization.id",
            "litellm.team.id",
            "traceloop.association.properties.org_id",
            "anthropic.organization.id",
        ),
        "session": (
            semconv.CONVERSATION_ID,
            semconv.SESSION_ID,
            "langfuse.session.id",
            "traceloop.association.properties.session_id",
            "gcp.vertex.agent.session_id",
            "copilot_chat.session_id",
            "mlflow.trace.session",
            "ai.telemetry.metadata.sessionId",
            "langsmith.metadata.session_id",
            "langsmith.metadata.thread_id",
            "langsmith.metadata.conversation_id",
        ),
        "workflow": (semconv.WORKFLOW_NAME, "traceloop.workflow.name", "langfuse.trace.name"),
        "feature": (semconv.FEATURE, "ai.telemetry.functionId"),
        "agent": ("gen_ai.agent.name", "agent.name", "agent_name"),
        # LangSmith calls a project a session; conversations are threads there.
        "project": (
            "langsmith.trace.session_name",
            "langsmith.trace.session_id",
            "metadata.user_api_key_project_id",
            "mlflow.experimentId",
            "anthropic.workspace.id",
        ),
        "api_key": ("litellm.api_key.hash", "metadata.user_api_key_alias", "metadata.user_api_key_hash"),
        "environment": ("deployment.environment.name", "deployment.environment", "langfuse.environment", "env"),
    }
)

DIMENSION_PREFIXES: Final = (
    semconv.DIMENSION_PREFIX,
    "traceloop.association.properties.",
    "langfuse.trace.metadata.",
    "langsmith.metadata.",
    "ai.telemetry.metadata.",
    "litellm.metadata.",
)
"""Attributes under these prefixes become free dimensions of the call, named by what follows the prefix."""
