"""Prompts and completions however a call is made and however it ends; and calls of which nothing is kept."""

import asyncio
import json
from typing import Any, cast

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_content import VARIABLE, Events, capturing, events, on_spans, said_on, text
from wire_content_chat import BOTH, SHORT_ASKED, STREAM, WHERE, WHOLE
from wire_openai import openai_async_client, openai_client
from wire_recording import Recording
from wire_scripted import answer, serving

from provider_server import ProviderServer
from spanledger import semconv
from spanledger._guard import troubles
from spanledger.instrumentor import SpanLedgerInstrumentor

__all__ = ["events", "on_spans"]


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
    assert said_on(on_spans) == {semconv.INPUT_MESSAGES: SHORT_ASKED}


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
