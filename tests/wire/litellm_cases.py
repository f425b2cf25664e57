"""LiteLLM, real, against local providers: one call, one usage-bearing span, whoever sends the request.

Run by `test_litellm_apart.py` in an environment that has LiteLLM; the transparency contract is in
`litellm_contract_cases.py`.
"""

import asyncio
import json
import os
from collections.abc import Generator
from importlib import import_module
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from wire_bedrock import answering, document, stream
from wire_contract import Document, shape
from wire_recording import Recording, attributes_of, true_usage, usage_of
from wire_scripted import EVENTS, Script, answer, named_events, serving

import spanledger
from provider_server import ProviderServer
from spanledger.instrumentor import SpanLedgerInstrumentor

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

CLAUDE = "anthropic/claude-sonnet-5"
GPT = "openai/gpt-5-mini"
MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.fixture(autouse=True)
def no_cache() -> Generator[None]:
    yield
    litellm.cache = None


def ask(url: str, model: str = CLAUDE, **more: object) -> Any:  # noqa: ANN401
    path = "/v1" if model.startswith("openai/") else ""
    return litellm.completion(**{"model": model, "messages": MESSAGES, "api_base": url + path, "api_key": "k", **more})


def metered(recording: Recording) -> list[dict[str, object]]:
    """The usage of each span that has any."""
    return [usage for span in recording.spans if (usage := usage_of(span))]


# Other functions


def test_embeddings(instrumented: Recording, provider: ProviderServer) -> None:
    model = "openai/text-embedding-3-small"
    litellm.embedding(model=model, input=["one two", "three"], api_base=f"{provider.url}/v1", api_key="k")
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])
    asyncio.run(litellm.aembedding(model=model, input=["four"], api_base=f"{provider.url}/v1", api_key="k"))
    assert len(instrumented.spans) == 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("model", "path"), [(GPT, "/v1"), (CLAUDE, "")])
def test_responses(instrumented: Recording, provider: ProviderServer, model: str, path: str, streamed: bool) -> None:
    result = litellm.responses("Where is it?", model, api_base=provider.url + path, api_key="k", stream=streamed)
    if streamed:
        assert list(result)
    assert metered(instrumented) == [true_usage(provider.served[-1])]
    assert len(instrumented.spans) == 1


async def test_async_streamed_responses(instrumented: Recording, provider: ProviderServer) -> None:
    url = f"{provider.url}/v1"
    events = await litellm.aresponses("Where is it?", GPT, api_base=url, api_key="k", stream=True)
    assert [event async for event in events]
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions(instrumented: Recording, provider: ProviderServer, streamed: bool) -> None:
    result = litellm.text_completion(
        prompt="Where is it?", model=CLAUDE, api_base=provider.url, api_key="k", stream=streamed
    )
    assert list(result)
    del result
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])
    assert instrumented.attributes["gen_ai.operation.name"] == "text_completion"


# Who counts


def test_without_the_openai_sdk_observed_the_framework_counts(
    recording: Recording, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_DISABLED_SDKS", "openai")
    instrumentor = SpanLedgerInstrumentor()
    instrumentor.instrument()
    try:
        ask(provider.url, GPT)
    finally:
        instrumentor.uninstrument()
    assert usage_of(recording.only) == true_usage(provider.served[-1])
    assert recording.attributes["gen_ai.request.model"] == "gpt-5-mini"


@pytest.mark.parametrize(("first", "then"), [(GPT, CLAUDE), (CLAUDE, GPT)])
def test_a_fallback_counts_where_it_was_answered(
    instrumented: Recording, provider: ProviderServer, first: str, then: str
) -> None:
    path = "/v1" if then == GPT else ""
    other = {"model": then, "api_base": provider.url + path, "api_key": "k"}
    ask(provider.url, f"{first.partition('/')[0]}/no-such-model", fallbacks=[other], max_retries=0)
    assert metered(instrumented) == [true_usage(provider.served[-1])]
    failed = [span for span in instrumented.spans if span.status.status_code.name == "ERROR"]
    assert len(failed) == len(instrumented.spans) - 1 <= 1


def test_a_router(instrumented: Recording, provider: ProviderServer) -> None:
    params = {"model": CLAUDE, "api_base": provider.url, "api_key": "k"}
    router = litellm.Router(model_list=[{"model_name": "support", "litellm_params": params}])
    router.completion(model="support", messages=MESSAGES)
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])
    assert instrumented.attributes["gen_ai.request.model"] == "claude-sonnet-5"
    asyncio.run(router.acompletion(model="support", messages=MESSAGES))
    assert len(instrumented.spans) == 2


def test_a_batch_is_as_many_calls(instrumented: Recording, provider: ProviderServer) -> None:
    litellm.batch_completion(model=CLAUDE, messages=[MESSAGES] * 3, api_base=provider.url, api_key="k")
    assert len(metered(instrumented)) == len(instrumented.spans) == 3


def test_answers_of_nobody_are_no_calls(instrumented: Recording, provider: ProviderServer) -> None:
    ask(provider.url, mock_response="On its way.")
    assert not instrumented.spans


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_answers_from_a_cache_are_no_calls(
    instrumented: Recording, provider: ProviderServer, model: str, streamed: bool
) -> None:
    before = len(provider.served)
    litellm.cache = import_module("litellm.caching.caching").Cache(type="local")
    try:
        for _ in range(2):
            result = ask(provider.url, model, caching=True, stream=streamed)
            list(result)
            del result
    except ModuleNotFoundError as missing:
        pytest.skip(f"this version of LiteLLM cannot cache without {missing.name}")
    assert len(provider.served) == before + 1
    assert len(instrumented.spans) == 1


# Exactness where LiteLLM sends by itself


def test_bedrock(instrumented: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
    usage = {"inputTokens": 12, "outputTokens": 5, "totalTokens": 717, "cacheReadInputTokens": 700}
    metrics = {"latencyMs": 7}
    whole = {"output": {"message": {"role": "assistant", "content": [{"text": "Yes"}]}}, "stopReason": "end_turn"}
    replies = (
        document({**whole, "usage": usage, "metrics": metrics}),
        stream(
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Yes"}}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": usage, "metrics": metrics}},
        ),
    )
    with answering(*replies) as server:
        for streamed in (False, True):
            result = litellm.completion(
                model="bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                messages=MESSAGES,
                aws_bedrock_runtime_endpoint=server.url,
                aws_region_name="eu-west-1",
                stream=streamed,
            )
            list(result)
            del result
    assert (
        metered(instrumented)
        == [
            {
                "gen_ai.usage.input_tokens": 712,
                "gen_ai.usage.cache_read.input_tokens": 700,
                "gen_ai.usage.output_tokens": 5,
            }
        ]
        * 2
    )
    attributes = attributes_of(instrumented.spans[0])
    assert attributes["gen_ai.provider.name"] == "aws.bedrock"
    assert attributes["gen_ai.request.model"] == "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert attributes["spanledger.region"] == "eu-west-1"


def gemini(*usages: Document) -> Script:
    """A stream as Gemini sends it: usage grows from chunk to chunk."""
    candidate = {"content": {"role": "model", "parts": [{"text": "Yes"}]}, "index": 0}
    chunks: list[Document] = [{"candidates": [candidate], "usageMetadata": usage} for usage in usages]
    chunks[-1]["candidates"] = [{**candidate, "finishReason": "STOP"}]
    lines = [f"data: {import_module('json').dumps(chunk)}\n\n" for chunk in chunks]
    return Script("".join(lines).encode(), EVENTS)


GEMINI = gemini(
    {"promptTokenCount": 20, "candidatesTokenCount": 1, "totalTokenCount": 21},
    {"promptTokenCount": 20, "candidatesTokenCount": 6, "thoughtsTokenCount": 30, "totalTokenCount": 56},
)


def check_gemini(recording: Recording) -> None:
    assert usage_of(recording.only) == {
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 36,
        "gen_ai.usage.reasoning.output_tokens": 30,
    }
    assert recording.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert recording.attributes["spanledger.usage_status"] == "metered"


def test_a_stream_that_is_asked_for_when_it_is_read(instrumented: Recording) -> None:
    with serving(GEMINI) as server:
        result = litellm.completion(
            model="gemini/gemini-2.5-flash", messages=MESSAGES, api_base=server.url, api_key="k", stream=True
        )
        assert type(result) is litellm.CustomStreamWrapper
        assert list(result)
    check_gemini(instrumented)


async def test_an_async_stream_that_is_asked_for_when_it_is_read(instrumented: Recording) -> None:
    with serving(GEMINI) as server:
        result = await litellm.acompletion(
            model="gemini/gemini-2.5-flash", messages=MESSAGES, api_base=server.url, api_key="k", stream=True
        )
        assert [chunk async for chunk in result]
    check_gemini(instrumented)


def test_a_stream_that_is_never_asked_for(instrumented: Recording) -> None:
    with serving(GEMINI) as server:
        litellm.completion(
            model="gemini/gemini-2.5-flash", messages=MESSAGES, api_base=server.url, api_key="k", stream=True
        )
    assert "chunks=0" in str(instrumented.attributes["spanledger.usage_evidence"])


def test_usage_in_parts_is_put_together(instrumented: Recording) -> None:
    """The last event of older Anthropic streams has the output only."""
    start: Document = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [],
        "usage": {"input_tokens": 4, "cache_read_input_tokens": 300, "output_tokens": 1},
    }
    events = (
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    )
    with serving(named_events(*events)) as server:
        result = ask(server.url, stream=True)
        list(result)
        del result
    assert usage_of(instrumented.only) == {
        "gen_ai.usage.input_tokens": 304,
        "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.usage.output_tokens": 20,
    }


def test_an_estimate_of_the_framework_is_not_usage(instrumented: Recording) -> None:
    """Without usage from the provider LiteLLM counts tokens by itself, which no provider bills."""
    message = {"role": "assistant", "content": "Yes"}
    chunk: Document = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": message}],
    }
    last: Document = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = b"".join(b"data: " + json.dumps(part).encode() + b"\n\n" for part in (chunk, last))
    with serving(Script(lines + b"data: [DONE]\n\n", EVENTS)) as server:
        result = litellm.completion(
            model="deepseek/deepseek-chat", messages=MESSAGES, api_base=server.url, api_key="k", stream=True
        )
        list(result)
        del result
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
    assert "gen_ai.usage.output_tokens" not in instrumented.attributes


def test_a_rerank_is_billed_by_searches(instrumented: Recording) -> None:
    meta = {"billed_units": {"search_units": 2}}
    whole = {"id": "r1", "results": [{"index": 0, "relevance_score": 0.9}], "meta": meta}
    with serving(answer(whole)) as server:
        litellm.rerank(model="cohere/rerank-v3.5", query="?", documents=["a", "b"], api_base=server.url, api_key="k")
    assert instrumented.attributes["spanledger.usage.search_unit"] == 2
    assert instrumented.attributes["gen_ai.operation.name"] == "rerank"


# Attribution


def test_the_call_is_attributed_and_its_request_carries_no_baggage(
    instrumented: Recording, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpx: Any = import_module("httpx")
    send, sent = httpx.Client.send, list[object]()

    def spy(*args: object, **kwargs: object) -> object:
        sent.append(dict(baggage.get_all()))
        return send(*args, **kwargs)

    monkeypatch.setattr(httpx.Client, "send", spy)
    tracer = trace.get_tracer("an application")
    with spanledger.attribution(user="u-17", propagate=True), tracer.start_as_current_span("work") as outer:
        before = context.get_current()
        ask(provider.url)
        assert context.get_current() == before
        with serving(GEMINI) as server:
            list(ask(server.url, "gemini/gemini-2.5-flash", stream=True))
    assert sent == [{}, {}]
    for span in instrumented.spans:
        assert attributes_of(span)["user.id"] == "u-17"
        assert span.parent is not None
        assert span.parent.span_id == outer.get_span_context().span_id
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time - span.start_time > 1_000_000  # the span lasts as long as the call did


def test_shapes_that_are_compared_have_content(instrumented: Recording, provider: ProviderServer) -> None:
    """What the contract compares above would be worth nothing if it were empty."""
    kind, content = shape(ask(provider.url)), instrumented.spans
    assert isinstance(kind, tuple)
    assert content
