"""Dialects of tracing products: Langfuse, LangSmith, MLflow, Sentry."""

from typing import Final

from spanledger_collector.dialects import passed_on
from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.names import Names
from spanledger_collector.dialects.passed_on import under

__all__ = ["PRODUCTS"]

_DETAILS: Final = "langfuse.observation.usage_details"
_COSTS: Final = "langfuse.observation.cost_details"
_LANGSMITH_INPUT: Final = "gen_ai.usage.input_token_details"
_LANGSMITH_OUTPUT: Final = "gen_ai.usage.output_token_details"
_LANGSMITH_USAGE: Final = "langsmith.metadata.usage_metadata"
_MLFLOW: Final = "mlflow.chat.tokenUsage"
_MLFLOW_COST: Final = "mlflow.llm.cost"
_MLFLOW_MARKERS: Final = (("mlflow.spanType", None),)
_MLFLOW_SDKS: Final = ("openai", "anthropic", "gemini", "groq", "mistral", "bedrock")
_MLFLOW_NAMES: Final[Names] = {
    "operation": ("mlflow.spanType",),
    "input": (f"{_MLFLOW}.input_tokens",),
    "output": (f"{_MLFLOW}.output_tokens",),
    "cache_read": (f"{_MLFLOW}.cache_read_input_tokens",),
    "cache_write": (f"{_MLFLOW}.cache_creation_input_tokens",),
    "cache_write_1h": (f"{_MLFLOW}.cache_creation_input_tokens_above_1hr",),
    "total": (f"{_MLFLOW}.total_tokens",),
    "emitter_cost_usd": (f"{_MLFLOW_COST}.total_cost",),
}

_LANGFUSE_NAMES: Final[Names] = {
    "operation": ("langfuse.observation.type",),
    "input": under(_DETAILS, "input", "prompt_tokens", "input_tokens"),
    "output": under(_DETAILS, "output", "completion_tokens", "output_tokens"),
    "cache_read": under(_DETAILS, "input_cache_read", "input_cached_tokens", *passed_on.CACHE_READ),
    "cache_write": under(_DETAILS, "input_cache_creation", *passed_on.CACHE_WRITE),
    "cache_write_5m": under(_DETAILS, "cache_creation_ephemeral_5m_input_tokens"),
    "cache_write_1h": under(_DETAILS, "cache_creation_ephemeral_1h_input_tokens"),
    "input_audio": under(_DETAILS, "input_audio", *passed_on.BESIDE["input_audio"]),
    "output_audio": under(_DETAILS, "output_audio", *passed_on.BESIDE["output_audio"]),
    "reasoning": under(_DETAILS, "output_reasoning", "output_reasoning_tokens", *passed_on.REASONING),
    "total": under(_DETAILS, "total", "total_tokens"),
    "emitter_cost_usd": (f"{_COSTS}.total",),
}


def _langsmith_input(member: str) -> tuple[str, ...]:
    return f"{_LANGSMITH_INPUT}.{member}", f"{_LANGSMITH_USAGE}.input_token_details.{member}"


def _langsmith_output(member: str) -> tuple[str, ...]:
    return f"{_LANGSMITH_OUTPUT}.{member}", f"{_LANGSMITH_USAGE}.output_token_details.{member}"


_OF_LANGCHAIN: Final = ("generations", "0", "0", "message", "kwargs", "response_metadata", "id")
"""Where the provider's id stands in an answer of LangChain."""

PRODUCTS: Final[tuple[Dialect, ...]] = (
    Dialect(
        id="langfuse-openai",
        scopes=("langfuse-sdk*", "langfuse*"),
        span_names=("OpenAI-generation", "OpenAI-embedding"),
        source_rank=1,
        unpack=(_DETAILS, _COSTS),
        names=_LANGFUSE_NAMES,
        notes="5.0.4: the wrapper of the OpenAI SDK, whose spans have these names unless they get others: OpenAI's own "
        "counts, without cache writes and response id. It cannot read raw responses, as LangChain asks for.",
    ),
    Dialect(
        id="langfuse",
        scopes=("langfuse-sdk*", "langfuse*"),
        markers=(("langfuse.observation.type", None),),
        source_rank=2,
        unpack=(_DETAILS, _COSTS),
        cache_outside=ANY_PROVIDER,
        reasoning_outside=ANY_PROVIDER,
        total_is_reported=True,
        names=_LANGFUSE_NAMES,
        notes="5.0.4: the LangChain handler writes disjoint counts, the OpenAI wrapper OpenAI's own inclusive ones; "
        "the total tells which. Without a total they are taken as disjoint.",
    ),
    Dialect(
        id="langsmith",
        scopes=("langsmith*",),
        markers=(("langsmith.span.kind", None),),
        source_rank=2,
        unpack=(_LANGSMITH_INPUT, _LANGSMITH_OUTPUT, _LANGSMITH_USAGE),
        cache_unknown=frozenset({"anthropic", "aws.bedrock"}),
        hidden_ids=(("gen_ai.completion", "llm_output", "id"), ("gen_ai.completion", *_OF_LANGCHAIN)),
        events_tell_errors=True,
        names={
            "operation": ("langsmith.span.kind",),
            "cache_read": _langsmith_input("cache_read"),
            "cache_write": _langsmith_input("cache_creation"),
            "cache_write_5m": _langsmith_input("ephemeral_5m_input_tokens"),
            "cache_write_1h": _langsmith_input("ephemeral_1h_input_tokens"),
            "input_audio": _langsmith_input("audio"),
            "reasoning": _langsmith_output("reasoning"),
            "output_audio": _langsmith_output("audio"),
        },
        notes="Its scope has no version, and there were releases that left cached tokens beside the input where the "
        "provider does. 0.15: details are a printed Python dict, or with LangChain what that itself counted, as JSON; "
        "chains carry sums; the total is added up. LangChain's answers have their id in the answer only. A span "
        "that was begun before its run failed has the status OK, which stays; an event tells of the error.",
    ),
    Dialect(
        id="mlflow-sdk",
        scopes=("mlflow*",),
        markers=_MLFLOW_MARKERS,
        needs=(("model", None), *(("mlflow.message.format", f'"{sdk}"') for sdk in _MLFLOW_SDKS)),
        source_rank=1,
        quoted=True,
        unpack=(_MLFLOW, _MLFLOW_COST),
        names={
            **_MLFLOW_NAMES,
            "request_model": ("model", "mlflow.llm.model"),
            "response_model": ("mlflow.llm.model",),
        },
        notes="3.18: the wrappers of SDKs. The parameters of a request are attributes under their own names, and all "
        "that there is of one that failed.",
    ),
    Dialect(
        id="mlflow",
        scopes=("mlflow*",),
        markers=_MLFLOW_MARKERS,
        source_rank=2,
        quoted=True,
        unpack=(_MLFLOW, _MLFLOW_COST),
        names=_MLFLOW_NAMES,
        notes="3.18: attribute values are JSON texts. Its export to GenAI conventions drops the cache.",
    ),
    Dialect(
        id="sentry",
        scopes=("sentry*",),
        markers=(("gen_ai.usage.input_tokens.cached", None),),
        source_rank=1,
        cache_unknown=ANY_PROVIDER,
        notes="Whether input contains cached tokens depends on the SDK's version, which the span does not carry.",
    ),
)
