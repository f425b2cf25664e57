"""The Groq SDK, real, against a local provider that speaks the same wire format."""

from collections.abc import Callable
from typing import Any

import groq
import httpx
import pytest
from wire_contract import Document, TransparencyContract
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, serving

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
LONG = " ".join(["policy"] * 1500)
USAGE: Document = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "queue_time": 0.01,
    "prompt_tokens_details": {"cached_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def _to_the_root(request: httpx.Request) -> None:
    """Groq's paths start with `/openai`, those of the local provider do not."""
    request.url = request.url.copy_with(path=request.url.path.removeprefix("/openai"))


async def _to_the_root_async(request: httpx.Request) -> None:
    _to_the_root(request)


class _Groq(TransparencyContract):
    def client(self, url: str) -> groq.Groq:
        http = httpx.Client(event_hooks={"request": [_to_the_root]})
        return groq.Groq(base_url=url, api_key="key-of-a-test", http_client=http)

    def async_client(self, url: str) -> groq.AsyncGroq:
        http = httpx.AsyncClient(event_hooks={"request": [_to_the_root_async]})
        return groq.AsyncGroq(base_url=url, api_key="key-of-a-test", http_client=http)


class TestChatCompletions(_Groq):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.chat.completions.create

    def arguments(self) -> Document:
        return {"model": "gpt-5-mini", "messages": [{"role": "system", "content": LONG}, *MESSAGES]}

    def stream_arguments(self) -> Document:
        return self.arguments() | {"stream": True, "extra_body": {"stream_options": {"include_usage": True}}}


class TestEmbeddings(_Groq):
    streams = False

    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.embeddings.create

    def arguments(self) -> Document:
        return {"model": "text-embedding-3-small", "input": ["one two three", "four"]}


def chunk(reason: str | None = None, **more: object) -> Document:
    choice = {"index": 0, "delta": {"content": "Yes"}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "llama", "choices": [choice], **more}


def ask(url: str, **more: Any) -> Any:  # noqa: ANN401
    client: Any = groq.Groq(base_url=url, api_key="key-of-a-test", max_retries=0)
    return client.chat.completions.create(model="llama", messages=[{"role": "user", "content": "?"}], **more)


def test_a_stream_has_its_usage_in_the_last_chunk_unasked(instrumented: Recording) -> None:
    last = chunk("stop", x_groq={"id": "req_1", "usage": USAGE})
    with serving(chat_events(chunk(x_groq={"id": "req_1"}), last)) as server:
        list(ask(server.url, stream=True))
    attributes = instrumented.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 30
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 20
    assert attributes["gen_ai.usage.output_tokens"] == 12
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 7
    assert attributes["spanledger.usage_status"] == "metered"


def test_usage_in_both_places_counts_once(instrumented: Recording) -> None:
    with_usage: Document = {**chunk(), "choices": [], "usage": USAGE}
    with serving(chat_events(chunk("stop", x_groq={"usage": USAGE}), with_usage)) as server:
        list(ask(server.url, stream=True))
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 12


@pytest.mark.parametrize("tier", ["on_demand", "flex"])
def test_the_provider_and_the_tier_are_known(instrumented: Recording, tier: str) -> None:
    message = {"role": "assistant", "content": "Yes"}
    whole = {
        "id": "chatcmpl-1",
        "model": "llama",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        "service_tier": tier,
    }
    with serving(answer(whole)) as server:
        ask(server.url)
    attributes = instrumented.attributes
    assert attributes["gen_ai.provider.name"] == "groq"
    assert attributes["openai.response.service_tier"] == tier


MEDIA: list[tuple[str, Callable[[Any], object], Script]] = [
    (
        "transcription",
        lambda audio: audio.transcriptions.create(model="m", file=("a.wav", b"a sound", "audio/wav")),
        answer({"text": "In Ghent.", "x_groq": {"id": "req_1"}}),
    ),
    (
        "translation",
        lambda audio: audio.translations.create(model="m", file=("a.wav", b"a sound", "audio/wav")),
        answer({"text": "In Ghent.", "x_groq": {"id": "req_1"}}),
    ),
    (
        "speech",
        lambda audio: audio.speech.create(model="m", input="In Ghent.", voice="v").read(),
        Script(b"a sound", "audio/wav"),
    ),
]


@pytest.mark.parametrize(("operation", "ask", "script"), MEDIA, ids=[name for name, _, _ in MEDIA])
def test_audio_is_seen_without_usage(
    instrumented: Recording, operation: str, ask: Callable[[Any], object], script: Script
) -> None:
    with serving(script) as server:
        ask(groq.Groq(base_url=server.url, api_key="k", http_client=httpx.Client(verify=False)).audio)
    attributes = instrumented.attributes
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["gen_ai.request.model"] == "m"
    assert attributes["gen_ai.provider.name"] == "groq"
    assert attributes["spanledger.usage_status"] == "unmetered"
