"""What the apps share: OpenTelemetry set up as people do it, and the instrumentations that the command line names.

    python openai_sdk.py otel-openai spanledger

Each name is an instrumentation; they are switched on in the order given, before the app imports its SDK.
"""

import asyncio
import contextvars
import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_INSTRUMENTORS = {
    "spanledger": "spanledger.instrumentor:SpanLedgerInstrumentor",
    "otel-openai": "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
    "otel-openai-v2": "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",
    "otel-anthropic": "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
    "otel-langchain": "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
    "otel-openai-agents": "opentelemetry.instrumentation.genai.openai_agents:OpenAIAgentsInstrumentor",
    "openllmetry-openai": "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
    "openllmetry-anthropic": "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
    "openllmetry-langchain": "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
    "openllmetry-openai-agents": "opentelemetry.instrumentation.openai_agents:OpenAIAgentsInstrumentor",
    "openinference-openai": "openinference.instrumentation.openai:OpenAIInstrumentor",
    "openinference-anthropic": "openinference.instrumentation.anthropic:AnthropicInstrumentor",
    "openinference-langchain": "openinference.instrumentation.langchain:LangChainInstrumentor",
    "openinference-openai-agents": "openinference.instrumentation.openai_agents:OpenAIAgentsInstrumentor",
    "openinference-litellm": "openinference.instrumentation.litellm:LiteLLMInstrumentor",
}


RunAsync = Callable[[Coroutine[Any, Any, object]], object]
"""Runs a coroutine to its end, in the one event loop of the app and in the caller's context."""


def run(scenario: Callable[[RunAsync], None]) -> None:
    """Switch on what the command line names, and run the scenario twice: by itself, and inside a request's span."""
    names = sys.argv[1:]
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
    if name in _INSTRUMENTORS:
        module, _, instrumentor = _INSTRUMENTORS[name].partition(":")
        getattr(importlib.import_module(module), instrumentor)().instrument()
    else:
        _OTHERWISE[name]()


def _openlit() -> None:
    import openlit

    # The prices of models are a file, because by default they are fetched from the network.
    openlit.init(disable_metrics=True, disable_events=True, pricing_json=os.environ["APP_EMPTY_JSON"])


def _pydantic_ai() -> None:
    from pydantic_ai import Agent

    Agent.instrument_all()


def _no_agents_backend() -> None:
    """The Agents SDK sends its own traces to OpenAI, unless their processors are replaced."""
    from agents import set_trace_processors

    set_trace_processors([])


def _logfire_openai() -> None:
    import logfire

    logfire.instrument_openai()


def _logfire_anthropic() -> None:
    import logfire

    logfire.instrument_anthropic()


def _logfire_pydantic_ai() -> None:
    import logfire

    logfire.instrument_pydantic_ai()


def _litellm() -> None:
    import litellm

    os.environ["USE_OTEL_LITELLM_REQUEST_SPAN"] = "true"  # else it writes onto the span around, call over call
    litellm.callbacks = ["otel"]


def _litellm_2() -> None:
    os.environ["LITELLM_OTEL_V2"] = "true"
    _litellm()


_OTHERWISE = {
    "openlit": _openlit,
    "no-agents-backend": _no_agents_backend,
    "pydantic-ai": _pydantic_ai,
    "litellm": _litellm,
    "litellm-2": _litellm_2,
    "logfire-pydantic-ai": _logfire_pydantic_ai,
    "logfire-openai": _logfire_openai,
    "logfire-anthropic": _logfire_anthropic,
}
