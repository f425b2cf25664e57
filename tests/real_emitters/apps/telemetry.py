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
    "openinference-mistralai": (f"{_OPENINFERENCE}.mistralai:MistralAIInstrumentor",),
}


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


def _for_the_app_to_do() -> None:
    """What an app says of its clients itself, and asks `is_on` for."""


def is_on(name: str) -> bool:
    """Whether the command line names it."""
    return name in sys.argv[1:]


_OTHERWISE = {
    "mistral-native": _for_the_app_to_do,
    "openlit": _openlit,
    "pydantic-ai": _pydantic_ai,
    "litellm": _litellm,
    "litellm-2": _litellm_2,
    "logfire-pydantic-ai": partial(_logfire, "pydantic_ai"),
    "logfire-openai": partial(_logfire, "openai"),
    "logfire-anthropic": partial(_logfire, "anthropic"),
    "logfire-sdks": partial(_logfire, "openai", "anthropic"),
}
