"""Asking for the usage of a stream where the application did not, without the application noticing."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_contract import shape, without_instrumentation
from wire_recording import Recording, true_usage, usage_of
from wire_scripted import chat_events, serving

from provider_server import ProviderServer
from spanledger._reading import Request
from spanledger._settings import load
from spanledger._stream_usage import asking_for_usage, is_usage_chunk, may_ask
from spanledger.instrumentor import SpanLedgerInstrumentor

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, instrumented: Recording) -> Recording:
    """The instrumentation with the local provider among the hosts that are known to support it."""
    monkeypatch.setenv("SPANLEDGER_STREAM_USAGE_HOSTS", "127.0.0.1")
    SpanLedgerInstrumentor().uninstrument()
    SpanLedgerInstrumentor().instrument()
    return instrumented


@pytest.fixture
def client(provider: ProviderServer) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="key-of-a-test", http_client=http)


def chunks(client: openai.OpenAI, **more: Any) -> list[object]:  # noqa: ANN401
    stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, **more)
    return [shape(chunk) for chunk in stream]


def test_a_stream_is_metered_and_looks_as_it_did(
    asked: Recording, provider: ProviderServer, client: openai.OpenAI
) -> None:
    observed = chunks(client)
    assert usage_of(asked.only) == true_usage(provider.served[-1])
    assert asked.attributes["spanledger.usage_status"] == "metered"
    with without_instrumentation():
        assert observed == chunks(client)


async def test_an_async_stream_is_metered_and_looks_as_it_did(asked: Recording, provider: ProviderServer) -> None:
    http = openai.DefaultAsyncHttpxClient(verify=False)
    client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="key-of-a-test", http_client=http)
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    observed = [shape(chunk) async for chunk in stream]
    assert usage_of(asked.only) == true_usage(provider.served[-1])
    with without_instrumentation():
        stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        assert observed == [shape(chunk) async for chunk in stream]


def test_a_helper_does_not_see_the_chunk(asked: Recording, client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="gpt-4o", messages=MESSAGES) as stream:
        assert stream.get_final_completion().usage is None
    assert asked.attributes["spanledger.usage_status"] == "metered"


def test_an_application_that_asks_sees_the_chunk(asked: Recording, client: openai.OpenAI) -> None:
    observed = chunks(client, stream_options={"include_usage": True})
    with without_instrumentation():
        assert observed == chunks(client, stream_options={"include_usage": True})
    assert asked.spans


def said_no(client: openai.OpenAI) -> None:
    chunks(client, stream_options={"include_usage": False})


def said_by_body(client: openai.OpenAI) -> None:
    chunks(client, extra_body={"stream_options": {"include_obfuscation": False}})


def reads_the_bytes(client: openai.OpenAI) -> None:
    for _ in client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, stream=True).parse():
        pass


@pytest.mark.parametrize("ask", [said_no, said_by_body, reads_the_bytes])
def test_what_the_application_said_or_reads_by_itself_stays(
    asked: Recording, client: openai.OpenAI, ask: Callable[[openai.OpenAI], None]
) -> None:
    ask(client)
    assert asked.attributes["spanledger.usage_status"] == "unmetered"


def test_the_applications_own_options_are_not_touched(asked: Recording, client: openai.OpenAI) -> None:
    options: Any = {"include_obfuscation": False}
    chunks(client, stream_options=options)
    assert options == {"include_obfuscation": False}
    assert asked.attributes["spanledger.usage_status"] == "metered"


def test_a_host_that_answers_without_usage_is_unmetered(asked: Recording) -> None:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "word"}, "finish_reason": "stop"}]}
    with serving(chat_events(chunk)) as server:
        assert len(chunks(openai.OpenAI(base_url=server.url, api_key="key-of-a-test"))) == 1
    assert asked.attributes["spanledger.usage_status"] == "unmetered"


def test_a_stream_that_is_not_recorded_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, asked: Recording, client: openai.OpenAI
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ALWAYS_OFF))
    SpanLedgerInstrumentor().uninstrument()
    SpanLedgerInstrumentor().instrument()
    observed = chunks(client)
    with without_instrumentation():
        assert observed == chunks(client)
    assert not asked.spans


class Options:
    """What `FinalRequestOptions` has of interest."""

    def __init__(self, body: object, headers: object = None) -> None:
        self.json_data = body
        self.extra_json: object = None
        self.headers = headers


@pytest.mark.parametrize(
    ("host", "environment", "expected"),
    [
        ("api.openai.com", {}, True),
        ("api.deepseek.com", {}, True),
        ("api.openai.com", {"SPANLEDGER_STREAM_USAGE": "false"}, False),
        ("contoso.openai.azure.com", {}, False),
        ("llm.internal", {}, False),
        ("llm.internal", {"SPANLEDGER_STREAM_USAGE_HOSTS": "other, llm.internal"}, True),
        ("", {}, False),
    ],
)
def test_only_hosts_that_are_known_to_support_it_are_asked(
    host: str, environment: dict[str, str], expected: bool
) -> None:
    request = Request("chat", "openai", "gpt-4o", host, 443, stream=True)
    assert may_ask(request, Options({"model": "gpt-4o"}), load(environment)) is expected


def test_a_copy_asks() -> None:
    options = Options({"model": "m", "stream_options": {"include_obfuscation": False}})
    asking = asking_for_usage(options)
    assert asking.json_data == {"model": "m", "stream_options": {"include_obfuscation": False, "include_usage": True}}
    assert options.json_data == {"model": "m", "stream_options": {"include_obfuscation": False}}


def test_only_a_chunk_without_choices_is_hidden() -> None:
    assert is_usage_chunk({"choices": [], "usage": {"prompt_tokens": 1}})
    assert is_usage_chunk({"usage": {"prompt_tokens": 1}})
    assert not is_usage_chunk({"choices": [], "usage": None})
    assert not is_usage_chunk({"choices": [{"index": 0}], "usage": {"prompt_tokens": 1}})
