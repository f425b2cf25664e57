"""The metrics of the conventions: one measurement for each call, at its end, as long as there is a meter provider."""

from collections.abc import Generator, Mapping
from typing import Any

import anthropic
import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_recording import Recording
from wire_scripted import answer, serving

from provider_server import ProviderServer
from spanledger._guard import troubles
from spanledger._metrics import DURATION, TOKEN_USAGE
from spanledger.instrumentor import SpanLedgerInstrumentor

ASKING: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is my parcel?"}]}
ASKING_CLAUDE: Any = {**ASKING, "model": "claude-sonnet-5", "max_tokens": 50}


class Measured:
    """A meter provider and what was measured on it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def points(self, name: str) -> list[HistogramDataPoint]:
        data = self._reader.get_metrics_data()
        found = [metric for resource in (data.resource_metrics if data else ()) for metric in _metrics_of(resource)]
        return [point for metric in found if metric.name == name for point in metric.data.data_points]

    @property
    def tokens(self) -> dict[object, tuple[int, float]]:
        """By type of token: how many measurements, and their sum."""
        return {_said(point)["gen_ai.token.type"]: (point.count, point.sum) for point in self.points(TOKEN_USAGE)}


def _metrics_of(resource: Any) -> list[Any]:  # noqa: ANN401  # a tree of the SDK's, walked for its leaves
    scopes = [scope for scope in resource.scope_metrics if scope.scope.name == "spanledger"]
    return [metric for scope in scopes for metric in scope.metrics]


def _said(point: HistogramDataPoint) -> Mapping[str, object]:
    return dict(point.attributes or {})


@pytest.fixture
def measured(recording: Recording) -> Generator[Measured]:
    """The instrumentation switched on with a meter provider of its own."""
    measured, instrumentor = Measured(), SpanLedgerInstrumentor()
    instrumentor.instrument(tracer_provider=recording.provider, meter_provider=measured.provider)
    yield measured
    instrumentor.uninstrument()


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
    assert (_said(took), took.count) == (expected, 1)
    assert took.sum == pytest.approx(((span.end_time or 0) - (span.start_time or 0)) / 1e9, abs=0.05)
    assert all(_said(point).items() >= expected.items() for point in measured.points(TOKEN_USAGE))
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
    assert _said(took)["error.type"] == recording.attributes["error.type"]
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
