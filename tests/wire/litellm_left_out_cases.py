"""LiteLLM, real, against scripted answers: what it leaves out of them is read nevertheless."""

import json
import os
from importlib import import_module
from typing import Any

import pytest
from wire_contract import Document, shape, without_instrumentation
from wire_recording import Recording
from wire_scripted import EVENTS, Script, answer, chat_events, serving
from wire_sdk_contract import counts_of

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

ASKED: Document = {"messages": [{"role": "user", "content": "Where is my parcel?"}], "api_key": "k", "max_retries": 0}
GEMINI: Document = {
    "responseId": "r-1",
    "modelVersion": "gemini-2.5-flash",
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Yes"}]}, "index": 0, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 20,
        "candidatesTokenCount": 6,
        "totalTokenCount": 26,
        "serviceTier": "priority",
    },
}


def ask(url: str, model: str, *, stream: bool) -> object:
    answered = litellm.completion(**ASKED, model=model, api_base=url, stream=stream)
    return [shape(chunk) for chunk in answered] if stream else shape(answered)


async def ask_asynchronously(url: str, model: str, *, stream: bool) -> None:
    answered = await litellm.acompletion(**ASKED, model=model, api_base=url, stream=stream)
    if stream:
        async for _ in answered:
            pass


def gemini(*, stream: bool) -> Script:
    return Script(f"data: {json.dumps(GEMINI)}\n\n".encode(), EVENTS) if stream else answer(GEMINI)


@pytest.mark.parametrize("stream", [False, True])
def test_the_tier_of_gemini(instrumented: Recording, stream: bool) -> None:
    with serving(gemini(stream=stream)) as server:
        ask(server.url, "gemini/gemini-2.5-flash", stream=stream)
    assert instrumented.attributes["spanledger.service_tier"] == "priority"
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 6


@pytest.mark.parametrize("stream", [False, True])
async def test_the_tier_of_gemini_asynchronously(instrumented: Recording, stream: bool) -> None:
    with serving(gemini(stream=stream)) as server:
        await ask_asynchronously(server.url, "gemini/gemini-2.5-flash", stream=stream)
    assert instrumented.attributes["spanledger.service_tier"] == "priority"


def groq() -> Script:
    known = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "llama-3.3-70b-versatile"}
    first = {**known, "choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": None}]}
    usage = {"prompt_tokens": 18, "completion_tokens": 73, "total_tokens": 91}
    last: Document = {
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "x_groq": {"id": "1", "usage": usage},
    }
    return chat_events(first, {**known, **last})


def test_the_usage_of_streams_of_groq(instrumented: Recording) -> None:
    with serving(groq()) as server:
        observed = ask(server.url, "groq/llama-3.3-70b-versatile", stream=True)
        with without_instrumentation():
            assert len(observed) == len(ask(server.url, "groq/llama-3.3-70b-versatile", stream=True))  # pyright: ignore[reportArgumentType]
    assert counts_of(instrumented.only) == {"gen_ai.usage.input_tokens": 18, "gen_ai.usage.output_tokens": 73}
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


async def test_the_usage_of_streams_of_groq_asynchronously(instrumented: Recording) -> None:
    with serving(groq()) as server:
        await ask_asynchronously(server.url, "groq/llama-3.3-70b-versatile", stream=True)
    assert counts_of(instrumented.only) == {"gen_ai.usage.input_tokens": 18, "gen_ai.usage.output_tokens": 73}
