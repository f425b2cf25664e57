"""One model call as coding agents write it: the attributes of their log records and spans."""

from typing import TYPE_CHECKING

from spanledger_collector.model import AttributeValue

if TYPE_CHECKING:
    from tests.emitters import Truth  # which makes its table with the functions of this module

__all__ = ["claude_code", "claude_code_log", "codex", "codex_log", "gemini_cli_log"]

Written = dict[str, AttributeValue]


def claude_code(truth: "Truth") -> Written:
    """The span `claude_code.llm_request`."""
    return {
        "gen_ai.system": "anthropic",
        "model": truth.model,
        "request_id": truth.response_id,
        "input_tokens": truth.input,
        "output_tokens": truth.whole_output,
        "cache_read_tokens": truth.cache_read,
        "cache_creation_tokens": truth.cache_write,
    }


def claude_code_log(truth: "Truth") -> Written:
    """The record `claude_code.api_request`."""
    return claude_code(truth) | {
        "event.name": "claude_code.api_request",
        "session.id": "session-1",
        "user.account_uuid": "account-1",
        "organization.id": "org-1",
        "cache_creation_5m_tokens": truth.cache_write,
        "cache_creation_1h_tokens": 0,
        "cost_usd": 0.0012,
        "duration_ms": "1000",
        "speed": "normal",
    }


def codex_log(truth: "Truth") -> Written:
    """The record `codex.sse_event` after the end of a stream: some counts as texts."""
    return {
        "event.name": "codex.sse_event",
        "event.kind": "response.completed",
        "conversation.id": "conversation-1",
        "user.account_id": "account-1",
        "model": truth.model,
        "input_token_count": str(truth.whole_input),
        "output_token_count": str(truth.whole_output),
        "cached_token_count": truth.cache_read,
        "cache_write_token_count": truth.cache_write,
        "reasoning_token_count": truth.reasoning,
        "tool_token_count": str(truth.total),
    }


def codex(truth: "Truth") -> Written:
    """The span `handle_responses`."""
    return {
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.cache_read.input_tokens": truth.cache_read,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "codex.usage.reasoning_output_tokens": truth.reasoning,
        "codex.usage.total_tokens": truth.total,
        "model": truth.model,
    }


def gemini_cli_log(truth: "Truth") -> Written:
    """The record `gemini_cli.api_response`; a part of the input came from tools."""
    from_tools = (truth.input + 1) // 2
    return {
        "event.name": "gemini_cli.api_response",
        "session.id": "session-1",
        "user.email": "ana@example.org",
        "auth_type": "vertex-ai" if truth.provider == "gcp.vertex_ai" else "oauth-personal",
        "model": truth.model,
        "duration_ms": 1000,
        "input_token_count": truth.whole_input - from_tools,
        "tool_token_count": from_tools,
        "output_token_count": truth.output,
        "cached_content_token_count": truth.cache_read,
        "thoughts_token_count": truth.reasoning,
        "total_token_count": truth.total,
        "response_text": "secret",
    }
