"""The Ollama SDK, real, against a local server that speaks its wire format."""

from collections.abc import Callable, Generator
from typing import Any

import httpx
import ollama
import pytest
import wire_ollama
from opentelemetry import baggage, context, trace
from wire_contract import Document
from wire_ollama import OllamaServer
from wire_plain_contract import PlainContract
from wire_recording import Recording
from wire_scripted import Script, answer, serving

import spanledger

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.fixture
def provider() -> Generator[OllamaServer]:
    with wire_ollama.running() as server:
        yield server


class _Ollama(PlainContract):
    def client(self, url: str) -> ollama.Client:
        return ollama.Client(host=url)

    def async_client(self, url: str) -> ollama.AsyncClient:
        return ollama.AsyncClient(host=url)

    def functions(self, client: Any) -> list[Callable[..., Any]]:  # noqa: ANN401
        return [client._request, self.method(client)]

    def ask(self, client: Any, **more: Any) -> Any:  # noqa: ANN401
        client._client.headers.update(more.pop("extra_headers", {}))
        return super().ask(client, **more)

    def ask_stream(self, client: Any, **more: Any) -> Any:  # noqa: ANN401
        client._client.headers.update(more.pop("extra_headers", {}))
        return super().ask_stream(client, **more)


class TestChat(_Ollama):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.chat

    def arguments(self) -> Document:
        return {"model": "llama3.2", "messages": MESSAGES}


class TestGenerate(_Ollama):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.generate

    def arguments(self) -> Document:
        return {"model": "llama3.2", "prompt": "Where is my parcel?"}


class TestEmbed(_Ollama):
    streams = False

    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.embed

    def arguments(self) -> Document:
        return {"model": "nomic-embed-text", "input": ["one two three", "four"]}


def chat(url: str, **more: Any) -> Any:  # noqa: ANN401
    client: Any = ollama.Client(host=url)
    return client.chat(model="llama3.2", messages=MESSAGES, **more)


@pytest.mark.parametrize("stream", [False, True])
def test_a_cached_prompt_is_unknown_and_not_zero(instrumented: Recording, provider: OllamaServer, stream: bool) -> None:
    provider.cached = True
    list(chat(provider.url, stream=stream))
    attributes = instrumented.attributes
    assert "gen_ai.usage.input_tokens" not in attributes
    assert attributes["gen_ai.usage.output_tokens"] == len(wire_ollama.ANSWER)
    assert attributes["spanledger.usage_status"] == "metered"
    assert attributes["gen_ai.provider.name"] == "ollama"


def test_an_error_in_a_stream_is_the_applications(instrumented: Recording) -> None:
    line = b'{"error": "the model ran out of memory"}\n'
    with serving(Script(line, "application/x-ndjson")) as server:
        stream = chat(server.url, stream=True)
        with pytest.raises(ollama.ResponseError, match="out of memory"):
            next(stream)
    assert instrumented.attributes["error.type"] == "ollama._types.ResponseError"
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


def test_legacy_embeddings_have_no_usage(instrumented: Recording) -> None:
    with serving(answer({"embedding": [0.1]})) as server:
        ollama.Client(host=server.url).embeddings(model="nomic-embed-text", prompt="one two")
    assert instrumented.attributes["gen_ai.operation.name"] == "embeddings"
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


def test_numbers_as_text_and_missing_messages_do_not_harm(instrumented: Recording) -> None:
    odd = {"model": "llama3.2", "message": {"role": "assistant"}, "done": True, "eval_count": "12"}
    with serving(answer(odd)) as server:
        chat(server.url)
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 12


def test_a_stream_is_attributed_and_its_request_carries_no_baggage(
    instrumented: Recording, provider: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    send: Any = httpx.Client.send

    def spy(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        seen.append((dict(baggage.get_all()), trace.get_current_span().get_span_context().span_id))
        return send(*args, **kwargs)

    monkeypatch.setattr("httpx.Client.send", spy)
    with spanledger.attribution(user="u-17", propagate=True):
        before = context.get_current()
        for _ in chat(provider.url, stream=True):
            assert context.get_current() == before
    span = instrumented.only
    assert span.context is not None
    assert seen == [({}, span.context.span_id)]
    assert instrumented.attributes["user.id"] == "u-17"
