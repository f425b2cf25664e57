"""Dialects of frameworks and gateways."""

from typing import Final

from spanledger_collector.dialects import passed_on
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.names import GENERIC, Names
from spanledger_collector.dialects.passed_on import below, under

__all__ = ["FRAMEWORKS"]

_LOGFIRE: Final = "gen_ai.usage.raw"
_LITELLM: Final = "metadata.usage_object"
_LOGFIRE_ANSWERS: Final = (
    ("gen_ai.response.id", None),
    ("gen_ai.usage.input_tokens", None),
    ("logfire.level_num", None),
)
_LITELLM_WHO: Final[Names] = {
    "user": (*GENERIC["user"], "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
    "org": (*GENERIC["org"], "metadata.user_api_key_org_id", "metadata.user_api_key_team_id"),
}
_PYDANTIC_AI: Final[Names] = {
    fact: (*GENERIC[fact], *(f"gen_ai.usage.details.{member}" for member in members))
    for fact, members in {
        "cache_write_5m": ("ephemeral_5m_input_tokens",),
        "cache_write_1h": ("ephemeral_1h_input_tokens",),
        "reasoning": ("reasoning_tokens", "thinking_tokens", "thoughts_tokens"),
        "input_audio": ("input_audio_tokens",),
        "cache_read_audio": ("cache_audio_read_tokens",),
        "output_audio": ("output_audio_tokens",),
        "web_search": ("web_search_requests",),
    }.items()
}
_LITELLM_TTL: Final = f"{_LITELLM}.prompt_tokens_details.cache_creation_token_details"

_AGENT_FRAMEWORKS: Final = (
    Dialect(
        id="pydantic-ai",
        scopes=("pydantic-ai*",),
        source_rank=2,
        names=_PYDANTIC_AI,
        role_names={"agent run": "aggregate"},
        notes="2.x keeps sums of an agent under gen_ai.aggregated_usage.*, older ones under the names of a call. "
        "gen_ai.usage.details.* are counts by the providers' own names: compactions are in the sums, advisors are not.",
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
            **below(_LOGFIRE),
            "cache_read": (*GENERIC["cache_read"], *under(_LOGFIRE, *passed_on.CACHE_READ)),
            "cache_write": (*GENERIC["cache_write"], *under(_LOGFIRE, *passed_on.CACHE_WRITE)),
            "cache_write_5m": (f"{_LOGFIRE}.cache_creation.ephemeral_5m_input_tokens",),
            "cache_write_1h": (f"{_LOGFIRE}.cache_creation.ephemeral_1h_input_tokens",),
            "reasoning": (*GENERIC["reasoning"], *under(_LOGFIRE, *passed_on.REASONING)),
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
            **below(_LITELLM),
            "cache_read": under(_LITELLM, *passed_on.CACHE_READ),
            "cache_write": under(_LITELLM, *passed_on.CACHE_WRITE),
            "cache_write_5m": (f"{_LITELLM_TTL}.ephemeral_5m_input_tokens",),
            "cache_write_1h": (f"{_LITELLM_TTL}.ephemeral_1h_input_tokens",),
            "reasoning": under(_LITELLM, *passed_on.REASONING),
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
)

FRAMEWORKS: Final[tuple[Dialect, ...]] = (*_AGENT_FRAMEWORKS, *_GATEWAYS)
