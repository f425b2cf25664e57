"""Dialects of coding agents. Their usage is in log records; where they send spans of the same calls too, settling makes
one call of both. Their metrics tell the same once more, and are not read."""

from typing import Final

from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.names import GENERIC, INPUT_BESIDE, Names

__all__ = ["AGENTS"]

_CLAUDE_CODE: Final[Names] = {
    "provider": ("anthropic.provider", *GENERIC["provider"]),
    "input": ("input_tokens",),
    "output": ("output_tokens",),
    "cache_read": ("cache_read_tokens",),
    "cache_write": ("cache_creation_tokens",),
    "cache_write_5m": ("cache_creation_5m_tokens",),
    "cache_write_1h": ("cache_creation_1h_tokens",),
    "request_model": ("gen_ai.request.model", "model"),
    "response_id": ("request_id", "gen_ai.response.id"),
    "speed": ("speed",),
    "emitter_cost_usd": ("cost_usd",),
    "user": ("user.account_uuid", "user.email", "user.id"),
    "feature": (*GENERIC["feature"], "query_source", "query_source_safe"),
}
_CODEX: Final[Names] = {
    "input": ("input_token_count",),
    "output": ("output_token_count",),
    "cache_read": ("cached_token_count",),
    "cache_write": ("cache_write_token_count",),
    "reasoning": ("reasoning_token_count",),
    "total": ("tool_token_count",),
    "request_model": ("model",),
    "service_tier": ("service_tier",),
    "session": ("conversation.id",),
    "user": ("user.account_id", "user.email"),
}
_GEMINI_CLI: Final[Names] = {
    "input": ("input_token_count",),
    "output": ("output_token_count",),
    "cache_read": ("cached_content_token_count",),
    "reasoning": ("thoughts_token_count",),
    INPUT_BESIDE: ("tool_token_count",),
    "total": ("total_token_count",),
    "request_model": ("model",),
    "user": ("user.email", "installation.id"),
    "feature": (*GENERIC["feature"], "role"),
}

_LOG_RECORDS: Final = (
    Dialect(
        id="claude-code-log",
        events=("claude_code.api_request",),
        source_rank=1,
        provider="anthropic",
        operation="chat",
        cache_outside=ANY_PROVIDER,
        names=_CLAUDE_CODE,
        notes="2.1: the record of a request, with its id; the span of the same request (beta) carries that too. The "
        "record tells for how long cache writes live (seen with 2.1.330), the span does not; reasoning is within the "
        "output. On Bedrock the model's name tells who bills.",
    ),
    Dialect(
        id="codex-log",
        events=("codex.sse_event",),
        needs=(("input_token_count", None), ("error.type", "response_completed")),
        source_rank=1,
        provider="openai",
        operation="chat",
        total_is_reported=True,
        names=_CODEX,
        notes="0.137 to 0.169: one event for each part of a stream, and one more at its end, of the kind of the last "
        "part, that has the usage; counts are texts. `tool_token_count` is the total. The tier is the one that was "
        "asked for. No response id.",
    ),
    Dialect(
        id="gemini-cli-log-vertex",
        events=("gemini_cli.api_response",),
        needs=(("auth_type", "vertex-ai"),),
        source_rank=1,
        provider="gcp.vertex_ai",
        operation="generate_content",
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        names=_GEMINI_CLI,
        notes="As gemini-cli-log, with an account of Vertex AI.",
    ),
    Dialect(
        id="gemini-cli-log",
        events=("gemini_cli.api_response",),
        source_rank=1,
        provider="gcp.gemini",
        operation="generate_content",
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        names=_GEMINI_CLI,
        notes="0.61: counts as Google gives them: output without thoughts, input without what tools brought. The event "
        "gen_ai.client.inference.operation.details repeats them and is not read. No response id.",
    ),
)

_SPANS: Final = (
    Dialect(
        id="claude-code",
        scopes=("com.anthropic.claude_code*", "claude_code*"),
        span_names=("claude_code.llm_request",),
        source_rank=1,
        provider="anthropic",
        operation="chat",
        cache_outside=ANY_PROVIDER,
        names=_CLAUDE_CODE,
        notes="Spans (beta) of the requests that the log records tell of. What asked (the conversation, a subagent, a "
        "summary) is the feature; the span tells it without the names that users gave their agents.",
    ),
    Dialect(
        id="claude-code-turn",
        scopes=("com.anthropic.claude_code*", "claude_code*"),
        source_rank=2,
        provider="anthropic",
        names={"provider": _CLAUDE_CODE["provider"]},
        notes="What a user asked for, around its requests: without counts.",
    ),
    Dialect(
        id="codex-request",
        scopes=("codex*",),
        span_names=("try_run_sampling_request",),
        needs=(("turn_id", None),),
        source_rank=2,
        provider="openai",
        operation="chat",
        names={"request_model": ("model",)},
        notes="0.169: around each request, with the model, which the span with its counts lacks.",
    ),
    Dialect(
        id="codex-turn",
        scopes=("codex*",),
        span_names=("run_turn",),
        needs=(("conversation.id", None),),
        source_rank=2,
        provider="openai",
        operation="invoke_agent",
        names={"session": ("conversation.id",)},
        notes="0.169: what a user asked for, around its requests: with the session, without counts.",
    ),
    Dialect(
        id="codex",
        scopes=("codex*",),
        needs=(("gen_ai.usage.input_tokens", None),),
        source_rank=1,
        provider="openai",
        operation="chat",
        total_is_reported=True,
        at_the_end=True,
        names={
            "reasoning": ("codex.usage.reasoning_output_tokens",),
            "total": ("codex.usage.total_tokens",),
            "request_model": (*GENERIC["request_model"], "model"),
        },
        notes="0.137 to 0.169: the span that handles the end of a stream has counts, and no model; the log record of "
        "the same was written some milliseconds before. The sums of a turn have names of their own and are not read.",
    ),
    Dialect(
        id="gemini-cli",
        scopes=("gemini-cli*",),
        source_rank=1,
        provider="gcp.gemini",
        operations={
            "llm_call": "ignored",
            "tool_call": "ignored",
            "schedule_tool_calls": "ignored",
            "system_prompt": "ignored",
            "user_prompt": "aggregate",
            "agent_call": "aggregate",
        },
        notes="0.61: spans of requests have counts only where traces are switched on, and then without thoughts; the "
        "record of a stream is written outside of its span. Whoever sends spans sends records too: these alone count.",
    ),
    Dialect(
        id="github-copilot",
        scopes=("copilot*", "github.copilot*"),
        markers=(("github.copilot.interaction_id", None), ("copilot_chat.session_id", None)),
        source_rank=1,
        provider="github",
        operations={"invoke_agent": "aggregate"},
        names={"session": (*GENERIC["session"], "copilot_chat.chat_session_id", "github.copilot.interaction_id")},
        notes="The unit of github.copilot.cost is not certainly USD, so it is kept as an attribute only.",
    ),
)

AGENTS: Final[tuple[Dialect, ...]] = (*_LOG_RECORDS, *_SPANS)
