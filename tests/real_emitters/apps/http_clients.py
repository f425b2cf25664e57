"""Posts to a model by plain HTTP clients, each under its own released instrumentation, and once by an SDK.

    python http_clients.py    # OPENAI_BASE_URL names the provider

Each client also asks for the list of models, which bills nothing.
"""

import asyncio
import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spanledger.instrumentor import SpanLedgerInstrumentor

URL = os.environ["OPENAI_BASE_URL"]
HEADERS = {"authorization": "Bearer any"}
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}


def with_httpx() -> None:
    import httpx

    httpx.post(f"{URL}/chat/completions", headers=HEADERS, json=CHAT).raise_for_status()
    httpx.get(f"{URL}/models", headers=HEADERS)


def with_requests() -> None:
    """urllib3 is instrumented too: two spans for one request."""
    import requests

    requests.post(f"{URL}/chat/completions", headers=HEADERS, json=CHAT, timeout=20).raise_for_status()
    requests.get(f"{URL}/models", headers=HEADERS, timeout=20)


def with_urllib3() -> None:
    import urllib3

    answer = urllib3.PoolManager().request("POST", f"{URL}/chat/completions", headers=HEADERS, json=CHAT)
    assert answer.status == 200


def with_aiohttp() -> None:
    import aiohttp

    async def post() -> None:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(f"{URL}/chat/completions", json=CHAT) as answer,
        ):
            assert answer.status == 200

    asyncio.run(post())


def with_the_sdk() -> None:
    """Metered by SpanLedger; its request is seen as a span of httpx."""
    import openai

    openai.OpenAI(api_key="any").chat.completions.create(**CHAT)


def with_a_span_beside() -> None:
    """Metered by the app itself, in a span that is not the parent of the request's."""
    import httpx

    asked = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": CHAT["model"]}
    span = trace.get_tracer("app").start_span("chat gpt-4o-mini", kind=trace.SpanKind.CLIENT, attributes=asked)
    usage = httpx.post(f"{URL}/chat/completions", headers=HEADERS, json=CHAT).json()["usage"]
    span.set_attribute("gen_ai.usage.input_tokens", usage["prompt_tokens"])
    span.set_attribute("gen_ai.usage.output_tokens", usage["completion_tokens"])
    span.end()


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for instrumentor in (
        SpanLedgerInstrumentor(),
        AioHttpClientInstrumentor(),
        HTTPXClientInstrumentor(),
        RequestsInstrumentor(),
        URLLib3Instrumentor(),
    ):
        instrumentor.instrument()
    for send in (with_httpx, with_requests, with_urllib3, with_aiohttp, with_the_sdk, with_a_span_beside):
        with trace.get_tracer("app").start_as_current_span(send.__name__):
            send()
    provider.shutdown()


if __name__ == "__main__":
    main()
