"""The metrics of the conventions: one measurement for each call, at its end, as long as there is a meter provider."""

import importlib
from typing import Any

import anthropic
import openai
import pytest
from mistralai.client import Mistral
from mistralai.extra.observability import configure_telemetry
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_metrics import Measured, measured, said_of
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, serving
from wire_xai import serving_xai

from provider_server import ProviderServer
from spanledger._guard import troubles
from spanledger._metrics import DURATION, TOKEN_USAGE

__all__ = ["measured"]
from spanledger.instrumentor import SpanLedgerInstrumentor

ASKING: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is my parcel?"}]}
ASKING_CLAUDE: Any = {**ASKING, "model": "claude-sonnet-5", "max_tokens": 50}


def gpt(url: str) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key="key-of-a-test", http_client=http, max_retries=0)


def claude(url: str) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(base_url=url, api_key="key-of-a-test", http_client=http)


def test_a_call_is_measured_as_its_span_says(
    measured: Measured, recording: Recording, provider: ProviderServer
) -> None:
    gpt(provider.url).chat.completions.create(**ASKING)
    said, [took] = recording.attributes, measured.points(DURATION)
    expected = {
        name: said[name]
        for name in (
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "server.address",
            "server.port",
        )
    }
    span = recording.only
    assert (said_of(took), took.count) == (expected, 1)
    assert took.sum == pytest.approx(((span.end_time or 0) - (span.start_time or 0)) / 1e9, abs=0.05)
    assert all(said_of(point).items() >= expected.items() for point in measured.points(TOKEN_USAGE))
    assert measured.tokens == {
        "input": (1, said["gen_ai.usage.input_tokens"]),
        "output": (1, said["gen_ai.usage.output_tokens"]),
    }


def test_the_boundaries_are_those_of_the_conventions(measured: Measured, provider: ProviderServer) -> None:
    gpt(provider.url).chat.completions.create(**ASKING)
    [took] = measured.points(DURATION)
    assert took.explicit_bounds[:3] == (0.01, 0.02, 0.04)
    assert took.explicit_bounds[-1] == 81.92
    bounds = {point.explicit_bounds for point in measured.points(TOKEN_USAGE)}
    assert [(found[:3], found[-1], len(found)) for found in bounds] == [((1, 4, 16), 67108864, 14)]


def test_a_stream_is_measured_once(measured: Measured, recording: Recording, provider: ProviderServer) -> None:
    options: Any = {"include_usage": True}
    list(gpt(provider.url).chat.completions.create(**ASKING, stream=True, stream_options=options))
    assert [point.count for point in measured.points(DURATION)] == [1]
    assert measured.tokens["output"] == (1, recording.attributes["gen_ai.usage.output_tokens"])


def test_a_stream_left_early_took_time_but_no_known_tokens(
    measured: Measured, recording: Recording, provider: ProviderServer
) -> None:
    with gpt(provider.url).chat.completions.create(**ASKING, stream=True) as stream:
        next(iter(stream))
    assert recording.attributes["spanledger.usage_status"] == "unmetered"
    assert [point.count for point in measured.points(DURATION)] == [1]
    assert measured.tokens == {}


def test_a_failed_call_says_so(measured: Measured, recording: Recording) -> None:
    with serving(answer({"error": {"message": "no"}}, status=400)) as server, pytest.raises(openai.BadRequestError):
        gpt(server.url).chat.completions.create(**ASKING)
    [took] = measured.points(DURATION)
    assert said_of(took)["error.type"] == recording.attributes["error.type"]
    assert measured.tokens == {}


def test_an_adopted_span_is_measured_too(measured: Measured, recording: Recording, provider: ProviderServer) -> None:
    """From version 2 on Anthropic's SDK makes the span, but no metrics."""
    claude(provider.url).messages.create(**ASKING_CLAUDE)
    assert [point.count for point in measured.points(DURATION)] == [1]
    assert measured.tokens["input"] == (1, recording.attributes["gen_ai.usage.input_tokens"])


def test_the_span_of_another_instrumentation_is_measured_by_that(measured: Measured, provider: ProviderServer) -> None:
    with trace.get_tracer("opentelemetry.instrumentation.genai.openai").start_as_current_span("chat gpt-4o"):
        gpt(provider.url).chat.completions.create(**ASKING)
    assert measured.points(DURATION) == []


def test_calls_that_are_not_sampled_are_measured(provider: ProviderServer) -> None:
    measured, instrumentor = Measured(), SpanLedgerInstrumentor()
    instrumentor.instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF), meter_provider=measured.provider)
    try:
        gpt(provider.url).chat.completions.create(**ASKING)
    finally:
        instrumentor.uninstrument()
    assert measured.tokens.keys() == {"input", "output"}


@pytest.mark.usefixtures("instrumented")
def test_a_meter_provider_may_come_later(provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client, measured = gpt(provider.url), Measured()
    before = dict(troubles())
    client.chat.completions.create(**ASKING)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", measured.provider)
    client.chat.completions.create(**ASKING)
    assert [point.count for point in measured.points(DURATION)] == [1]
    assert dict(troubles()) == before


# SDKs that may trace by themselves

MISTRAL_HEAD = {"id": "answer-1", "created": 1, "model": "m", "object": "chat.completion"}
MISTRAL_USAGE = {"prompt_tokens": 212, "completion_tokens": 40, "total_tokens": 252}


def mistral_answer(*, streamed: bool) -> Script:
    said = {"role": "assistant", "content": "In Ghent."}
    kind = "delta" if streamed else "message"
    choice = {"index": 0, kind: said, "finish_reason": "stop"}
    document = {**MISTRAL_HEAD, "choices": [choice], "usage": MISTRAL_USAGE}
    return chat_events(document) if streamed else answer(document)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_mistral(measured: Measured, recording: Recording, streamed: bool, native: bool) -> None:
    with serving(mistral_answer(streamed=streamed)) as server:
        client = Mistral(api_key="k", server_url=server.url)
        if native:
            configure_telemetry(client, provider="global")
        ask = client.chat.stream if streamed else client.chat.complete
        asked: Any = ask(model="m", messages=ASKING["messages"])
        if streamed:
            assert list(asked)
    assert measured.tokens == {"input": (1, 212), "output": (1, 40)}
    [took] = measured.points(DURATION)
    assert (took.count, said_of(took)["gen_ai.provider.name"]) == (1, "mistral_ai")
    assert len(recording.spans) == 1


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_xai(
    measured: Measured, recording: Recording, monkeypatch: pytest.MonkeyPatch, streamed: bool, native: bool
) -> None:
    xai_sdk: Any = importlib.import_module("xai_sdk")  # it has no types
    tracer = recording.provider.get_tracer("xai_sdk.sync.chat") if native else trace.NoOpTracer()
    monkeypatch.setattr("xai_sdk.sync.chat.tracer", tracer)
    with serving_xai("stream" if streamed else "answer") as address:
        client = xai_sdk.Client(api_key="k", api_host=address, use_insecure_channel=True)
        chat = client.chat.create(model="m")
        chat.append(importlib.import_module("xai_sdk.chat").user("Where is my parcel?"))
        assert list(chat.stream()) if streamed else chat.sample()
    assert measured.tokens == {"input": (1, 100), "output": (1, 10 + 30)}
    [took] = measured.points(DURATION)
    assert (took.count, said_of(took)["gen_ai.provider.name"]) == (1, "x_ai")
    assert len(recording.spans) == 1
