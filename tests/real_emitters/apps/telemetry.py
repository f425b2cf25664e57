"""What the apps share: OpenTelemetry set up as people do it, and the instrumentations that the command line names.

    python openai_sdk.py otel-openai spanledger

Each name is an instrumentation, or the same maker's for several SDKs; they are switched on in the order given, before
the app imports its SDK.
"""

import asyncio
import contextvars
import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_OTEL, _OPENLLMETRY, _OPENINFERENCE = (
    "opentelemetry.instrumentation.genai",
    "opentelemetry.instrumentation",
    "openinference.instrumentation",
)
_INSTRUMENTORS = {
    "spanledger": ("spanledger.instrumentor:SpanLedgerInstrumentor",),
    "otel-openai": (f"{_OTEL}.openai:OpenAIInstrumentor",),
    "otel-openai-v2": ("opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",),
    "otel-anthropic": (f"{_OTEL}.anthropic:AnthropicInstrumentor",),
    "otel-sdks": (f"{_OTEL}.openai:OpenAIInstrumentor", f"{_OTEL}.anthropic:AnthropicInstrumentor"),
    "otel-langchain": (f"{_OTEL}.langchain:LangChainInstrumentor",),
    "otel-llama-index": (f"{_OTEL}.llama_index:LlamaIndexInstrumentor",),
    "otel-openai-agents": (f"{_OTEL}.openai_agents:OpenAIAgentsInstrumentor",),
    "otel-bedrock": (f"{_OTEL}.bedrock:BedrockInstrumentor",),
    "otel-botocore": ("opentelemetry.instrumentation.botocore:BotocoreInstrumentor",),
    "otel-google-genai": ("opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",),
    "openllmetry-openai": (f"{_OPENLLMETRY}.openai:OpenAIInstrumentor",),
    "openllmetry-anthropic": (f"{_OPENLLMETRY}.anthropic:AnthropicInstrumentor",),
    "openllmetry-sdks": (
        f"{_OPENLLMETRY}.openai:OpenAIInstrumentor",
        f"{_OPENLLMETRY}.anthropic:AnthropicInstrumentor",
    ),
    "openllmetry-langchain": (f"{_OPENLLMETRY}.langchain:LangchainInstrumentor",),
    "openllmetry-llama-index": (f"{_OPENLLMETRY}.llamaindex:LlamaIndexInstrumentor",),
    "openllmetry-openai-agents": (f"{_OPENLLMETRY}.openai_agents:OpenAIAgentsInstrumentor",),
    "openllmetry-bedrock": (f"{_OPENLLMETRY}.bedrock:BedrockInstrumentor",),
    "openllmetry-mistralai": (f"{_OPENLLMETRY}.mistralai:MistralAiInstrumentor",),
    "openllmetry-google-genai": (f"{_OPENLLMETRY}.google_generativeai:GoogleGenerativeAiInstrumentor",),
    "openinference-openai": (f"{_OPENINFERENCE}.openai:OpenAIInstrumentor",),
    "openinference-anthropic": (f"{_OPENINFERENCE}.anthropic:AnthropicInstrumentor",),
    "openinference-sdks": (
        f"{_OPENINFERENCE}.openai:OpenAIInstrumentor",
        f"{_OPENINFERENCE}.anthropic:AnthropicInstrumentor",
    ),
    "openinference-langchain": (f"{_OPENINFERENCE}.langchain:LangChainInstrumentor",),
    "openinference-llama-index": (f"{_OPENINFERENCE}.llama_index:LlamaIndexInstrumentor",),
    "openinference-openai-agents": (f"{_OPENINFERENCE}.openai_agents:OpenAIAgentsInstrumentor",),
    "openinference-litellm": (f"{_OPENINFERENCE}.litellm:LiteLLMInstrumentor",),
    "openinference-google-genai": (f"{_OPENINFERENCE}.google_genai:GoogleGenAIInstrumentor",),
    "openinference-bedrock": (f"{_OPENINFERENCE}.bedrock:BedrockInstrumentor",),
    "openinference-google-adk": (f"{_OPENINFERENCE}.google_adk:GoogleADKInstrumentor",),
    "openinference-mistralai": (f"{_OPENINFERENCE}.mistralai:MistralAIInstrumentor",),
}


_FLUSHES: list[Callable[[], object]] = []
"""What makes spans in threads of its own, and has to be waited for."""

RunAsync = Callable[[Coroutine[Any, Any, object]], object]
"""Runs a coroutine to its end, in the one event loop of the app and in the caller's context."""


def run(scenario: Callable[[RunAsync], None], prepare: Callable[[], None] = lambda: None) -> None:
    """Switch on what the command line names after `prepare`, and run the scenario twice: by itself, and inside a
    request's span."""
    names = sys.argv[1:]
    prepare()
    if any(name.startswith("logfire") for name in names):
        shutdown = _with_logfire()
    else:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        shutdown = provider.shutdown
    for name in names:
        _switch_on(name)
    with asyncio.Runner() as runner:

        def run_async(work: Coroutine[Any, Any, object]) -> object:
            return runner.run(work, context=contextvars.copy_context())

        scenario(run_async)
        with trace.get_tracer("app").start_as_current_span("GET /answer"):
            scenario(run_async)
    for flush in _FLUSHES:
        flush()
    shutdown()


def _with_logfire() -> Callable[[], object]:
    """Logfire brings its own provider, which exports to the OTLP endpoint of the environment too."""
    import logfire

    logfire.configure(send_to_logfire=False, console=False)
    return logfire.shutdown


async def litellm_has_logged() -> None:
    """LiteLLM writes its spans after the call, in a task of its own."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    await asyncio.sleep(0)
    await GLOBAL_LOGGING_WORKER.flush()


def _switch_on(name: str) -> None:
    if name in _OTHERWISE:
        _OTHERWISE[name]()
        return
    for instrumentor in _INSTRUMENTORS[name]:
        module, _, kind = instrumentor.partition(":")
        getattr(importlib.import_module(module), kind)().instrument()


def _openlit() -> None:
    import openlit

    # The prices of models are a file, because by default they are fetched from the network.
    openlit.init(disable_metrics=True, disable_events=True, pricing_json=os.environ["APP_EMPTY_JSON"])


def _pydantic_ai() -> None:
    from pydantic_ai import Agent

    Agent.instrument_all()


def _logfire(*names: str) -> None:
    import logfire

    for name in names:
        getattr(logfire, f"instrument_{name}")()


def _litellm() -> None:
    import litellm

    os.environ["USE_OTEL_LITELLM_REQUEST_SPAN"] = "true"  # else it writes onto the span around, call over call
    litellm.callbacks = ["otel"]


def _litellm_2() -> None:
    os.environ["LITELLM_OTEL_V2"] = "true"
    _litellm()


def _langfuse(*integrations: Callable[[], None]) -> None:
    """Beside an exporter of one's own, which gets its spans from the provider too."""
    from langfuse import Langfuse
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider = trace.get_tracer_provider()
    Langfuse(public_key="any", secret_key="any", tracer_provider=provider, span_exporter=InMemorySpanExporter())
    for integration in integrations:
        integration()


def _langfuse_openai() -> None:
    importlib.import_module("langfuse.openai")  # which replaces the methods of the SDK


def _langfuse_langchain() -> None:
    from langchain_core.tracers.context import register_configure_hook
    from langfuse.langchain import CallbackHandler

    handler = contextvars.ContextVar("handler")
    handler.set(CallbackHandler())
    register_configure_hook(handler, inheritable=True)


def _langsmith() -> None:
    """Its spans go to the global provider, and nowhere else."""
    from langsmith.run_trees import get_cached_client

    os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_TRACING_MODE": "otel", "LANGSMITH_API_KEY": "any"}
    _FLUSHES.append(lambda: get_cached_client().flush())


def _langsmith_sdks() -> None:
    """LangSmith wraps each client, as soon as it is made."""
    from langsmith import wrappers

    _langsmith()
    for package, kinds in (("openai", ("OpenAI", "AsyncOpenAI")), ("anthropic", ("Anthropic", "AsyncAnthropic"))):
        module, wrap = importlib.import_module(package), getattr(wrappers, f"wrap_{package}")
        for kind in kinds:
            setattr(module, kind, partial(_wrapped, wrap, getattr(module, kind)))


def _wrapped(wrap, kind, **options):
    return wrap(kind(**options))


def _mlflow(*names: str) -> None:
    """Its spans go to the OTLP endpoint by an exporter of its own, and nowhere else."""
    endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    runs = Path(os.environ["APP_EMPTY_JSON"]).with_name("mlflow.db")
    os.environ |= {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{endpoint}/v1/traces",
        "MLFLOW_TRACKING_URI": f"sqlite:///{runs}",
    }
    for name in names:
        importlib.import_module(f"mlflow.{name}").autolog()


def _for_the_app_to_do() -> None:
    """What an app says of its clients itself, and asks `is_on` for."""


def _for_the_framework_to_do() -> None:
    """It makes its spans whenever there is a provider."""


def is_on(name: str) -> bool:
    """Whether the command line names it."""
    return name in sys.argv[1:]


_OTHERWISE = {
    "mistral-native": _for_the_app_to_do,
    "strands": _for_the_framework_to_do,
    "google-adk": _for_the_framework_to_do,
    "openlit": _openlit,
    "pydantic-ai": _pydantic_ai,
    "litellm": _litellm,
    "litellm-2": _litellm_2,
    "logfire-pydantic-ai": partial(_logfire, "pydantic_ai"),
    "logfire-openai": partial(_logfire, "openai"),
    "logfire-anthropic": partial(_logfire, "anthropic"),
    "logfire-sdks": partial(_logfire, "openai", "anthropic"),
    "langfuse-openai": partial(_langfuse, _langfuse_openai),
    "langfuse-langchain": partial(_langfuse, _langfuse_langchain),
    "langfuse": partial(_langfuse, _langfuse_openai, _langfuse_langchain),
    "langsmith": _langsmith,
    "langsmith-sdks": _langsmith_sdks,
    "mlflow-openai": partial(_mlflow, "openai"),
    "mlflow-anthropic": partial(_mlflow, "anthropic"),
    "mlflow-langchain": partial(_mlflow, "langchain"),
}
