"""Attributes that come with model calls and that no dialect reads, and why not. The journal keeps them as they came.

Everything else that comes with a model call is read (a column, a meter, a dimension) or is content (`content`): the
tests hold this against the conventions and against what released emitters sent (tests/real_emitters). Names are written
out, so that a new one is looked at; a `*` at the end stands for any rest, where a namespace is of one kind throughout.
"""

from typing import Final, NamedTuple

from spanledger_collector.dialects.passed_on import under

__all__ = ["UNREAD", "UNREAD_OF_RESOURCE", "Unread", "why_unread"]


class Unread(NamedTuple):
    """Attributes, by their names, that are not read for the same reason."""

    names: tuple[str, ...]
    why: str


UNREAD: Final = (
    Unread(
        (
            *under(
                "gen_ai.request",
                *("max_tokens", "temperature", "top_p", "top_k", "seed", "stream", "is_stream", "choice.count"),
                *("frequency_penalty", "presence_penalty", "stop_sequences", "encoding_formats"),
                *("reasoning.level", "reasoning_effort"),
            ),
            "gen_ai.openai.request.response_format",
            "gen_ai.openai.request.seed",
            "gen_ai.is_streaming",
            "gen_ai.output.type",
            "gen_ai.prompt.name",
            "gen_ai.prompt.version",
            "gen_ai.embeddings.dimension.count",
            "anthropic.thinking.*",
            "codex.request.reasoning_effort",
            "langfuse.observation.model.parameters",
            "langsmith.request.streaming",
            "litellm.request.streaming",
            "litellm.request.tools.declared",
            "llm.is_streaming",
            "ai.settings.*",
            "batch_size",
            "options",
            "stream",
            "stream_options",
            "ai.request.headers.*",
        ),
        "how the model was asked; what that cost is in the counts",
    ),
    Unread(
        (
            "openai.request.service_tier",
            "gen_ai.openai.request.service_tier",
            "anthropic.request.service_tier",
        ),
        "the tier that was asked for; that of the answer bills, and is read",
    ),
    Unread(
        (
            "gen_ai.response.finish_reasons",
            "gen_ai.response.system_fingerprint",
            "openai.response.system_fingerprint",
            "gen_ai.openai.response.system_fingerprint",
            "anthropic.message.stop_reason",
            "ai.response.finishReason",
            "ai.response.timestamp",
            "finish_reasons",
            "llm.finish_reason",
            "stop_reason",
            "output.mime_type",
            "input.mime_type",
        ),
        "how the answer ended or was made",
    ),
    Unread(
        (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.server.time_per_output_token",
            "gen_ai.server.time_to_first_token",
            "ai.response.msToFinish",
            "ai.response.msToFirstChunk",
            "ai.response.avgOutputTokensPerSecond",
            "ai.stream.*",
            "busy_ns",
            "idle_ns",
            "codex.response.receive_wait_ms",
            "duration_ms",
            "first_content_ms",
            "github.copilot.server_duration",
            "github.copilot.time_to_first_chunk",
            "interaction.duration_ms",
            "langfuse.observation.completion_start_time",
            "litellm.preprocessing.duration_ms",
            "ttft_ms",
            "gen_ai.event.start_time",
            "gen_ai.event.end_time",
        ),
        "times besides the start and the end of the call, which the span has",
    ),
    Unread(
        (
            *(
                f"{record}.{member}"
                for record in ("gen_ai.usage.raw", "metadata.usage_object", "langfuse.observation.usage_details")
                for member in (
                    *("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "total_tokens"),
                    *("iterations", "prompt_tokens_details.*", "completion_tokens_details.*"),
                    *("input_tokens_details.*", "output_tokens_details.*", "cost"),
                )
            ),
            "langfuse.observation.cost_details.*",
            "mistral_ai.request.total_tokens",
        ),
        "members of a provider's record of usage that are read elsewhere, or billed like the rest of what holds them",
    ),
    Unread(
        ("gen_ai.aggregated_usage.*",),
        "sums over an agent's calls, each of which is read",
    ),
    Unread(
        (
            "gen_ai.usage.text.*",
            *under(
                "gen_ai.usage.details",
                *("accepted_prediction_tokens", "rejected_prediction_tokens", "audio_tokens", "text_tokens"),
                *("cache_creation_input_tokens", "cache_read_input_tokens", "cache_read_tokens", "cache_write_tokens"),
                *("cached_tokens", "message_iterations", "compaction_*"),
            ),
            "pydantic_ai.cache.*",
            "spanledger.tool_use_prompt_tokens",
            "ai.usage.inputTokenDetails.noCacheTokens",
            "ai.usage.outputTokenDetails.textTokens",
        ),
        "parts of counts that are read, billed like the rest of them",
    ),
    Unread(
        (
            "gen_ai.cost.*",
            "litellm.cost.*",
            "llm.cost.*",
            "cost_usd_micros",
            "gen_ai.usage.cost.*",
            "metadata.user_api_key_spend",
            "metadata.user_api_key_team_spend",
            "metadata.user_api_key_user_spend",
        ),
        "parts of what the emitter worked out by its own prices, of which the sum is read; or what a key spent so far",
    ),
    Unread(
        ("github.copilot.cost", "github.copilot.aiu", "github.copilot.nano_aiu"),
        "an amount in a unit that is not certainly money",
    ),
    Unread(
        (
            "gen_ai.agent.id",
            "gen_ai.agent.call.id",
            "gen_ai.agent.description",
            "gen_ai.agent.version",
            "github.copilot.agent.type",
            "github.copilot.agent.id",
            "agent.trace.public",
            "graph.node.*",
            "gen_ai.agent.tools",
            "openlit.agent.version_hash",
        ),
        "of agents their name is a dimension; with most emitters an id is one run's, which a session tells better",
    ),
    Unread(
        (
            "gen_ai.task.id",
            "gen_ai.task.name",
            "gen_ai.task.parent.id",
            "gen_ai.task.status",
            "gen_ai.workflow.nodes",
            "gen_ai.workflow.edges",
            "traceloop.entity.name",
            "traceloop.entity.path",
            "traceloop.entity.version",
            "langsmith.trace.name",
            "langsmith.span.tags",
            "langsmith.span.dotted_order",
            "langsmith.span.id",
            "langsmith.span.parent_id",
            "langsmith.trace.id",
            "langsmith.is_root",
            "langfuse.trace.tags",
            "langfuse.trace.public",
            "langfuse.internal.*",
            "langfuse.observation.level",
            "langfuse.observation.prompt.*",
            "langfuse.release",
            "langfuse.version",
            "langfuse.experiment.*",
            "mlflow.traceRequestId",
            "mlflow.spanFunctionName",
            "mlflow.spanLogLevel",
            "mlflow.spanStartTimeNs",
            "mlflow.spanDescription",
            "mlflow.message.format",
            "gen_ai.serialized.name",
            "gen_ai.serialized.signature",
            "gen_ai.serialized.doc",
            "resource.name",
            "operation.name",
            "ai.toolCall.*",
        ),
        "which step of an application, or how a tracing product shows it; the workflow and the agent are read",
    ),
    Unread(
        (
            "gcp.vertex.agent.event_id",
            "gcp.vertex.agent.invocation_id",
            "prompt.id",
            "prompt_id",
            "turn.id",
            "github.copilot.turn_id",
            "github.copilot.turn_count",
            "event.sequence",
            "interaction.sequence",
            "queued_sends",
            "user_prompt_length",
            "github.copilot.initiator",
            "github.copilot.context.*",
            "llm_request.context",
            "parent.source",
            "interactive",
            "originator",
            "terminal.type",
            "app.version",
            "auth_type",
            "span.type",
            "target",
            "attempt",
            "success",
        ),
        "how a coding agent was used, finer than its session or coarser than what asked, both of which are read",
    ),
    Unread(("slug", "model", "model_name"), "the model's name once more, with emitters that have a better one"),
    Unread(
        ("anthropic.provider", "anthropic.custom_base_url"),
        "whether Claude Code asks a cloud; its models are named in that cloud's way, which tells who bills",
    ),
    Unread(
        (
            "anthropic.request.id",
            "aws.request_id",
            "litellm.call_id",
            "litellm.trace_id",
            "gen_ai.tool.call.id",
        ),
        "an id beside the response's, which is read and joins calls (or nothing has one); for asking the provider",
    ),
    Unread(
        (
            "gen_ai.tool.*",
            "gen_ai.data_source.id",
            "gen_ai.evaluation.*",
            "gen_ai.memory.*",
            "gen_ai.retrieval.*",
            "aws.bedrock.*",
        ),
        "tools, memory, retrieval, guardrails and judgements are no model calls; those within have spans of their own",
    ),
    Unread(("gen_ai.token.type",), "of metrics, never of spans"),
    Unread(
        (
            "openai.api.type",
            "mistral_ai.operation.id",
            "litellm.call_type",
            "litellm.request.route",
            "litellm.request.purpose",
            "rpc.*",
            "event.name",
            "event.kind",
            "event.timestamp",
        ),
        "which interface was called, or which record it is: the operation, or the row of the table, says it",
    ),
    Unread(
        (
            "metadata",
            *under(
                "metadata",
                *(
                    "applied_guardrails",
                    "cold_storage_object_key",
                    "prompt_management_metadata",
                    "requester_ip_address",
                ),
                *("requester_metadata", "routing_decision", "spend_logs_metadata", "team_alias", "team_id"),
                *("used_client_oauth_token", "user_agent", "user_api_key_auth_metadata"),
                *("user_api_key_budget_reset_at", "user_api_key_max_budget", "user_api_key_org_alias"),
                *("user_api_key_project_alias", "user_api_key_request_route", "user_api_key_team_alias"),
                *("user_api_key_team_max_budget", "user_api_key_user_email", "user_api_key_user_max_budget"),
            ),
            "hidden_params",
            "litellm.guardrail.*",
            "litellm.team.alias",
            "litellm.team.metadata",
            "litellm.service.*",
            "tag.tags",
        ),
        "what an application or a gateway says of itself in general; user, organisation, project and key are read, and "
        "an attribution map reads more",
    ),
    Unread(
        (
            "server.port",
            "http.*",
            "network.*",
            "url.*",
            "user_agent.original",
            "status_code",
            "retry_attempts",
            "net.peer.port",
            "net.peer.ip",
            "peer.service",
        ),
        "the request on the wire: its host is read; HTTP client spans are read by `http_calls`",
    ),
    Unread(
        (
            "code.*",
            "thread.*",
            "async",
            "logfire.*",
            "service.name",
            "telemetry.*",
            "gen_ai.sdk.version",
            "exception.type",
            "exception.escaped",
            "otel.*",
        ),
        "where in the code, and how an emitter shows its span or names itself",
    ),
)

UNREAD_OF_RESOURCE: Final = (
    Unread(
        (
            "service.version",
            "service.namespace",
            "telemetry.*",
            "logfire.*",
            "process.*",
            "host.*",
            "os.*",
            "container.*",
            "k8s.*",
            "cloud.*",
            "faas.*",
            "langfuse.*",
            "mlflow.*",
        ),
        "where the process runs, and who made its spans; an attribution map makes dimensions of what is wanted",
    ),
)


def why_unread(name: str, table: tuple[Unread, ...] = UNREAD) -> str | None:
    """Why an attribute is not read; `None` for one of which the table says nothing."""
    return next((row.why for row in table if any(_means(pattern, name) for pattern in row.names)), None)


def _means(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
