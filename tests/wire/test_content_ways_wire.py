"""Prompts and completions however a call is made and however it ends; and calls of which nothing is kept."""

import asyncio
import json
from collections.abc import Generator
from typing import Any, cast

import cohere
import ollama
import openai
import pytest
from mistralai.client import Mistral
from mistralai.extra.observability import configure_telemetry
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_content import VARIABLE, ContentContract, Events, Said, Served, capturing, events, said_on, text
from wire_openai import openai_async_client, openai_client
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, named_events, serving

from provider_server import ProviderServer
from spanledger import semconv
from spanledger._guard import troubles
from spanledger.instrumentor import SpanLedgerInstrumentor

__all__ = ["events"]

WHERE: Any = [{"role": "user", "content": "Where is my parcel?"}]
ASKED = [{"role": "user", "parts": [text("Where is my parcel?")]}]
ANSWERED = [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]
BOTH = {semconv.INPUT_MESSAGES: ASKED, semconv.OUTPUT_MESSAGES: ANSWERED}
HEAD = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": "m"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "In Ghent."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
WHOLE = answer({**HEAD, "choices": [CHOICE], "usage": USAGE})


def chunk(said: str, reason: str | None = None) -> Said:
    return {**HEAD, "choices": [{"index": 0, "delta": {"content": said}, "finish_reason": reason}]}


STREAM = chat_events(chunk("In "), chunk("Ghent."), chunk("", "stop"))


@pytest.fixture
def on_spans(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Generator[Recording]:
    with capturing("SPAN_ONLY", monkeypatch):
        yield recording


class TestConversation(ContentContract):
    """Mistral's conversations."""

    def script(self, served: Served) -> Script:
        head = {"conversation_id": "c-1"}
        call = {"type": "function.call", "id": "f", "tool_call_id": "call_2", "name": "track"}
        searched = {"type": "tool.execution", "id": "t", "name": "web_search", "arguments": "{}"}
        message = {"type": "message.output", "id": "m", "role": "assistant", "content": "In Ghent."}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        if served == "whole":
            outputs: list[Said] = [searched, message, {**call, "arguments": '{"number": 18}'}]
            return answer({**head, "object": "conversation.response", "outputs": outputs, "usage": usage})

        def said(kind: str, index: int, **more: object) -> Said:
            return {"type": kind, "output_index": index, "id": "x", **more}

        kinds: list[Said] = [
            {"type": "conversation.response.started", **head},
            said("tool.execution.started", 0, name="web_search", arguments="{}") | {"id": "t"},
            said("tool.execution.done", 0, name="web_search") | {"id": "t"},
            said("message.output.delta", 1, role="assistant", content="In "),
            said("message.output.delta", 1, role="assistant", content={"type": "text", "text": "Ghent."}),
            said("function.call.delta", 2, tool_call_id="call_2", name="track", arguments='{"number": '),
            said("function.call.delta", 2, tool_call_id="call_2", name="track", arguments="18}"),
        ]
        if served == "streamed":
            kinds.append({"type": "conversation.response.done", "usage": usage})
        return named_events(*kinds, cut=served == "cut")

    def arguments(self) -> Any:  # noqa: ANN401
        result = {"type": "function.result", "tool_call_id": "call_1", "result": "In Ghent."}
        return {
            "model": "m",
            "instructions": "Be brief.",
            "inputs": [{"type": "message.input", "role": "user", "content": "Where is my parcel?"}, result],
            "tools": [{"type": "web_search"}],
        }

    def ask(self, url: str) -> object:
        return Mistral(api_key="k", server_url=url).beta.conversations.start(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(Mistral(api_key="k", server_url=url).beta.conversations.start_stream(**self.arguments()))

    def asked(self) -> Said:
        found = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "In Ghent."}]}
        return {
            semconv.INPUT_MESSAGES: [*ASKED, found],
            semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")],
            semconv.TOOL_DEFINITIONS: [{"type": "web_search", "name": "web_search"}],
        }

    def answered(self) -> list[Said]:
        details = {"type": "web_search", "arguments": "{}", "info": None}
        parts = [
            {"type": "server_tool_call", "id": "t", "name": "web_search", "server_tool_call": details},
            text("In Ghent."),
            {"type": "tool_call", "id": "call_2", "name": "track", "arguments": {"number": 18}},
        ]
        return [{"role": "assistant", "parts": parts, "finish_reason": "tool_call"}]


class TestCohereVersion1(ContentContract):
    def script(self, served: Served) -> Script:
        whole = {"response_id": "r", "generation_id": "g", "text": "In Ghent.", "finish_reason": "COMPLETE"}
        if served == "whole":
            return answer(whole)
        lines: list[Said] = [{"event_type": "stream-start", "generation_id": "g", "is_finished": False}]
        lines += [{"event_type": "text-generation", "text": piece, "is_finished": False} for piece in ("In ", "Ghent.")]
        if served == "streamed":
            last = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": whole}
            lines.append(last)
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return Script(body.encode(), "application/stream+json", cut=served == "cut")

    def arguments(self) -> Any:  # noqa: ANN401
        history = [{"role": "USER", "message": "Hello."}, {"role": "CHATBOT", "message": "Hello!"}]
        return {"message": "Where is my parcel?", "preamble": "Be brief.", "chat_history": history, "model": "m"}

    def ask(self, url: str) -> object:
        return cohere.Client("k", base_url=url).chat(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(cohere.Client("k", base_url=url).chat_stream(**self.arguments()))

    def asked(self) -> Said:
        history = [{"role": "user", "parts": [text("Hello.")]}, {"role": "assistant", "parts": [text("Hello!")]}]
        return {semconv.INPUT_MESSAGES: [*history, *ASKED], semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")]}

    def answered(self) -> list[Said]:
        return ANSWERED


class TestOllamaGenerate(ContentContract):
    def script(self, served: Served) -> Script:
        head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
        if served == "whole":
            return answer({**head, "thinking": "Where?", "response": "In Ghent.", **last})
        lines: list[Said] = [{**head, "thinking": "Where?", "response": "", "done": False}]
        lines += [{**head, "response": piece, "done": False} for piece in ("In ", "Ghent.")]
        lines += [{**head, "response": "", **last}] if served == "streamed" else []
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return Script(body.encode(), "application/x-ndjson", cut=served == "cut")

    def ask(self, url: str) -> object:
        return ollama.Client(url).generate("m", "Where is my parcel?", system="Be brief.")

    def ask_stream(self, url: str) -> object:
        return list(ollama.Client(url).generate("m", "Where is my parcel?", system="Be brief.", stream=True))

    def asked(self) -> Said:
        return {semconv.INPUT_MESSAGES: ASKED, semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")]}

    def answered(self) -> list[Said]:
        return [{**ANSWERED[0], "parts": [{"type": "reasoning", "content": "Where?"}, text("In Ghent.")]}]


# However a call is made


async def test_async(on_spans: Recording) -> None:
    with serving(WHOLE, STREAM) as server:
        client = openai_async_client(server.url)
        await client.chat.completions.create(model="m", messages=WHERE)
        assert said_on(on_spans) == BOTH
        on_spans.clear()
        stream = await client.chat.completions.create(model="m", messages=WHERE, stream=True)
        assert [part async for part in stream]
    assert said_on(on_spans) == BOTH


@pytest.mark.parametrize("streamed", [False, True])
def test_raw_and_read_by_hand(on_spans: Recording, streamed: bool) -> None:
    with serving(STREAM if streamed else WHOLE) as server:
        completions: Any = openai_client(server.url).chat.completions
        raw = completions.with_raw_response.create(model="m", messages=WHERE, stream=streamed)
        assert list(raw.parse())
        assert said_on(on_spans) == BOTH
        on_spans.clear()
        with completions.with_streaming_response.create(model="m", messages=WHERE, stream=streamed) as response:
            assert b"".join(response.iter_bytes())
    assert said_on(on_spans) == BOTH


def test_a_stream_that_the_application_leaves(on_spans: Recording) -> None:
    with serving(STREAM) as server:
        for _ in openai_client(server.url).chat.completions.create(model="m", messages=WHERE, stream=True):
            break
    assert said_on(on_spans)[semconv.OUTPUT_MESSAGES] == [{"role": "assistant", "parts": [text("In ")]}]


def test_a_call_that_fails_keeps_what_was_asked(on_spans: Recording) -> None:
    with serving(answer({"error": {"message": "no"}}, status=400)) as server, pytest.raises(openai.BadRequestError):
        openai_client(server.url).chat.completions.create(model="m", messages=WHERE)
    assert said_on(on_spans) == {semconv.INPUT_MESSAGES: ASKED}


def test_what_was_asked_is_what_was_sent(on_spans: Recording) -> None:
    """The application goes on with its list while the answer streams in."""
    messages: Any = [dict(WHERE[0])]
    with serving(STREAM) as server:
        stream = openai_client(server.url).chat.completions.create(model="m", messages=messages, stream=True)
        messages.append({"role": "assistant", "content": "later"})
        messages[0]["content"] = "changed"
        assert list(stream)
    assert said_on(on_spans) == BOTH


def test_concurrent_calls_keep_apart(on_spans: Recording, provider: ProviderServer) -> None:
    async def ask(number: int) -> None:
        question: Any = [{"role": "user", "content": f"Question {number}?"}]
        client = openai_async_client(provider.url)
        stream = await client.chat.completions.create(model="gpt-4o", messages=question, stream=True)
        async for _ in stream:
            await asyncio.sleep(0)

    async def ask_all() -> None:
        await asyncio.gather(*(ask(number) for number in range(8)))

    asyncio.run(ask_all())
    asked = [json.loads(cast("str", (span.attributes or {})[semconv.INPUT_MESSAGES])) for span in on_spans.spans]
    questions = sorted(messages[0]["parts"][0]["content"] for messages in asked)
    assert questions == [f"Question {number}?" for number in range(8)]


# Limits


def test_long_messages_stay_json(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "300")
    limited = Recording(TracerProvider())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", limited.provider)
    long: Any = [{"role": "user", "content": "parcel " * 1000}]
    with capturing("SPAN_ONLY", monkeypatch), serving(WHOLE) as server:
        openai_client(server.url).chat.completions.create(model="m", messages=long)
    [asked] = said_on(limited)[semconv.INPUT_MESSAGES]
    assert asked["parts"][0]["content"].startswith("parcel parcel")
    assert asked["parts"][0]["content"].endswith("…")
    assert recording.spans == []


def test_small_images_are_kept_where_that_is_wanted(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_CONTENT_INLINE_BYTES", "4")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJDRA=="}}
    said: Any = [{"role": "user", "content": [picture]}]
    with capturing("SPAN_ONLY", monkeypatch), serving(WHOLE) as server:
        openai_client(server.url).chat.completions.create(model="m", messages=said)
    [part] = said_on(recording)[semconv.INPUT_MESSAGES][0]["parts"]
    assert part == {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJDRA=="}


# Where nothing is kept


@pytest.mark.usefixtures("recording")
def test_calls_that_are_not_sampled(events: Events, monkeypatch: pytest.MonkeyPatch, provider: ProviderServer) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ALWAYS_OFF))
    with capturing("SPAN_AND_EVENT", monkeypatch):
        openai_client(provider.url).chat.completions.create(model="gpt-4o", messages=WHERE)
    assert events.records == []


def test_calls_that_another_instrumentation_observes(
    recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch, provider: ProviderServer
) -> None:
    tracer = trace.get_tracer("opentelemetry.instrumentation.genai.openai")
    theirs = tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"})
    with capturing("SPAN_AND_EVENT", monkeypatch), theirs:
        openai_client(provider.url).chat.completions.create(model="gpt-4o", messages=WHERE)
    assert said_on(recording) == {}
    assert events.records == []


def test_what_an_sdk_wrote_to_its_own_span_stays(on_spans: Recording) -> None:
    """Mistral's SDK writes messages by itself when it is told to trace, whatever our variable says."""
    with serving(WHOLE) as server:
        client = Mistral(api_key="k", server_url=server.url)
        configure_telemetry(client, provider="global")
        client.chat.complete(model="m", messages=WHERE)
    asked = said_on(on_spans)[semconv.INPUT_MESSAGES]
    assert [message["role"] for message in asked] == ["user"]


def test_without_a_logger_provider_there_are_no_events(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(troubles())
    with capturing("EVENT_ONLY", monkeypatch), serving(WHOLE) as server:
        openai_client(server.url).chat.completions.create(model="m", messages=WHERE)
    assert said_on(recording) == {}
    assert dict(troubles()) == before


def test_embeddings_have_no_content(on_spans: Recording, provider: ProviderServer) -> None:
    openai_client(provider.url).embeddings.create(model="text-embedding-3-small", input="Where?")
    assert said_on(on_spans) == {}


def test_trouble_with_content_is_not_the_applications(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> object:
        raise RuntimeError("broken")

    monkeypatch.setenv(VARIABLE, "SPAN_ONLY")
    monkeypatch.setattr("spanledger._content.rendered", broken)
    instrumentor = SpanLedgerInstrumentor()
    instrumentor.instrument()
    before = troubles().get("read what was answered", 0)
    try:
        with serving(WHOLE) as server:
            openai_client(server.url).chat.completions.create(model="m", messages=WHERE)
    finally:
        instrumentor.uninstrument()
    assert said_on(recording) == {}
    assert recording.attributes["gen_ai.usage.input_tokens"] == 10
    assert troubles()["read what was answered"] == before + 1
