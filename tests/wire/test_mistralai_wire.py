"""The Mistral SDK, real, against a scripted server: without spans of its own, and with them, which are adopted."""

from collections.abc import Awaitable
from importlib.metadata import version
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig
from mistralai.extra.observability import configure_telemetry
from opentelemetry.sdk.trace import TracerProvider
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, named_events, serving
from wire_sdk_contract import Attributes, Case, OtherEndpoint, SdkContract, counts_of, held

import spanledger

MESSAGES: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
MODEL = "model-of-a-test-001"
USAGE = {
    "prompt_tokens": 212,
    "completion_tokens": 40,
    "total_tokens": 252,
    "prompt_tokens_details": {"cached_tokens": 208},
    "prompt_audio_seconds": 3,
    "service_tier": "priority",
}
COUNTED = {
    "gen_ai.usage.input_tokens": 212,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read.input_tokens": 208,
    "spanledger.usage.second": 3,
}
BAD = answer({"object": "error", "message": "not good", "type": "invalid_request", "code": "1"}, status=400)
BUSY = answer({"object": "error", "message": "come back later"}, status=429)
RETRIES = RetryConfig("backoff", BackoffStrategy(1, 2, 1.0, 2000), retry_connection_errors=True)


def client_of(url: str) -> Mistral:
    return Mistral(api_key="key-of-a-test", server_url=url, retry_config=RETRIES)


class _Mistral(SdkContract):
    lazy = False

    def client(self, url: str) -> Any:  # noqa: ANN401
        return client_of(url)

    def usage(self) -> Attributes:
        return COUNTED


class TestChat(_Mistral):
    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat.complete(model=self.model, messages=MESSAGES)

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat.stream(model=self.model, messages=MESSAGES)

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return client.chat.complete_async(model=self.model, messages=MESSAGES)

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat.stream_async(model=self.model, messages=MESSAGES)

    def scripts(self, case: Case) -> tuple[Script, ...]:
        head = {"id": "answer-1", "created": 1, "model": MODEL}
        message = {"role": "assistant", "content": "In Ghent."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = answer({**head, "object": "chat.completion", "choices": [choice], "usage": USAGE})
        text = {**head, "choices": [{"index": 0, "delta": {"content": "In Ghent."}, "finish_reason": None}]}
        last = {**head, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}], "usage": USAGE}
        odd: tuple[Any, ...] = (
            text,
            {**head, "choices": None, "usage": None},
            {**head, "choices": [{"delta": None}], "usage": {"prompt_tokens": "12", "completion_tokens": []}},
            {**head, "choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "x"}]}}]},
            7,
        )
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (whole,),
            "stream": (chat_events(text, text, last),),
            "cut": (chat_events(text, text, cut=True),),
            "held": (held(chat_events(text, cut=True)),),
            "error": (BAD,),
            "busy": (BUSY, whole),
            "odd": (chat_events(*odd),),
        }
        return by_case[case]

    def test_the_tier_is_the_answers(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        assert instrumented.attributes["spanledger.service_tier"] == "priority"


class TestAdoptedSpan(TestChat):
    """Told to, the SDK makes a span for each request by itself, with the global tracer provider."""

    cancelling_closes = not version("mistralai").startswith("2.")
    cut_status = "OK"  # the SDK says so before the stream is read, and that cannot be taken back

    def client(self, url: str) -> Any:  # noqa: ANN401
        client = client_of(url)
        configure_telemetry(client, provider="global")
        return client

    def check_server(self, attributes: Attributes) -> None:
        assert str(attributes["server.address"]).startswith("127.0.0.1:")  # as the SDK says it

    def check_failed(self, recording: Recording) -> None:
        assert recording.attributes["spanledger.usage_status"] == "unmetered"
        # As the SDK reads it from the answer, which it does not do when that was to be a stream.
        assert recording.attributes["error.type"] in ("invalid_request", "400")
        assert recording.only.status.status_code.name == "ERROR"

    def test_the_span_is_the_sdks(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        assert instrumented.only.instrumentation_scope is not None
        assert instrumented.only.instrumentation_scope.name == "mistralai_sdk_tracer"

    def test_the_end_of_a_span_is_not_told_twice(
        self, instrumented: Recording, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The SDK keeps the function that ends a span for when its stream is collected."""
        with self.serving("stream") as url:
            for _ in self.ask_stream(self.client(url)):
                pass
        assert instrumented.only.end_time is not None
        assert "ended span" not in caplog.text

    def test_attribution_is_kept_from_the_provider(self, instrumented: Recording) -> None:
        """The SDK puts the baggage of its context into the request."""
        with (
            serving(*self.scripts("answer")) as server,
            spanledger.attribution(user="u-1", propagate=True),
        ):
            self.ask(self.client(server.url))
        assert instrumented.attributes["user.id"] == "u-1"
        assert "traceparent" in server.headers[0]
        assert "u-1" not in server.headers[0].get("baggage", "")


def test_a_span_that_goes_elsewhere_is_not_adopted(instrumented: Recording) -> None:
    """A client with a tracer provider of its own: what goes there is not what we can see."""
    elsewhere = Recording(TracerProvider())
    chat = TestChat()
    with chat.serving("answer") as url:
        client = client_of(url)
        configure_telemetry(client, provider=elsewhere.provider)
        chat.ask(client)
    assert counts_of(instrumented.only) == COUNTED
    assert instrumented.only.instrumentation_scope is not None
    assert instrumented.only.instrumentation_scope.name == "spanledger"
    assert "spanledger.usage_status" not in elsewhere.attributes


class TestConversation(_Mistral):
    """An agent at the provider, which uses tools there: what these bring is input."""

    operation = "invoke_agent"

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.beta.conversations.start(model=self.model, inputs="Where is my parcel?")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.beta.conversations.start_stream(model=self.model, inputs="Where is my parcel?")

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return client.beta.conversations.start_async(model=self.model, inputs="Where is my parcel?")

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return client.beta.conversations.start_stream_async(model=self.model, inputs="Where is my parcel?")

    def usage(self) -> Attributes:
        return {
            "gen_ai.usage.input_tokens": 12 + 200,
            "gen_ai.usage.output_tokens": 40,
            "spanledger.usage.web_search": 2,
        }

    def scripts(self, case: Case) -> tuple[Script, ...]:
        usage = {
            "prompt_tokens": 12,
            "completion_tokens": 40,
            "total_tokens": 252,
            "connector_tokens": 200,
            "connectors": {"web_search": 2},
        }
        output = {"id": "answer-1", "model": MODEL, "role": "assistant", "content": "In Ghent."}
        times = {"created_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:01Z"}
        whole = answer(
            {
                "conversation_id": "conversation-1",
                "outputs": [{"type": "message.output", **output, **times}],
                "usage": usage,
            }
        )
        start = {"type": "conversation.response.started", "conversation_id": "conversation-1"}
        text = {"type": "message.output.delta", **output}
        done = {"type": "conversation.response.done", "usage": usage}
        odd: tuple[Any, ...] = ({"type": "message.output.delta", "content": None, "id": 1, "model": 2}, done)
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (whole,),
            "stream": (named_events(start, text, done),),
            "cut": (named_events(start, text, cut=True),),
            "held": (held(named_events(start)),),
            "error": (BAD,),
            "busy": (BUSY, whole),
            "odd": (named_events(start, *odd),),
        }
        return by_case[case]

    def test_the_conversation_is_on_the_span(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        assert instrumented.attributes["gen_ai.conversation.id"] == "conversation-1"
        assert instrumented.attributes["spanledger.tool_use_prompt_tokens"] == 200


# Other endpoints

HEAD = {"id": "answer-1", "model": MODEL}
DOCUMENT: Any = {"type": "document_url", "document_url": "https://example.org/a.pdf"}


OTHERS = [
    OtherEndpoint(
        "fim",
        lambda client: client.fim.complete(model="m", prompt="def f("),
        {**HEAD, "object": "x", "created": 1, "choices": [], "usage": USAGE},
        "text_completion",
        COUNTED,
    ),
    OtherEndpoint(
        "agents",
        lambda client: client.agents.complete(agent_id="agent-1", messages=MESSAGES),
        {**HEAD, "object": "x", "created": 1, "choices": [], "usage": USAGE},
        "invoke_agent",
        COUNTED,
    ),
    OtherEndpoint(
        "embeddings",
        lambda client: client.embeddings.create(model="m", inputs=["one"]),
        {
            **HEAD,
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1e-3] * 4000}],
            "usage": {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens": 0},
        },
        "embeddings",
        {"gen_ai.usage.input_tokens": 10},
    ),
    OtherEndpoint(
        "ocr",
        lambda client: client.ocr.process(model="m", document=DOCUMENT),
        {"model": MODEL, "pages": [], "usage_info": {"pages_processed": 7, "doc_size_bytes": 99}},
        "ocr",
        {"spanledger.usage.page": 7},
    ),
    OtherEndpoint(
        "transcription",
        lambda client: client.audio.transcriptions.complete(model="m", file={"file_name": "a.mp3", "content": b"abc"}),
        {**HEAD, "text": "x", "language": None, "segments": [], "usage": {**USAGE, "prompt_audio_seconds": 203}},
        "transcription",
        {**COUNTED, "spanledger.usage.second": 203},
    ),
]


@pytest.mark.parametrize("endpoint", OTHERS, ids=lambda endpoint: endpoint.name)
def test_other_endpoints(instrumented: Recording, endpoint: OtherEndpoint) -> None:
    endpoint.check(instrumented, client_of, "mistral_ai")
