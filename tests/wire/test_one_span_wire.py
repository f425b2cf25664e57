"""One call, one span: helpers, platforms, other instrumentations, suppression; and who it is attributed to."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import anthropic
import openai
import pytest
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from wire_openai import openai_async_client
from wire_recording import Recording, attributes_of, true_usage, usage_of
from wire_scripted import answer, serving

import spanledger
from provider_server import ProviderServer
from spanledger.instrumentor import SpanLedgerInstrumentor
from spanledger.meters import METERS

OPENAI_MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Where is my parcel?"}]
ANTHROPIC_MESSAGES: list[MessageParam] = [{"role": "user", "content": "Where is my parcel?"}]
COMPLETION: dict[str, object] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


@pytest.fixture
def client(provider: ProviderServer) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="key-of-a-test", http_client=http)


@pytest.fixture
def claude(provider: ProviderServer) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(base_url=provider.url, api_key="key-of-a-test", http_client=http)


def chat(client: openai.OpenAI, model: str = "gpt-4o") -> object:
    return client.chat.completions.create(model=model, messages=OPENAI_MESSAGES)


def message(claude: anthropic.Anthropic) -> object:
    return claude.messages.create(model="claude-sonnet-5", max_tokens=50, messages=ANTHROPIC_MESSAGES)


# Helpers


def test_the_chat_stream_helper(instrumented: Recording, provider: ProviderServer, client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.stream(model="gpt-4o", messages=OPENAI_MESSAGES, stream_options=options) as stream:
        assert stream.get_final_completion().choices
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])


def test_the_responses_stream_helper(instrumented: Recording, provider: ProviderServer, client: openai.OpenAI) -> None:
    with client.responses.stream(model="gpt-5-mini", input="Where is my parcel?") as stream:
        assert stream.get_final_response().output
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])


def test_the_message_stream_helper(
    instrumented: Recording, provider: ProviderServer, claude: anthropic.Anthropic
) -> None:
    with claude.messages.stream(model="claude-sonnet-5", max_tokens=50, messages=ANTHROPIC_MESSAGES) as stream:
        assert stream.get_final_message().content
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])


async def test_the_async_message_stream_helper(instrumented: Recording, provider: ProviderServer) -> None:
    claude = anthropic.AsyncAnthropic(base_url=provider.url, api_key="key-of-a-test")
    async with claude.messages.stream(model="claude-sonnet-5", max_tokens=50, messages=ANTHROPIC_MESSAGES) as stream:
        assert await stream.get_final_message()
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])


def test_a_helper_left_early_ends_the_span(instrumented: Recording, client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="gpt-4o", messages=OPENAI_MESSAGES) as stream:
        next(iter(stream))
        assert not instrumented.spans
    assert "stream closed" in str(instrumented.attributes["spanledger.usage_evidence"])


# Whose span


@pytest.mark.skipif(not hasattr(anthropic, "OpenTelemetryOptions"), reason="this version of the SDK makes no spans")
def test_the_native_span_is_the_only_one(instrumented: Recording, claude: anthropic.Anthropic) -> None:
    message(claude)
    assert instrumented.only.instrumentation_scope is not None
    assert instrumented.only.instrumentation_scope.name == "com.anthropic.sdk.python"


def test_ours_is_the_only_one_when_the_sdk_does_not_trace(
    instrumented: Recording, monkeypatch: pytest.MonkeyPatch, provider: ProviderServer
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    message(anthropic.Anthropic(base_url=provider.url, api_key="key-of-a-test"))
    assert instrumented.only.instrumentation_scope is not None
    assert instrumented.only.instrumentation_scope.name == "spanledger"
    assert instrumented.only.name == "chat claude-sonnet-5"


def test_ours_starts_when_the_sdks_tracer_records_nothing(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, provider: ProviderServer, claude: anthropic.Anthropic
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    with switched_on(tracer_provider=recording.provider):
        message(claude)
    assert recording.only.name == "chat claude-sonnet-5"
    assert usage_of(recording.only) == true_usage(provider.served[-1])


def test_a_call_that_sampling_dropped_stays_dropped(
    monkeypatch: pytest.MonkeyPatch, claude: anthropic.Anthropic, client: openai.OpenAI
) -> None:
    recording = Recording(TracerProvider(sampler=ALWAYS_OFF))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recording.provider)
    with switched_on():
        message(claude)
        chat(client)
    assert not recording.spans


@contextmanager
def switched_on(**arguments: object) -> Generator[None]:
    SpanLedgerInstrumentor().instrument(**arguments)
    try:
        yield
    finally:
        SpanLedgerInstrumentor().uninstrument()


def test_suppressed_calls_make_no_span(instrumented: Recording, client: openai.OpenAI) -> None:
    with suppress_instrumentation():
        chat(client)
    assert not instrumented.spans


def test_an_inference_of_another_instrumentation_is_not_doubled(instrumented: Recording, client: openai.OpenAI) -> None:
    outer = context.set_value("opentelemetry.genai.client.inference.context", object())
    token = context.attach(outer)
    try:
        chat(client)
    finally:
        context.detach(token)
    assert not instrumented.spans
    chat(client)
    assert instrumented.only


@contextmanager
def observed_by(recording: Recording, scope: str) -> Generator[None]:
    """As another instrumentation does it: a span of its scope is current while the SDK works."""
    with recording.provider.get_tracer(scope).start_as_current_span(
        "chat", attributes={"gen_ai.operation.name": "chat"}
    ):
        yield


def test_the_span_of_a_sibling_instrumentation_is_adopted(
    instrumented: Recording, provider: ProviderServer, client: openai.OpenAI
) -> None:
    with observed_by(instrumented, "opentelemetry.instrumentation.genai.openai"):
        chat(client)
    assert usage_of(instrumented.only) == true_usage(provider.served[-1])
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_a_span_is_adopted_by_one_call_only(instrumented: Recording, client: openai.OpenAI) -> None:
    with observed_by(instrumented, "opentelemetry.instrumentation.genai.openai"):
        chat(client, "gpt-4o")
        chat(client, "gpt-4.1")
    assert instrumented.attributes["gen_ai.response.model"] == "gpt-4o-2024-08-06"


@pytest.mark.parametrize("scope", ["openinference.instrumentation.openai", "opentelemetry.instrumentation.openai.v1"])
def test_a_span_that_counts_in_another_way_keeps_its_words_and_gets_ours_beside_them(
    instrumented: Recording, provider: ProviderServer, client: openai.OpenAI, scope: str
) -> None:
    with observed_by(instrumented, scope):
        chat(client)
    assert not usage_of(instrumented.only)
    true = true_usage(provider.served[-1])
    added = {name: value for name, value in instrumented.attributes.items() if name != "gen_ai.operation.name"}
    assert added.pop("spanledger.usage_status") == "metered"
    counts = {meter.attribute: added.pop(f"spanledger.usage.{meter.name}", None) for meter in METERS}
    assert {name: count for name, count in counts.items() if count} == true
    assert not added


def test_a_span_that_counts_in_another_way_keeps_its_word_on_what_we_cannot_count(
    instrumented: Recording, client: openai.OpenAI
) -> None:
    with observed_by(instrumented, "openinference.instrumentation.openai"):
        for _ in client.chat.completions.create(model="gpt-4o", messages=OPENAI_MESSAGES, stream=True):
            pass
    assert instrumented.attributes == {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize(
    "scope",
    [
        "my.app",
        "openinference.instrumentation.langchain",
        "openinference.instrumentation.openai_agents",
        "opentelemetry.instrumentation.openai_agents",
        "openlit.instrumentation.bedrock",  # which may never end
        "pydantic-ai",
    ],
)
def test_calls_within_other_spans_are_ours(instrumented: Recording, client: openai.OpenAI, scope: str) -> None:
    with observed_by(instrumented, scope):
        chat(client)
        chat(client)
    metered = [span for span in instrumented.spans if usage_of(span)]
    assert [span.name for span in metered] == ["chat gpt-4o"] * 2


@pytest.mark.parametrize("scope", ["genai.openai_agents", "genai.langchain", "genai.openai"])
def test_calls_within_the_span_of_an_agent_are_ours(instrumented: Recording, client: openai.OpenAI, scope: str) -> None:
    tracer = instrumented.provider.get_tracer(f"opentelemetry.instrumentation.{scope}")
    with tracer.start_as_current_span("invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}):
        chat(client)
        chat(client)
    assert [span.name for span in instrumented.spans] == ["chat gpt-4o", "chat gpt-4o", "invoke_agent"]
    assert not usage_of(instrumented.spans[-1])


def test_calls_that_cost_nothing_make_no_span_of_ours(instrumented: Recording, claude: anthropic.Anthropic) -> None:
    claude.messages.count_tokens(model="claude-sonnet-5", messages=ANTHROPIC_MESSAGES)
    assert not instrumented.spans


def test_our_span_is_current_while_the_sdk_works_and_only_then(
    instrumented: Recording, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[trace.Span] = []
    http = cast("Any", client)._client
    send = cast("Callable[..., object]", http.send)

    def watching(*args: object, **kwargs: object) -> object:
        seen.append(trace.get_current_span())
        return send(*args, **kwargs)

    monkeypatch.setattr(http, "send", watching)
    chat(client)
    assert seen[0].get_span_context() == instrumented.only.get_span_context()
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_the_same_asynchronously_and_without_baggage(
    instrumented: Recording, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[trace.Span, dict[str, object]]] = []
    client = openai_async_client(provider.url)
    http = cast("Any", client)._client
    send = cast("Callable[..., Awaitable[object]]", http.send)

    async def watching(*args: object, **kwargs: object) -> object:
        seen.append((trace.get_current_span(), dict(baggage.get_all())))
        return await send(*args, **kwargs)

    monkeypatch.setattr(http, "send", watching)
    with spanledger.attribution(user="u-17", propagate=True):
        await client.chat.completions.create(model="gpt-4o", messages=OPENAI_MESSAGES)
        assert baggage.get_baggage("user.id") == "u-17"
    [(span, carried)] = seen
    assert span.get_span_context() == instrumented.only.get_span_context()
    assert carried == {}
    assert instrumented.attributes["user.id"] == "u-17"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_no_content_is_kept(instrumented: Recording, client: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    chat(client)
    client.embeddings.create(model="text-embedding-3-small", input="Where is my parcel?")
    client.responses.create(model="gpt-4o", input="Where is my parcel?")
    message(claude)
    assert len(instrumented.spans) == 4
    assert "parcel" not in "".join(str(attributes_of(span)) for span in instrumented.spans)


# Attribution

EXPECTED = {
    "user.id": "u-1",
    "session.id": "s-1",
    "spanledger.org": "acme",
    "gen_ai.workflow.name": "triage",
    "spanledger.feature": "summary",
    "spanledger.dim.team": "blue",
}


def test_attribution_is_on_the_span_of_every_sdk(
    instrumented: Recording, client: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    with spanledger.attribution(
        user="u-1", org="acme", session="s-1", workflow="triage", feature="summary", team="blue"
    ):
        chat(client)
        message(claude)
    chat(client)
    ours, native, later = instrumented.spans
    assert attributes_of(ours).items() >= EXPECTED.items()
    assert attributes_of(native).items() >= EXPECTED.items()
    assert not EXPECTED.keys() & attributes_of(later).keys()


async def test_concurrent_tasks_keep_their_own_attribution(instrumented: Recording, provider: ProviderServer) -> None:
    http = openai.DefaultAsyncHttpxClient(verify=False)
    client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="key-of-a-test", http_client=http)

    @spanledger.attribution(feature="parallel")
    async def ask(user: str) -> None:
        with spanledger.attribution(user=user):
            await client.chat.completions.create(model=user, messages=OPENAI_MESSAGES)

    await asyncio.gather(*(ask(f"user-{number}") for number in range(5)))
    found = [attributes_of(span) for span in instrumented.spans]
    assert len(found) == 5
    assert all(attributes["user.id"] == attributes["gen_ai.request.model"] for attributes in found)
    assert all(attributes["spanledger.feature"] == "parallel" for attributes in found)


def test_a_span_that_others_make_gets_attribution_too(instrumented: Recording) -> None:
    tracer = instrumented.provider.get_tracer("another.instrumentation")
    with spanledger.attribution(user="u-1", org="acme"):
        tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat", "spanledger.org": "stated"}).end()
    assert instrumented.attributes["user.id"] == "u-1"
    assert instrumented.attributes["spanledger.org"] == "stated"


def test_instrumenting_twice_adds_one_processor(instrumented: Recording) -> None:
    processors = cast("Any", instrumented.provider)._active_span_processor._span_processors
    before = len(processors)
    SpanLedgerInstrumentor().uninstrument()
    SpanLedgerInstrumentor().instrument()
    assert len(cast("Any", instrumented.provider)._active_span_processor._span_processors) == before


@pytest.mark.parametrize("sdk", ["openai", "anthropic", "anthropic without its own spans"])
def test_baggage_is_attribution_but_never_reaches_the_provider(
    instrumented: Recording, monkeypatch: pytest.MonkeyPatch, sdk: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(sdk == "anthropic").lower())
    carried = baggage.set_baggage("user.id", "u-1")
    carried = baggage.set_baggage("spanledger.dim.team", "blue", carried)
    carried = baggage.set_baggage("request.region", "eu", carried)
    body: dict[str, object] = {**COMPLETION, "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
    with serving(answer(body)) as server:
        token = context.attach(carried)
        try:
            with spanledger.attribution(user="stated", feature="chat", propagate=True):
                assert baggage.get_baggage("spanledger.feature") == "chat"
                ask_through(sdk, server.url)
        finally:
            context.detach(token)
    (headers,) = server.headers
    assert headers["baggage"] == "request.region=eu"
    attributes = instrumented.attributes
    assert (attributes["user.id"], attributes["spanledger.dim.team"]) == ("stated", "blue")
    assert "request.region" not in attributes


def ask_through(sdk: str, url: str) -> None:
    """Call with an HTTP client that propagates context, as instrumented ones do."""
    from opentelemetry.propagate import inject

    def propagate(request: Any) -> None:  # noqa: ANN401
        inject(request.headers)

    hooks: Any = {"request": [propagate]}
    if sdk == "openai":
        http = openai.DefaultHttpxClient(verify=False, event_hooks=hooks)
        chat(openai.OpenAI(base_url=url, api_key="key-of-a-test", http_client=http))
        return
    http = anthropic.DefaultHttpxClient(verify=False, event_hooks=hooks)
    message(anthropic.Anthropic(base_url=url, api_key="key-of-a-test", http_client=http))
