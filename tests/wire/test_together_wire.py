"""The Together SDK, real, against a local provider that speaks the same wire format."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import together
from wire_contract import Document, TransparencyContract
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, serving
from wire_sdk_contract import counts_of

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
LONG = " ".join(["policy"] * 1500)


VERSION_IN_URL = together.__version__.startswith("2.")
"""Whether `/v1` is part of the base URL, as before version 3, or of each path."""


def base_of(url: str) -> str:
    return f"{url}/v1" if VERSION_IN_URL else url


def client_of(url: str) -> together.Together:
    return together.Together(base_url=base_of(url), api_key="key-of-a-test")


class _Together(TransparencyContract):
    def client(self, url: str) -> together.Together:
        return client_of(url)

    def async_client(self, url: str) -> together.AsyncTogether:
        return together.AsyncTogether(base_url=base_of(url), api_key="key-of-a-test")


class TestChatCompletions(_Together):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.chat.completions.create

    def arguments(self) -> Document:
        return {"model": "gpt-5-mini", "messages": [{"role": "system", "content": LONG}, *MESSAGES]}

    def stream_arguments(self) -> Document:
        return self.arguments() | {"stream": True, "extra_body": {"stream_options": {"include_usage": True}}}


class TestEmbeddings(_Together):
    streams = False

    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.embeddings.create

    def arguments(self) -> Document:
        return {"model": "text-embedding-3-small", "input": ["one two three", "four"]}


def test_cached_tokens_outside_the_details(instrumented: Recording) -> None:
    usage = {"prompt_tokens": 41, "completion_tokens": 15, "total_tokens": 56, "cached_tokens": 32}
    choice = {"index": 0, "delta": {"content": "Yes"}, "finish_reason": "stop"}
    last = {"id": "o1", "object": "chat.completion.chunk", "model": "llama", "choices": [choice], "usage": usage}
    with serving(chat_events(last)) as server:
        stream = client_of(server.url).chat.completions.create(model="llama", messages=[], stream=True)
        assert list(stream)
    attributes = instrumented.attributes
    assert attributes["gen_ai.provider.name"] == "together"
    assert attributes["gen_ai.usage.input_tokens"] == 41
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 32
    assert attributes["gen_ai.usage.output_tokens"] == 15


def test_legacy_completions(instrumented: Recording) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 512, "total_tokens": 522}
    whole = {"id": "o1", "model": "llama", "choices": [{"text": "Yes", "finish_reason": "length"}], "usage": usage}
    with serving(answer(whole)) as server:
        client_of(server.url).completions.create(model="llama", prompt="Well?")
    assert instrumented.attributes["gen_ai.operation.name"] == "text_completion"
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 512


def test_rerank_counts_input(instrumented: Recording) -> None:
    usage = {"prompt_tokens": 83, "completion_tokens": 0, "total_tokens": 83}
    whole: Document = {"id": "o1", "model": "ranker", "object": "rerank", "results": [], "usage": usage}
    with serving(answer(whole)) as server:
        client_of(server.url).rerank.create(model="ranker", query="?", documents=["a", "b"])
    attributes = instrumented.attributes
    assert attributes["gen_ai.operation.name"] == "rerank"
    assert attributes["gen_ai.usage.input_tokens"] == 83
    assert attributes["spanledger.usage_status"] == "metered"


MEDIA: list[tuple[str, Callable[[Any], object], Script]] = [
    (
        "image_generation",
        lambda client: client.images.generate(model="m", prompt="a parcel"),
        answer(
            {"id": "i1", "model": "m", "object": "list", "data": [{"index": 0, "url": "https://example.org/1.png"}]}
        ),
    ),
    (
        "transcription",
        lambda client: client.audio.transcriptions.create(model="m", file=("a.wav", b"a sound", "audio/wav")),
        answer({"text": "In Ghent."}),
    ),
    (
        "speech",
        lambda client: client.audio.speech.create(model="m", input="In Ghent.", voice="v").read(),
        Script(b"a sound", "audio/mpeg"),
    ),
]


@pytest.mark.parametrize(("operation", "ask", "script"), MEDIA, ids=[name for name, _, _ in MEDIA])
def test_images_and_audio_are_seen_without_usage(
    instrumented: Recording, operation: str, ask: Callable[[Any], object], script: Script
) -> None:
    with serving(script) as server:
        ask(client_of(server.url))
    attributes = instrumented.attributes
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["gen_ai.request.model"] == "m"
    assert attributes["spanledger.usage_status"] == "unmetered"
    assert attributes.get("spanledger.usage.image") == (1 if operation == "image_generation" else None)


@pytest.mark.skipif(not hasattr(together.Together, "videos"), reason="this version of the SDK does not know them")
def test_the_seconds_of_a_video_count_when_it_is_done(instrumented: Recording) -> None:
    known = {"id": f"video_{uuid4().hex}", "created_at": 1_780_000_000.5, "model": "m", "seconds": "5", "size": "1x1"}
    done = {**known, "status": "completed", "outputs": {"cost": 1, "video_url": "https://example.org/1.mp4"}}
    with serving(answer({**known, "status": "in_progress"}), answer(done)) as server:
        client: Any = client_of(server.url)
        client.videos.create(model="m", prompt="a parcel")
        for _ in range(2):
            client.videos.retrieve(known["id"])
    assert [counts_of(span) for span in instrumented.spans] == [{}, {"spanledger.usage.second": 5}]
