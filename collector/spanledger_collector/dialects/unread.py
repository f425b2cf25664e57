"""Attributes that come with model calls and that no dialect reads, and why not. The journal keeps them as they came.

Everything else that comes with a model call is read (a column, a meter, a dimension) or is content (`content`): the
tests hold this against the conventions and against what released emitters sent (tests/real_emitters). Names are written
out, so that a new one is looked at; a `*` at the end stands for any rest, where a namespace is of one kind throughout.
"""

from typing import Final, NamedTuple

__all__ = ["UNREAD", "UNREAD_OF_RESOURCE", "Unread", "why_unread"]


class Unread(NamedTuple):
    """Attributes that are not read for the same reason: `listed` are their names, with blanks between them."""

    why: str
    listed: str

    @property
    def names(self) -> list[str]:
        """The names one by one."""
        return self.listed.split()


UNREAD: Final = (
    Unread(
        "how the model was asked; what that cost is in the counts",
        """
        ai.settings.* anthropic.thinking.* batch_size codex.request.reasoning_effort
        gen_ai.embeddings.dimension.count gen_ai.is_streaming gen_ai.openai.request.response_format
        gen_ai.openai.request.seed gen_ai.output.type gen_ai.prompt.name gen_ai.prompt.version
        gen_ai.request.choice.count gen_ai.request.encoding_formats gen_ai.request.frequency_penalty
        gen_ai.request.is_stream gen_ai.request.logprobs gen_ai.request.max_tokens gen_ai.request.parallel_tool_calls
        gen_ai.request.presence_penalty gen_ai.request.store_messages gen_ai.request.use_encrypted_content
        gen_ai.request.reasoning.level gen_ai.request.reasoning_effort gen_ai.request.seed
        gen_ai.request.stop_sequences gen_ai.request.stream gen_ai.request.temperature gen_ai.request.top_k
        gen_ai.request.top_p langfuse.observation.model.parameters langsmith.request.streaming
        litellm.request.streaming litellm.request.tools.declared llm.is_streaming options stream stream_options
        """,
    ),
    Unread(
        "the tier that was asked for; that of the answer bills, and is read",
        """
        anthropic.request.service_tier gen_ai.openai.request.service_tier openai.request.service_tier
        """,
    ),
    Unread(
        "how the answer ended or was made",
        """
        ai.response.finishReason ai.response.timestamp anthropic.message.stop_reason finish_reasons
        gen_ai.openai.response.system_fingerprint gen_ai.response.finish_reasons gen_ai.response.system_fingerprint
        input.mime_type llm.finish_reason openai.response.system_fingerprint output.mime_type stop_reason
        """,
    ),
    Unread(
        "times besides the start and the end of the call, which the span has",
        """
        ai.response.avgCompletionTokensPerSecond ai.response.avgOutputTokensPerSecond ai.response.msToFinish
        ai.response.msToFirstChunk ai.stream.* busy_ns codex.response.receive_wait_ms duration_ms first_content_ms
        gen_ai.client.operation.duration gen_ai.client.operation.time_per_output_chunk
        gen_ai.client.operation.time_to_first_chunk gen_ai.event.end_time gen_ai.event.start_time
        gen_ai.response.time_to_first_chunk gen_ai.server.time_per_output_token gen_ai.server.time_to_first_token
        github.copilot.server_duration github.copilot.time_to_first_chunk idle_ns interaction.duration_ms
        langfuse.observation.completion_start_time litellm.preprocessing.duration_ms ttft_ms
        """,
    ),
    Unread(
        "members of a provider's record of usage that are read elsewhere, or billed like the rest of what holds them",
        """
        ai.response.providerMetadata.anthropic.container* ai.response.providerMetadata.anthropic.contextManagement*
        ai.response.providerMetadata.anthropic.iterations ai.response.providerMetadata.anthropic.stopSequence
        ai.response.providerMetadata.anthropic.usage.cache_creation_input_tokens
        ai.response.providerMetadata.anthropic.usage.input_tokens
        ai.response.providerMetadata.anthropic.usage.output_tokens
        ai.response.providerMetadata.anthropic.usage.server_tool_use
        ai.response.providerMetadata.google.finishMessage ai.response.providerMetadata.google.groundingMetadata*
        ai.response.providerMetadata.google.promptFeedback* ai.response.providerMetadata.google.safetyRatings*
        ai.response.providerMetadata.google.urlContextMetadata*
        ai.response.providerMetadata.google.usageMetadata.candidatesTokenCount
        ai.response.providerMetadata.google.usageMetadata.promptTokenCount
        ai.response.providerMetadata.google.usageMetadata.totalTokenCount
        ai.response.providerMetadata.openai.acceptedPredictionTokens
        ai.response.providerMetadata.openai.rejectedPredictionTokens ai.response.providerMetadata.openai.responseId
        gen_ai.usage.raw.completion_tokens gen_ai.usage.raw.completion_tokens_details.* gen_ai.usage.raw.cost
        gen_ai.usage.raw.input_tokens gen_ai.usage.raw.input_tokens_details.* gen_ai.usage.raw.iterations
        gen_ai.usage.raw.output_tokens gen_ai.usage.raw.output_tokens_details.* gen_ai.usage.raw.prompt_tokens
        gen_ai.usage.raw.prompt_tokens_details.* gen_ai.usage.raw.total_tokens langfuse.observation.cost_details.*
        langfuse.observation.usage_details.completion_tokens
        langfuse.observation.usage_details.completion_tokens_details.* langfuse.observation.usage_details.cost
        langfuse.observation.usage_details.input_tokens langfuse.observation.usage_details.input_tokens_details.*
        langfuse.observation.usage_details.iterations langfuse.observation.usage_details.output_tokens
        langfuse.observation.usage_details.output_tokens_details.* langfuse.observation.usage_details.prompt_tokens
        langfuse.observation.usage_details.prompt_tokens_details.* langfuse.observation.usage_details.total_tokens
        metadata.usage_object.completion_tokens metadata.usage_object.completion_tokens_details.*
        metadata.usage_object.cost metadata.usage_object.input_tokens metadata.usage_object.input_tokens_details.*
        metadata.usage_object.iterations metadata.usage_object.output_tokens
        metadata.usage_object.output_tokens_details.* metadata.usage_object.prompt_tokens
        metadata.usage_object.prompt_tokens_details.* metadata.usage_object.total_tokens
        gen_ai.usage.prompt_text_tokens mistral_ai.request.total_tokens
        """,
    ),
    Unread(
        "sums over an agent's calls, each of which is read",
        """
        gen_ai.aggregated_usage.*
        """,
    ),
    Unread(
        "parts of counts that are read, billed like the rest of them",
        """
        ai.usage.inputTokenDetails.noCacheTokens ai.usage.outputTokenDetails.textTokens
        gen_ai.usage.details.accepted_prediction_tokens gen_ai.usage.details.audio_tokens
        gen_ai.usage.details.cache_creation_input_tokens gen_ai.usage.details.cache_read_input_tokens
        gen_ai.usage.details.cache_read_tokens gen_ai.usage.details.cache_write_tokens
        gen_ai.usage.details.cached_tokens gen_ai.usage.details.compaction_* gen_ai.usage.details.message_iterations
        gen_ai.usage.details.rejected_prediction_tokens gen_ai.usage.details.text_tokens gen_ai.usage.text.*
        pydantic_ai.cache.* spanledger.tool_use_prompt_tokens
        """,
    ),
    Unread(
        "parts of what the emitter worked out by its own prices, of which the sum is read; or what a key spent so far",
        """
        cost_usd_micros gen_ai.cost.* gen_ai.usage.cost.* litellm.cost.* llm.cost.* metadata.user_api_key_spend
        metadata.user_api_key_team_spend metadata.user_api_key_user_spend
        """,
    ),
    Unread(
        "an amount in a unit that is not certainly money",
        """
        github.copilot.aiu github.copilot.cost github.copilot.nano_aiu
        """,
    ),
    Unread(
        "of agents their name is a dimension; with most emitters an id is one run's, which a session tells better",
        """
        agent.trace.public gen_ai.agent.call.id gen_ai.agent.description gen_ai.agent.id gen_ai.agent.tools
        gen_ai.agent.version github.copilot.agent.id github.copilot.agent.type graph.node.*
        openlit.agent.version_hash
        """,
    ),
    Unread(
        "which step of an application, or how a tracing product shows it; the workflow and the agent are read",
        """
        ai.toolCall.* gen_ai.serialized.doc gen_ai.serialized.name gen_ai.serialized.signature gen_ai.task.id
        gen_ai.task.name gen_ai.task.parent.id gen_ai.task.status gen_ai.workflow.edges gen_ai.workflow.nodes
        langfuse.experiment.* langfuse.internal.* langfuse.observation.level langfuse.observation.prompt.*
        langfuse.release langfuse.trace.public langfuse.trace.tags langfuse.version langsmith.is_root
        langsmith.span.dotted_order langsmith.span.id langsmith.span.parent_id langsmith.span.tags
        langsmith.trace.id langsmith.trace.name mlflow.message.format mlflow.spanDescription mlflow.spanFunctionName
        mlflow.spanLogLevel mlflow.spanStartTimeNs mlflow.traceRequestId operation.name resource.name
        traceloop.entity.name traceloop.entity.path traceloop.entity.version
        """,
    ),
    Unread(
        "how a coding agent was used, finer than its session or coarser than what asked, both of which are read",
        """
        app.version attempt auth_type event.sequence gcp.vertex.agent.event_id gcp.vertex.agent.invocation_id
        github.copilot.context.* github.copilot.initiator github.copilot.turn_count github.copilot.turn_id
        interaction.sequence interactive llm_request.context originator parent.source prompt.id prompt_id
        queued_sends span.type success target terminal.type turn.id user_prompt_length
        """,
    ),
    Unread(
        "the model's name once more, with emitters that have a better one",
        """
        model model_name slug
        """,
    ),
    Unread(
        "that Claude Code asks at another URL, which it does not name",
        """
        anthropic.custom_base_url
        """,
    ),
    Unread(
        "an id beside the response's, which is read and joins calls (or nothing has one); for asking the provider",
        """
        anthropic.request.id aws.request_id gen_ai.tool.call.id litellm.call_id litellm.trace_id
        """,
    ),
    Unread(
        "tools, memory, retrieval, guardrails and judgements are no model calls; those within have spans of their own",
        """
        aws.bedrock.* gen_ai.data_source.id gen_ai.evaluation.* gen_ai.memory.* gen_ai.retrieval.* gen_ai.tool.*
        """,
    ),
    Unread(
        "of metrics, never of spans",
        """
        gen_ai.token.type
        """,
    ),
    Unread(
        "which interface was called, or which record it is: the operation, or the row of the table, says it",
        """
        event.kind event.name event.timestamp litellm.call_type litellm.request.purpose litellm.request.route
        mistral_ai.operation.id openai.api.type rpc.*
        """,
    ),
    Unread(
        "what an application or a gateway says of itself in general; an attribution map may name its members",
        """
        hidden_params litellm.guardrail.* litellm.service.* litellm.team.alias litellm.team.metadata metadata
        metadata.applied_guardrails metadata.cold_storage_object_key metadata.prompt_management_metadata
        metadata.requester_ip_address metadata.requester_metadata metadata.routing_decision
        metadata.spend_logs_metadata metadata.team_alias metadata.team_id metadata.used_client_oauth_token
        metadata.user_agent metadata.user_api_key_auth_metadata metadata.user_api_key_budget_reset_at
        metadata.user_api_key_max_budget metadata.user_api_key_org_alias metadata.user_api_key_project_alias
        metadata.user_api_key_request_route metadata.user_api_key_team_alias metadata.user_api_key_team_max_budget
        metadata.user_api_key_user_email metadata.user_api_key_user_max_budget tag.tags
        """,
    ),
    Unread(
        "the request on the wire: its host is read; HTTP client spans are read by `http_calls`",
        """
        http.* net.peer.ip net.peer.port network.* peer.service retry_attempts server.port status_code url.*
        user_agent.original
        """,
    ),
    Unread(
        "where in the code, and how an emitter shows its span or names itself",
        """
        async code.* exception.escaped exception.type gen_ai.sdk.version logfire.* otel.* service.name telemetry.*
        thread.*
        """,
    ),
)

UNREAD_OF_RESOURCE: Final = (
    Unread(
        "where the process runs, and who made its spans; an attribution map makes dimensions of what is wanted",
        """
        cloud.* container.* faas.* host.* k8s.* langfuse.* logfire.* mlflow.* os.* process.* service.namespace
        service.version telemetry.*
        """,
    ),
)


def why_unread(name: str, table: tuple[Unread, ...] = UNREAD) -> str | None:
    """Why an attribute is not read; `None` for one of which the table says nothing."""
    return next((row.why for row in table if any(_means(pattern, name) for pattern in row.names)), None)


def _means(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
