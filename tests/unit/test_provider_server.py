"""The local provider, driven by the real SDKs: what they parse must be what the provider says it served."""

import asyncio
import importlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast
from urllib.request import urlopen

import anthropic
import openai
import pytest
from anthropic.types import TextBlockParam, ToolParam, Usage
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolUnionParam
from openai.types.responses import ResponseCompletedEvent

from provider_server import ProviderServer, Served

EXAMPLES = Path(__file__).parents[2] / "examples"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Where is my parcel?"}]
HELLO_TOKENS = 1 + 5  # the role; four words and a question mark
LONG_TEXT = " ".join(["policy"] * 1500)
WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string", "examples": ["Lisbon"]}},
}
CHAT_TOOLS: list[ChatCompletionToolUnionParam] = [
    {"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}
]
ANTHROPIC_TOOLS: list[ToolParam] = [{"name": "weather", "input_schema": WEATHER_SCHEMA}]


@pytest.fixture
def openai_client(provider: ProviderServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="key-of-a-test")


@pytest.fixture
def anthropic_client(provider: ProviderServer) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=provider.url, api_key="key-of-a-test")


def last(provider: ProviderServer) -> Served:
    return provider.served[-1]


def chat_meters(usage: CompletionUsage | None) -> dict[str, int]:
    """The disjoint counts in a chat completion's usage."""
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    read = usage.prompt_tokens_details.cached_tokens or 0
    written = usage.prompt_tokens_details.cache_write_tokens or 0
    reasoning = usage.completion_tokens_details.reasoning_tokens or 0
    counts = {
        "input": usage.prompt_tokens - read - written,
        "cache_read": read,
        "cache_write": written,
        "output": usage.completion_tokens - reasoning,
        "reasoning": reasoning,
    }
    return {meter: count for meter, count in counts.items() if count}


def message_meters(usage: Usage) -> dict[str, int]:
    """The disjoint counts in a message's usage."""
    assert usage.cache_creation is not None
    thoughts = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    counts = {
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_input_tokens or 0,
        "cache_write_5m": usage.cache_creation.ephemeral_5m_input_tokens,
        "cache_write_1h": usage.cache_creation.ephemeral_1h_input_tokens,
        "output": usage.output_tokens - thoughts,
        "reasoning": thoughts,
        "web_search": usage.server_tool_use.web_search_requests if usage.server_tool_use else 0,
    }
    return {meter: count for meter, count in counts.items() if count}


def served_meters(provider: ProviderServer) -> dict[str, int]:
    usage = last(provider).usage
    assert usage is not None
    return usage.meters


def cached_block(text: str, ttl: Literal["5m", "1h"]) -> TextBlockParam:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


class TestChatCompletions:
    def test_plain(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        completion = openai_client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        assert completion.choices[0].message.content
        assert completion.choices[0].finish_reason == "stop"
        assert completion.model == "gpt-4o-mini-2024-07-18"
        assert last(provider).id == completion.id
        assert last(provider).request_id == completion._request_id  # pyright: ignore[reportPrivateUsage]  # documented API
        assert chat_meters(completion.usage) == served_meters(provider)
        assert served_meters(provider)["input"] == HELLO_TOKENS

    def test_same_prompt_same_answer_other_id(self, openai_client: openai.OpenAI) -> None:
        one, two = (openai_client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(2))
        assert one.choices[0].message.content == two.choices[0].message.content
        assert one.id != two.id

    @pytest.mark.parametrize("asked", [True, False])
    def test_stream_tells_usage_only_if_asked(
        self, provider: ProviderServer, openai_client: openai.OpenAI, *, asked: bool
    ) -> None:
        options = {"stream_options": {"include_usage": True}} if asked else {}
        stream: openai.Stream[ChatCompletionChunk] = openai_client.chat.completions.create(
            model="gpt-4o-mini", messages=HELLO, stream=True, extra_body=options
        )
        chunks = list(stream)
        reported = [chunk.usage for chunk in chunks if chunk.usage]
        assert len(reported) == (1 if asked else 0)
        assert last(provider).usage_sent is asked
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).endswith(".")
        assert {chunk.id for chunk in chunks} == {last(provider).id}
        if asked:
            assert chunks[-1].choices == []
            assert chat_meters(reported[0]) == served_meters(provider)

    def test_tool_loop_ends_with_a_text(self, openai_client: openai.OpenAI) -> None:
        messages: list[ChatCompletionMessageParam] = list(HELLO)
        asked = openai_client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=CHAT_TOOLS)
        calls = asked.choices[0].message.tool_calls or []
        assert asked.choices[0].finish_reason == "tool_calls"
        assert calls[0].type == "function"
        assert json.loads(calls[0].function.arguments) == {"city": "Lisbon"}
        said = asked.choices[0].message.model_dump(exclude_none=True)
        messages.append(cast("ChatCompletionMessageParam", cast("object", said)))
        messages.append({"role": "tool", "tool_call_id": calls[0].id, "content": "sunny"})
        answered = openai_client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=CHAT_TOOLS)
        assert answered.choices[0].message.content

    def test_streamed_tool_call_is_put_together_by_the_sdk(
        self, provider: ProviderServer, openai_client: openai.OpenAI
    ) -> None:
        stream = openai_client.chat.completions.stream(model="gpt-4o-mini", messages=HELLO, tools=CHAT_TOOLS)
        with stream as events:
            calls = events.get_final_completion().choices[0].message.tool_calls or []
        assert [(call.function.name, call.function.arguments) for call in calls] == [("weather", '{"city": "Lisbon"}')]
        assert last(provider).streamed

    def test_long_prefix_is_read_from_the_cache_the_second_time(
        self, provider: ProviderServer, openai_client: openai.OpenAI
    ) -> None:
        def ask(question: str, key: str = "key-of-a-test") -> dict[str, int]:
            messages: list[ChatCompletionMessageParam] = [
                {"role": "system", "content": LONG_TEXT},
                {"role": "user", "content": question},
            ]
            client = openai_client.with_options(api_key=key)
            usage = client.chat.completions.create(model="gpt-4o-mini", messages=messages).usage
            assert chat_meters(usage) == served_meters(provider)
            return served_meters(provider)

        first, second = ask("And now?"), ask("Or then?")
        assert "cache_read" not in first
        assert second["cache_read"] == 1024 + 3 * 128  # the most whole steps in 1,500 tokens and a role
        assert second["input"] + second["cache_read"] == first["input"]
        assert "cache_read" not in ask("And now?", key="of somebody else")

    def test_models_that_bill_cache_writes(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": LONG_TEXT}]
        usage = openai_client.chat.completions.create(model="gpt-5.6-luna", messages=messages).usage
        assert chat_meters(usage) == served_meters(provider)
        assert served_meters(provider)["cache_write"] == 1024 + 3 * 128

    def test_reasoning_counts_as_output(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        usage = openai_client.chat.completions.create(
            model="gpt-5-mini", messages=HELLO, reasoning_effort="high", service_tier="flex"
        ).usage
        assert chat_meters(usage) == served_meters(provider)
        assert served_meters(provider)["reasoning"] > served_meters(provider)["output"]
        assert last(provider).tier == "flex"

    def test_token_limit_cuts_the_text(self, openai_client: openai.OpenAI) -> None:
        completion = openai_client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, max_completion_tokens=3)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 3

    async def test_several_at_once(self, provider: ProviderServer) -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="any") as client:
            asked = [client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(8)]
            completions = await asyncio.gather(*asked)
        assert {completion.id for completion in completions} == {record.id for record in provider.served}


class TestResponsesAndEmbeddings:
    def test_response(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        response = openai_client.responses.create(model="gpt-5-mini", input="Sum it up.")
        assert response.output_text
        assert response.id == last(provider).id
        assert response.usage is not None
        usage = last(provider).usage
        assert usage is not None
        assert (response.usage.input_tokens, response.usage.output_tokens) == (usage.input_tokens, usage.output_tokens)
        assert response.usage.output_tokens_details.reasoning_tokens == usage.reasoning > 0

    def test_streamed_response_ends_completed_with_usage(
        self, provider: ProviderServer, openai_client: openai.OpenAI
    ) -> None:
        with openai_client.responses.stream(model="gpt-4o-mini", input="Sum it up.") as stream:
            events = list(stream)
            final = stream.get_final_response()
        ends = [event for event in events if isinstance(event, ResponseCompletedEvent)]
        assert len(ends) == 1
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert final.usage is not None
        assert final.usage.total_tokens == sum(served_meters(provider).values())

    def test_web_search_is_counted(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        response = openai_client.responses.create(model="gpt-4o-mini", input="News?", tools=[{"type": "web_search"}])
        assert [item.type for item in response.output] == ["web_search_call", "message"]
        assert served_meters(provider)["web_search"] == 1

    def test_embeddings(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        created = openai_client.embeddings.create(model="text-embedding-3-small", input=["one two", "three"])
        assert [len(item.embedding) for item in created.data] == [8, 8]
        assert all(-1 <= number <= 1 for item in created.data for number in item.embedding)
        assert created.usage.prompt_tokens == 3
        assert served_meters(provider) == {"input": 3}


class TestMessages:
    def test_plain(self, provider: ProviderServer, anthropic_client: anthropic.Anthropic) -> None:
        message = anthropic_client.messages.create(
            model="claude-haiku-4-5", max_tokens=100, messages=[{"role": "user", "content": "Where is my parcel?"}]
        )
        assert message.content[0].type == "text"
        assert message.id == last(provider).id
        assert message._request_id == last(provider).request_id  # pyright: ignore[reportPrivateUsage]  # documented API
        assert message.model == "claude-haiku-4-5-20251001"
        assert message_meters(message.usage) == served_meters(provider)
        assert served_meters(provider)["input"] == HELLO_TOKENS

    def test_cache_writes_by_ttl_then_reads(
        self, provider: ProviderServer, anthropic_client: anthropic.Anthropic
    ) -> None:
        def ask(system: Sequence[TextBlockParam]) -> dict[str, int]:
            message = anthropic_client.messages.create(
                model="claude-haiku-4-5", max_tokens=100, system=system, messages=[{"role": "user", "content": "Hm?"}]
            )
            assert message_meters(message.usage) == served_meters(provider)
            return {meter: count for meter, count in served_meters(provider).items() if meter != "output"}

        system = [cached_block(LONG_TEXT, "1h"), cached_block("be brief " * 50, "5m")]
        asked = {"input": 3}  # a role, a word, a question mark
        assert ask(system) == asked | {"cache_write_1h": 1500, "cache_write_5m": 100}
        assert ask(system) == asked | {"cache_read": 1600}
        assert ask(system[:1]) == asked | {"cache_read": 1500}
        assert ask([cached_block("too short", "5m")]) == {"input": 3 + 2}

    def test_stream_with_thoughts_and_a_search(
        self, provider: ProviderServer, anthropic_client: anthropic.Anthropic
    ) -> None:
        with anthropic_client.messages.stream(
            model="claude-opus-4-5",
            max_tokens=4000,
            thinking={"type": "enabled", "budget_tokens": 2000},
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
            system=[cached_block(LONG_TEXT, "5m")],
            messages=[{"role": "user", "content": "What is new?"}],
        ) as stream:
            message = stream.get_final_message()
        blocks = [block.type for block in message.content]
        assert blocks == ["thinking", "server_tool_use", "web_search_tool_result", "text"]
        assert message_meters(message.usage) == served_meters(provider)
        assert served_meters(provider).keys() == {"input", "cache_write_5m", "output", "reasoning", "web_search"}

    def test_tool_loop_streamed(self, anthropic_client: anthropic.Anthropic) -> None:
        with anthropic_client.messages.stream(
            model="claude-haiku-4-5",
            max_tokens=100,
            tools=ANTHROPIC_TOOLS,
            messages=[{"role": "user", "content": "Weather?"}],
        ) as stream:
            message = stream.get_final_message()
        block = message.content[0]
        assert message.stop_reason == "tool_use"
        assert block.type == "tool_use"
        assert block.input == {"city": "Lisbon"}
        answered = anthropic_client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=100,
            tools=ANTHROPIC_TOOLS,
            messages=[
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": message.content},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}]},
            ],
        )
        assert answered.stop_reason == "end_turn"

    def test_count_tokens_bills_nothing(self, provider: ProviderServer, anthropic_client: anthropic.Anthropic) -> None:
        counted = anthropic_client.messages.count_tokens(
            model="claude-haiku-4-5", messages=[{"role": "user", "content": "Where is my parcel?"}]
        )
        assert counted.input_tokens == HELLO_TOKENS
        assert last(provider).usage is None


class TestTrouble:
    def test_no_key(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        with pytest.raises(openai.AuthenticationError):
            openai_client.chat.completions.create(
                model="gpt-4o-mini", messages=HELLO, extra_headers={"Authorization": openai.Omit()}
            )
        assert last(provider).status == 401

    def test_unknown_model(
        self, provider: ProviderServer, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
    ) -> None:
        with pytest.raises(openai.NotFoundError):
            openai_client.chat.completions.create(model="no-such-model", messages=HELLO)
        with pytest.raises(anthropic.NotFoundError):
            anthropic_client.messages.create(model="no-such-model", max_tokens=9, messages=[])
        assert [(record.status, record.usage) for record in provider.served] == [(404, None), (404, None)]

    def test_rate_limit_passes_after_retries(self, provider: ProviderServer, openai_client: openai.OpenAI) -> None:
        client = openai_client.with_options(default_headers={"x-provider-fault": "429x2"})
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        assert [record.status for record in provider.served] == [429, 429, 200]

    def test_errors_that_stay(
        self, provider: ProviderServer, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
    ) -> None:
        with pytest.raises(openai.InternalServerError):
            openai_client.with_options(max_retries=1).chat.completions.create(
                model="gpt-4o-mini", messages=HELLO, extra_headers={"x-provider-fault": "500"}
            )
        with pytest.raises(anthropic.APIStatusError) as overloaded:
            anthropic_client.with_options(max_retries=0).messages.create(
                model="claude-haiku-4-5", max_tokens=9, messages=[], extra_headers={"x-provider-fault": "529"}
            )
        assert overloaded.value.status_code == 529
        assert [record.status for record in provider.served] == [500, 500, 529]

    def test_cut_stream_breaks_quietly_and_is_billed(
        self, provider: ProviderServer, openai_client: openai.OpenAI, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = openai_client.chat.completions.create(
            model="gpt-4o-mini",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"x-provider-fault": "cut2"},
        )
        received: list[ChatCompletionChunk] = []
        with caplog.at_level(logging.ERROR), pytest.raises(openai.APIConnectionError):
            received.extend(stream)
        assert (last(provider).finished, last(provider).usage_sent) == (False, False)
        assert served_meters(provider)["output"] > 0
        assert not caplog.records

    @pytest.mark.parametrize("body", [b"not json", b"[]", b"{}"])
    def test_bad_bodies_are_refused(self, openai_client: openai.OpenAI, body: bytes) -> None:
        with pytest.raises(openai.BadRequestError):
            openai_client.post("/chat/completions", content=body, cast_to=object)


def test_runs_by_hand_and_shows_its_records() -> None:
    command = [sys.executable, str(EXAMPLES / "provider_server"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="any")
        client.embeddings.create(model="text-embedding-3-small", input="one two")
        with urlopen(f"{url}/_served") as response:
            records: list[dict[str, Any]] = json.load(response)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert [(record["endpoint"], record["meters"]) for record in records] == [("embeddings", {"input": 2})]


# Gemini


@pytest.fixture
def gemini(provider: ProviderServer) -> Any:  # noqa: ANN401  # shares its name space with stubs that do not know it
    genai: Any = importlib.import_module("google.genai")
    return genai.Client(api_key="key-of-a-test", http_options={"base_url": provider.url})


def cached_by(provider: ProviderServer) -> int:
    usage = last(provider).usage
    return usage.cache_read if usage is not None else 0


THINKING: dict[str, object] = {"thinking_config": {"thinking_budget": 1000}}


@pytest.mark.parametrize("streamed", [False, True])
def test_gemini_excludes_thoughts_from_its_candidates(provider: ProviderServer, gemini: Any, streamed: bool) -> None:  # noqa: ANN401
    asked = {"model": "gemini-2.5-flash", "contents": "Where is my parcel?", "config": THINKING}
    models = gemini.models
    found: Any = list(models.generate_content_stream(**asked))[-1] if streamed else models.generate_content(**asked)
    served = last(provider)
    assert served.usage is not None
    assert (served.endpoint, served.streamed, served.id) == ("generateContent", streamed, found.response_id)
    counts = found.usage_metadata
    assert counts.prompt_token_count == served.usage.input_tokens
    assert (counts.candidates_token_count, counts.thoughts_token_count) == (served.usage.output, served.usage.reasoning)
    assert counts.total_token_count == served.usage.input_tokens + served.usage.output_tokens
    assert served.usage.reasoning


def test_gemini_caches_long_prompts_and_calls_tools(provider: ProviderServer, gemini: Any) -> None:  # noqa: ANN401
    tool = {"function_declarations": [{"name": "weather", "parameters_json_schema": WEATHER_SCHEMA}]}
    config = {"system_instruction": LONG_TEXT, "tools": [tool]}
    asked = {"model": "gemini-2.5-flash", "contents": "Weather?", "config": config}
    gemini.models.generate_content(**asked)
    found: Any = gemini.models.generate_content(**asked)
    assert found.function_calls[0].args == {"city": "Lisbon"}
    assert found.usage_metadata.cached_content_token_count == cached_by(provider) > 1000


def test_gemini_refuses_unknown_models(provider: ProviderServer, gemini: Any) -> None:  # noqa: ANN401
    errors: Any = importlib.import_module("google.genai.errors")
    with pytest.raises(errors.ClientError, match="does not exist"):
        gemini.models.generate_content(model="no-such-model", contents="Where?")
    assert last(provider).status == 404
