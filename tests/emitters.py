"""One model call as each emitter writes it: the other direction of the dialects, to test them with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests import agent_emitters as agents

from spanledger_collector.model import AttributeValue, Scope

__all__ = ["EMITTERS", "Emitter", "Truth"]

Written = dict[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a provider counted, disjoint; zero is counted, not absent."""

    provider: str
    model: str
    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    response_id: str = "msg_0123456789abcdef"

    @property
    def whole_input(self) -> int:
        """Input with cached tokens."""
        return self.input + self.cache_read + self.cache_write

    @property
    def whole_output(self) -> int:
        """Output with reasoning."""
        return self.output + self.reasoning

    @property
    def total(self) -> int:
        """All tokens."""
        return self.whole_input + self.whole_output


@dataclass(frozen=True, slots=True)
class Emitter:
    """How an emitter writes a call: the dialect that should read it, its scope, its attributes.

    `lacks` names counts that it cannot express.
    """

    dialect: str
    scope: Scope
    write: Callable[[Truth], Written]
    lacks: frozenset[str] = frozenset()
    providers: tuple[str, ...] = ("openai", "anthropic")
    kind: int = 3
    name: str = "chat model"


def _identity(truth: Truth) -> Written:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": truth.provider,
        "gen_ai.request.model": truth.model,
        "gen_ai.response.model": truth.model,
        "gen_ai.response.id": truth.response_id,
    }


def _conventions(truth: Truth) -> Written:
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "gen_ai.usage.cache_read.input_tokens": truth.cache_read,
        "gen_ai.usage.cache_write.input_tokens": truth.cache_write,
        "gen_ai.usage.reasoning.output_tokens": truth.reasoning,
    }


def _first_generation(truth: Truth) -> Written:
    return {
        "gen_ai.system": truth.provider,
        "llm.request.type": "chat",
        "gen_ai.request.model": truth.model,
        "gen_ai.response.model": truth.model,
        "gen_ai.response.id": truth.response_id,
        "gen_ai.usage.prompt_tokens": truth.whole_input,
        "gen_ai.usage.completion_tokens": truth.whole_output,
        "gen_ai.usage.cache_read_input_tokens": truth.cache_read,
        "gen_ai.usage.cache_creation_input_tokens": truth.cache_write,
        "gen_ai.usage.reasoning_tokens": truth.reasoning,
        "llm.usage.total_tokens": truth.whole_input + truth.whole_output,
    }


def _raw_input(truth: Truth) -> Written:
    """Bedrock's and Anthropic's own input count, without cached tokens, under the name of the inclusive one."""
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.input,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "gen_ai.usage.cache_read.input_tokens": truth.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": truth.cache_write,
        "gen_ai.usage.reasoning_tokens": truth.reasoning,
        "gen_ai.usage.total_tokens": truth.input + truth.whole_output,
    }


def _pydantic_ai(truth: Truth) -> Written:
    written = _conventions(truth)
    reasoning = written.pop("gen_ai.usage.reasoning.output_tokens")
    if truth.provider == "anthropic":
        details = {"thinking_tokens": reasoning, "ephemeral_1h_input_tokens": 0, "web_search_requests": 0}
    else:
        details = {"reasoning_tokens": reasoning}
    return written | {f"gen_ai.usage.details.{name}": count for name, count in details.items()}


def _providers_usage(truth: Truth) -> dict[str, object]:
    """The provider's own record of usage, as some emitters pass it on."""
    if truth.provider == "anthropic":
        return {
            "cache_read_input_tokens": truth.cache_read,
            "cache_creation_input_tokens": truth.cache_write,
            "output_tokens_details": {"thinking_tokens": truth.reasoning},
        }
    return {
        "prompt_tokens_details": {"cached_tokens": truth.cache_read, "cache_write_tokens": truth.cache_write},
        "completion_tokens_details": {"reasoning_tokens": truth.reasoning},
    }


def _sums_only(truth: Truth) -> Written:
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.output_tokens": truth.whole_output,
    }


def _logfire(truth: Truth) -> Written:
    return _sums_only(truth) | {"gen_ai.usage.raw": json.dumps(_providers_usage(truth))}


def _litellm_1(truth: Truth) -> Written:
    made = {"gen_ai.operation.name": "acompletion", "litellm.call_id": "1", "litellm.provider.model": truth.model}
    return _sums_only(truth) | made | {"metadata.usage_object": str(_providers_usage(truth))}


def _without_thoughts(truth: Truth) -> Written:
    """Google's candidate count as the output, its total with everything."""
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.output_tokens": truth.output,
        "gen_ai.usage.cache_read.input_tokens": truth.cache_read,
        "gen_ai.usage.reasoning_tokens": truth.reasoning,
        "gen_ai.usage.total_tokens": truth.total,
    }


def _xai(truth: Truth) -> Written:
    written = _without_thoughts(truth)
    written["gen_ai.usage.cached_prompt_text_tokens"] = written.pop("gen_ai.usage.cache_read.input_tokens")
    return written | {"gen_ai.usage.cost_in_usd_ticks": 12_345_678}


def _openinference(truth: Truth) -> Written:
    return {
        "openinference.span.kind": "LLM",
        "llm.provider": truth.provider,
        "llm.system": truth.provider,
        "llm.model_name": truth.model,
        "output.value": json.dumps({"id": truth.response_id, "content": [{"type": "text", "text": "secret"}]}),
        "output.mime_type": "application/json",
        "llm.output_messages.0.message.content": "secret",
        "llm.token_count.prompt": truth.whole_input,
        "llm.token_count.completion": truth.whole_output,
        "llm.token_count.total": truth.total,
        "llm.token_count.prompt_details.cache_read": truth.cache_read,
        "llm.token_count.prompt_details.cache_write": truth.cache_write,
        "llm.token_count.completion_details.reasoning": truth.reasoning,
    }


def _openinference_langchain(truth: Truth) -> Written:
    message = {"kwargs": {"id": "run--77", "response_metadata": {"id": truth.response_id}}}
    answer = {"generations": [[{"text": "secret", "message": message}]]}
    return _openinference(truth) | {"output.value": json.dumps(answer)}


def _openinference_invoke(truth: Truth) -> Written:
    return _openinference(truth) | {
        "llm.token_count.prompt": truth.input,
        "llm.token_count.total": truth.input + truth.whole_output,
    }


def _openlit(truth: Truth) -> Written:
    outside = truth.provider in {"anthropic", "aws.bedrock"}
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.input if outside else truth.whole_input,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "gen_ai.usage.cache_read.input_tokens": truth.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": truth.cache_write,
        "gen_ai.usage.reasoning_tokens": truth.reasoning,
        "gen_ai.client.token.usage": (truth.input if outside else truth.whole_input) + truth.whole_output,
        "gen_ai.usage.cost": 0.0,
    }


def _openlit_framework(truth: Truth) -> Written:
    said = _conventions(truth) | {"gen_ai.provider.name": "litellm", "gen_ai.client.token.usage": truth.total}
    said["gen_ai.usage.cache_creation.input_tokens"] = said.pop("gen_ai.usage.cache_write.input_tokens")
    return {name: value for name, value in said.items() if "reasoning" not in name}


def _langfuse_handler(truth: Truth) -> Written:
    details = {
        "input": truth.input,
        "input_cache_read": truth.cache_read,
        "input_cache_creation": truth.cache_write,
        "output": truth.output,
        "output_reasoning": truth.reasoning,
        "total": truth.total,
    }
    return {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": truth.model,
        "langfuse.observation.usage_details": json.dumps(details),
        "langfuse.observation.cost_details": '{"total": 0.5}',
        "langfuse.observation.output": "secret",
    }


def _langfuse_openai(truth: Truth) -> Written:
    details = {
        "prompt_tokens": truth.whole_input,
        "completion_tokens": truth.whole_output,
        "total_tokens": truth.total,
        "prompt_tokens_details": {"cached_tokens": truth.cache_read},
        "completion_tokens_details": {"reasoning_tokens": truth.reasoning},
    }
    return _langfuse_handler(truth) | {"langfuse.observation.usage_details": json.dumps(details)}


def _langsmith(truth: Truth) -> Written:
    return {
        "langsmith.span.kind": "llm",
        "gen_ai.system": truth.provider,
        "gen_ai.request.model": truth.model,
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "gen_ai.usage.total_tokens": truth.total,
        "gen_ai.usage.input_token_details": repr(
            {"cache_read": truth.cache_read, "cache_creation": 0, "ephemeral_5m_input_tokens": truth.cache_write}
        ),
        "gen_ai.usage.output_token_details": repr({"reasoning": truth.reasoning}),
    }


def _vercel(truth: Truth, *, whole_input: int, details: bool) -> Written:
    cached: Written = (
        {
            "ai.usage.inputTokenDetails.cacheReadTokens": truth.cache_read,
            "ai.usage.inputTokenDetails.cacheWriteTokens": truth.cache_write,
            "ai.usage.outputTokenDetails.reasoningTokens": truth.reasoning,
        }
        if details
        else {"ai.usage.cachedInputTokens": truth.cache_read, "ai.usage.reasoningTokens": truth.reasoning}
    )
    return cached | {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": f"{truth.provider}.messages",
        "ai.model.id": truth.model,
        "ai.response.id": truth.response_id,
        "ai.usage.inputTokens": whole_input,
        "ai.usage.outputTokens": truth.whole_output,
        "ai.usage.totalTokens": whole_input + truth.whole_output,
        "ai.prompt.messages": "secret",
    }


def _vercel_5(truth: Truth) -> Written:
    whole_input = truth.input if truth.provider == "anthropic" else truth.whole_input
    return _vercel(truth, whole_input=whole_input, details=False)


def _vercel_6(truth: Truth) -> Written:
    return _vercel(truth, whole_input=truth.whole_input, details=True)


def _mlflow(truth: Truth) -> Written:
    usage = {
        "input_tokens": truth.whole_input,
        "output_tokens": truth.whole_output,
        "total_tokens": truth.total,
        "cache_read_input_tokens": truth.cache_read,
        "cache_creation_input_tokens": truth.cache_write,
    }
    return {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.llm.provider": json.dumps(truth.provider),
        "mlflow.llm.model": json.dumps(truth.model),
        "mlflow.chat.tokenUsage": json.dumps(usage),
        "mlflow.spanOutputs": "secret",
    }


def _mlflow_sdk(truth: Truth) -> Written:
    return _mlflow(truth) | {"model": json.dumps(truth.model), "mlflow.message.format": f'"{truth.provider}"'}


def _sentry(truth: Truth) -> Written:
    return _identity(truth) | {
        "gen_ai.usage.input_tokens": truth.whole_input,
        "gen_ai.usage.output_tokens": truth.whole_output,
        "gen_ai.usage.input_tokens.cached": truth.cache_read,
        "gen_ai.usage.input_tokens.cache_write": truth.cache_write,
        "gen_ai.usage.output_tokens.reasoning": truth.reasoning,
    }


def _strands(truth: Truth) -> Written:
    said: Mapping[str, AttributeValue] = _conventions(truth) | {
        "gen_ai.provider.name": "strands-agents",
        "gen_ai.usage.prompt_tokens": truth.whole_input,
        "gen_ai.usage.completion_tokens": truth.whole_output,
    }
    return {name: value for name, value in said.items() if "reasoning" not in name and name != "gen_ai.response.id"}


_NO_REASONING = frozenset({"reasoning"})
_NO_WRITE = frozenset({"cache_write"})
_GOOGLE = ("gcp.gemini",)


def _invoked(truth: Truth) -> Written:
    return _raw_input(truth) | {"rpc.method": "InvokeModel"}


def _copilot(truth: Truth) -> Written:
    return _conventions(truth) | {"copilot_chat.session_id": "session-1"}


def _openinference_bedrock(truth: Truth) -> Written:
    """What LangChain leaves of an answer of InvokeModel."""
    written = _openinference(truth) | {"llm.provider": "amazon_bedrock"}
    told = {name: value for name, value in written.items() if not name.startswith("llm.token_count.prompt_details.")}
    return told | {"llm.token_count.prompt": truth.input, "llm.token_count.total": truth.total}


def _openinference_claude(truth: Truth) -> Written:
    return _openinference(truth) | {"llm.system": "anthropic", "llm.provider": "aws"}


_BEDROCK = ("aws.bedrock",)
_INPUT_AND_OUTPUT = frozenset({"cache_read", "cache_write", "reasoning"})


def _otel(name: str) -> Scope:
    return Scope(f"opentelemetry.instrumentation.{name}", "0.62.4")


_AGENT_SCOPES = {"claude": "com.anthropic.claude_code.tracing", "codex": "codex_otel.log_only", "gemini": "gemini-cli"}


def _agent(
    dialect: str, name: str, write: Callable[[Truth], Written], provider: str, lacks: frozenset[str] = frozenset()
) -> Emitter:
    """A coding agent; its log records have no span kind."""
    scope = Scope(_AGENT_SCOPES.get(dialect.partition("-")[0], "copilot-chat"), "")
    return Emitter(dialect, scope, write, lacks, (provider,), kind=0, name=name)


_PLATFORM = Scope("com.anthropic.claude-platform", "")

EMITTERS = (
    Emitter("spanledger", Scope("spanledger", "0.1"), _conventions),
    Emitter("anthropic-native", Scope("com.anthropic.sdk.python", "2.12.0"), _conventions, providers=("anthropic",)),
    Emitter("anthropic-platform", _PLATFORM, _conventions, providers=("anthropic",), kind=2),
    Emitter("xai-native", Scope("xai_sdk.telemetry", "1.21"), _xai, _NO_WRITE, providers=("x_ai",)),
    Emitter("mistral-native", Scope("mistralai_sdk", "3.7"), _conventions, providers=("mistral_ai",)),
    Emitter("otel-openai-v2", _otel("openai_v2"), _sums_only, _INPUT_AND_OUTPUT, providers=("openai",)),
    Emitter("otel-genai", _otel("genai.openai"), _conventions),
    Emitter("otel-genai", _otel("genai.anthropic"), _conventions, providers=("anthropic",)),
    Emitter("otel-framework", _otel("genai.langchain"), _conventions, kind=1),
    Emitter("otel-bedrock", _otel("genai.bedrock"), _raw_input, providers=_BEDROCK),
    Emitter("otel-bedrock", _otel("botocore.bedrock-runtime"), _raw_input, providers=_BEDROCK),
    Emitter("otel-botocore-invoke", _otel("botocore.bedrock-runtime"), _invoked, providers=_BEDROCK),
    Emitter("otel-google-genai", _otel("google_genai"), _conventions, providers=_GOOGLE),
    Emitter("openllmetry-anthropic", _otel("anthropic"), _first_generation, providers=("anthropic",)),
    Emitter("openllmetry", _otel("ollama"), _first_generation, providers=("anthropic",)),
    Emitter("openllmetry-openai", _otel("openai.v1"), _first_generation, providers=("openai",)),
    Emitter("openllmetry-framework", _otel("langchain"), _first_generation, kind=1),
    Emitter("openllmetry-bedrock", _otel("bedrock"), _raw_input, providers=_BEDROCK),
    Emitter("openllmetry-llamaindex", _otel("llamaindex"), _raw_input, providers=("anthropic",)),
    Emitter("openllmetry-google", _otel("google_generativeai"), _without_thoughts, _NO_WRITE, providers=_GOOGLE),
    Emitter("openinference-sdk", Scope("openinference.instrumentation.anthropic", "1"), _openinference, kind=1),
    Emitter(
        "openinference-framework",
        Scope("openinference.instrumentation.langchain", "1"),
        _openinference_langchain,
        kind=1,
    ),
    Emitter(
        "openinference-langchain-bedrock",
        Scope("openinference.instrumentation.langchain", "1"),
        _openinference_bedrock,
        frozenset({"cache_read", "cache_write"}),
        providers=_BEDROCK,
        kind=1,
    ),
    Emitter(
        "openinference-bedrock-claude",
        Scope("openinference.instrumentation.bedrock", "1"),
        _openinference_claude,
        providers=_BEDROCK,
        kind=1,
        name="bedrock.invoke_model",
    ),
    Emitter(
        "openinference-bedrock-invoke",
        Scope("openinference.instrumentation.bedrock", "1"),
        _openinference_invoke,
        providers=_BEDROCK,
        kind=1,
        name="bedrock.invoke_model",
    ),
    Emitter("openlit", Scope("openlit.instrumentation.anthropic", "1.45"), _openlit),
    Emitter("openlit-framework", Scope("openlit.instrumentation.litellm", "1.45"), _openlit_framework, _NO_REASONING),
    Emitter("langfuse", Scope("langfuse-sdk", "5.0.4"), _langfuse_handler, kind=1),
    Emitter("langfuse", Scope("langfuse-sdk", "5.0.4"), _langfuse_openai, _NO_WRITE, providers=("openai",), kind=1),
    Emitter(
        "langfuse-openai",
        Scope("langfuse-sdk", "5.0.4"),
        _langfuse_openai,
        _NO_WRITE,
        providers=("openai",),
        kind=1,
        name="OpenAI-generation",
    ),
    Emitter("langsmith", Scope("langsmith", "0.15"), _langsmith, kind=1),
    Emitter("pydantic-ai", Scope("pydantic-ai", "2.68"), _pydantic_ai),
    Emitter("logfire", Scope("logfire.openai", "5.2"), _logfire),
    Emitter("logfire", Scope("logfire.anthropic", "4.31"), _logfire, providers=("anthropic",)),
    Emitter(
        "logfire-anthropic-before-4.31",
        Scope("logfire.anthropic", "4.30"),
        _sums_only,
        _INPUT_AND_OUTPUT,
        providers=("anthropic",),
    ),
    Emitter("vercel-ai", Scope("ai", ""), _vercel_5, _NO_WRITE, kind=1),
    Emitter("vercel-ai-6", Scope("ai", ""), _vercel_6, kind=1),
    Emitter("vercel-ai-otel", Scope("@ai-sdk/otel", ""), _conventions),
    Emitter("litellm", Scope("litellm", ""), _conventions, frozenset({"cache_read", "cache_write"})),
    Emitter("litellm-1", Scope("litellm", ""), _litellm_1),
    Emitter("litellm-2", Scope("litellm", ""), lambda truth: _conventions(truth) | {"litellm.call_id": "1"}),
    Emitter("mlflow", Scope("", ""), _mlflow, _NO_REASONING, kind=1),
    Emitter("mlflow-sdk", Scope("mlflow.tracing.provider", ""), _mlflow_sdk, _NO_REASONING, kind=1),
    Emitter("google-adk", Scope("gcp.vertex.agent", "2.13"), _conventions, providers=_GOOGLE),
    Emitter("strands", Scope("strands.telemetry.tracer", ""), _strands, _NO_REASONING, kind=1),
    Emitter("agent-framework", Scope("agent_framework", ""), _conventions),
    Emitter("sentry", Scope("", ""), _sentry),
    _agent("claude-code", "claude_code.llm_request", agents.claude_code, "anthropic", _NO_REASONING),
    _agent("claude-code-log", "claude_code.api_request", agents.claude_code_log, "anthropic", _NO_REASONING),
    _agent("codex", "handle_responses", agents.codex, "openai", _NO_WRITE),
    _agent("codex-log", "codex.sse_event", agents.codex_log, "openai"),
    _agent("gemini-cli-log", "gemini_cli.api_response", agents.gemini_cli_log, "gcp.gemini", _NO_WRITE),
    _agent("gemini-cli-log-vertex", "gemini_cli.api_response", agents.gemini_cli_log, "gcp.vertex_ai", _NO_WRITE),
    _agent("github-copilot", "chat gpt-5-mini", _copilot, "github"),
    Emitter("generic", Scope("somebody.else", "1"), _conventions),
    Emitter("generic", Scope("somebody.else", "1"), _first_generation),
)
