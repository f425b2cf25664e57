"""The Google Gen AI SDK, real, against a scripted server: the Gemini API and Vertex AI."""

import importlib
from collections.abc import Awaitable, Generator
from importlib.util import find_spec
from typing import Any

import pytest
from wire_recording import Recording
from wire_scripted import EVENTS, Script, answer, chat_events, named_events, serving
from wire_sdk_contract import Attributes, Case, OtherEndpoint, SdkContract, counts_of, held

genai: Any = importlib.import_module("google.genai")  # shares its name space with stubs that do not know it
types: Any = genai.types

MODEL = "model-of-a-test-001"
USAGE = {
    "promptTokenCount": 600,
    "cachedContentTokenCount": 400,
    "toolUsePromptTokenCount": 50,
    "candidatesTokenCount": 40,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 720,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 500}, {"modality": "IMAGE", "tokenCount": 100}],
    "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
    "cacheTokensDetails": [{"modality": "IMAGE", "tokenCount": 60}, {"modality": "TEXT", "tokenCount": 340}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 25}, {"modality": "TEXT", "tokenCount": 15}],
    "serviceTier": "priority",
}
COUNTED = {
    "gen_ai.usage.input_tokens": 600 + 50,
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.usage.image.input_tokens": 100,
    "gen_ai.usage.audio.input_tokens": 50,
    "gen_ai.usage.image.cache_read.input_tokens": 60,
    "gen_ai.usage.output_tokens": 40 + 30,
    "gen_ai.usage.reasoning.output_tokens": 30,
    "gen_ai.usage.image.output_tokens": 25,
    "spanledger.usage.web_search": 2,
}
RETRIES = {"attempts": 2, "initial_delay": 0.01, "max_delay": 0.02, "http_status_codes": [503]}
BAD = answer({"error": {"code": 400, "message": "not good", "status": "INVALID_ARGUMENT"}}, status=400)
BUSY = answer({"error": {"code": 503, "message": "come back later", "status": "UNAVAILABLE"}}, status=503)


_kept: list[Any] = []


def kept(client: Any) -> Any:  # noqa: ANN401
    """A client closes its connections when it is collected, whatever is still to be read over them."""
    _kept.append(client)
    return client


@pytest.fixture(autouse=True)
def let_go() -> Generator[None]:
    yield
    _kept.clear()


def client_of(url: str, **more: object) -> Any:  # noqa: ANN401
    options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(**RETRIES))
    return kept(genai.Client(api_key="key-of-a-test", http_options=options, **more))


def content(text: str, **more: object) -> dict[str, Any]:
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **more}
    return {"responseId": "answer-1", "modelVersion": MODEL, "candidates": [candidate]}


class TestGenerateContent(SdkContract):
    partial = "estimated"  # each chunk says how much it has been so far
    operation = "generate_content"
    error_type = "google.genai.errors.ClientError"

    def client(self, url: str) -> Any:  # noqa: ANN401
        return client_of(url)

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.models.generate_content(model=self.model, contents="Where is my parcel?")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.models.generate_content_stream(model=self.model, contents="Where is my parcel?")

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return client.aio.models.generate_content(model=self.model, contents="Where is my parcel?")

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return client.aio.models.generate_content_stream(model=self.model, contents="Where is my parcel?")

    def usage(self) -> Attributes:
        return COUNTED

    def view(self, item: Any) -> object:  # noqa: ANN401
        return super().view(item.model_copy(update={"sdk_http_response": None}))  # its headers have the time

    def scripts(self, case: Case) -> tuple[Script, ...]:
        grounding = {"groundingMetadata": {"webSearchQueries": ["parcel", "post"]}}
        whole = answer({**content("In Ghent.", finishReason="STOP", **grounding), "usageMetadata": USAGE})
        so_far = {"promptTokenCount": 600, "candidatesTokenCount": 3, "totalTokenCount": 603}
        text = {**content("In Ghent.", **grounding), "usageMetadata": so_far}
        last = {**content("", finishReason="STOP"), "usageMetadata": USAGE}
        odd: tuple[Any, ...] = (
            text,
            {"candidates": None},
            {"candidates": [{"content": None, "groundingMetadata": {"webSearchQueries": None}}]},
            {"usageMetadata": {"promptTokenCount": "12", "candidatesTokenCount": None, "promptTokensDetails": 7}},
            {"usageMetadata": None, "candidates": [{"finishReason": "SOMETHING_NEW", "content": {"parts": None}}]},
        )
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (whole,),
            "stream": (streamed(text, text, last),),
            "cut": (streamed(text, text, cut=True),),
            "held": (held(streamed(text)),),
            "error": (BAD,),
            "busy": (BUSY, whole),
            "odd": (streamed(*odd),),
        }
        return by_case[case]

    def test_what_is_not_a_meter(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        attributes = instrumented.attributes
        assert attributes["spanledger.service_tier"] == "priority"  # the SDK's own types leave it out
        assert attributes["spanledger.tool_use_prompt_tokens"] == 50
        assert attributes["gen_ai.response.finish_reasons"] == ("STOP",)
        assert attributes["gen_ai.provider.name"] == "gcp.gemini"
        assert "spanledger.region" not in attributes


def streamed(*chunks: object, cut: bool = False) -> Script:
    """A stream as Gemini sends it: events without an end of their own."""
    return Script(b"".join(named.body.partition(b"\n")[2] for named in map(_event, chunks)), EVENTS, cut=cut)


def _event(chunk: object) -> Script:
    return Script(b"data:\ndata: " + answer(chunk).body + b"\n\n", EVENTS)


class TestVertex(TestGenerateContent):
    def client(self, url: str) -> Any:  # noqa: ANN401
        credentials = importlib.import_module("google.auth.credentials").AnonymousCredentials()
        credentials.token = "token-of-a-test"
        place = {"project": "p", "location": "europe-west4"}
        options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(**RETRIES))
        return kept(genai.Client(vertexai=True, credentials=credentials, http_options=options, **place))

    def test_what_is_not_a_meter(self, instrumented: Recording) -> None:
        document = {**content("x"), "usageMetadata": {"promptTokenCount": 1, "trafficType": "ON_DEMAND_PRIORITY"}}
        with serving(answer(document)) as server:
            self.ask(self.client(server.url))
        attributes = instrumented.attributes
        assert attributes["spanledger.service_tier"] == "ON_DEMAND_PRIORITY"
        assert attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
        assert attributes["spanledger.region"] == "europe-west4"


@pytest.mark.skipif(not hasattr(genai.Client, "interactions"), reason="this version of the SDK does not know them")
class TestInteraction(SdkContract):
    """The Interactions API, which an SDK within the SDK serves: another one in the first releases of version 2."""

    lazy = False
    operation = "generate_content"
    error_type = "400" if find_spec("google.genai._gaos") else "google.genai._interactions.BadRequestError"

    def client(self, url: str) -> Any:  # noqa: ANN401
        return client_of(url)

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.interactions.create(model=self.model, input="Where is my parcel?")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.interactions.create(model=self.model, input="Where is my parcel?", stream=True)

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return self.ask(client.aio)

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return self.ask_stream(client.aio)

    def usage(self) -> Attributes:
        return {
            "gen_ai.usage.input_tokens": 266 + 9,
            "gen_ai.usage.cache_read.input_tokens": 100,
            "gen_ai.usage.image.input_tokens": 258,
            "gen_ai.usage.output_tokens": 3 + 57,
            "gen_ai.usage.reasoning.output_tokens": 57,
            "spanledger.usage.web_search": 3,
        }

    def scripts(self, case: Case) -> tuple[Script, ...]:
        usage = {
            "total_tokens": 335,
            "total_input_tokens": 266,
            "input_tokens_by_modality": [{"modality": "text", "tokens": 8}, {"modality": "image", "tokens": 258}],
            "total_cached_tokens": 100,
            "total_output_tokens": 3,
            "total_tool_use_tokens": 9,
            "total_thought_tokens": 57,
            "grounding_tool_count": [{"type": "google_search", "count": 3}, {"type": "google_maps", "count": 1}],
        }
        known = {"id": "answer-1", "model": MODEL, "object": "interaction"}
        times = {"created": "2026-05-13T19:57:40Z", "updated": "2026-05-13T19:57:40Z"}
        whole: Any = {**known, **times, "status": "completed", "usage": usage, "steps": []}
        created = {"type": "x", "event_type": "interaction.created", "interaction": {**known, "status": "in_progress"}}
        text = {"type": "x", "event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "In Ghent."}}
        done = {"type": "x", "event_type": "interaction.completed", "interaction": whole}
        odd: tuple[Any, ...] = (
            {"type": "x", "event_type": "interaction.completed", "interaction": {"usage": {"total_tokens": "x"}}},
            {"type": "x", "event_type": "something.new"},
        )
        busy = answer({"error": {"code": 503, "message": "come back later"}}, status=503)
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (answer(whole),),
            "stream": (named_events(created, text, done),),
            "cut": (named_events(created, text, cut=True),),
            "held": (held(named_events(created)),),
            "error": (BAD,),
            "busy": (busy, answer(whole)),
            "odd": (chat_events(created, *odd),),
        }
        return by_case[case]


# Other endpoints


OTHERS = [
    OtherEndpoint(
        "embeddings",
        lambda client: client.models.embed_content(model="m", contents=["one", "two"]),
        {
            "embeddings": [{"values": [0.25, -1e-3] * 4000}],
            "usageMetadata": {
                "promptTokenCount": 9,
                "promptTokenDetails": [{"modality": "IMAGE", "tokenCount": 4}],
            },
        },
        "embeddings",
        {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.image.input_tokens": 4},
    ),
    OtherEndpoint(
        "cache",
        lambda client: client.caches.create(model="m", config={"contents": "a long text"}),
        {"name": "cachedContents/1", "model": "models/m", "usageMetadata": {"totalTokenCount": 1090}},
        "create_cache",
        {"gen_ai.usage.cache_write.input_tokens": 1090},
    ),
]
OTHERS_ON_VERTEX = [
    OtherEndpoint(
        "vertex-embeddings",
        lambda client: client.models.embed_content(model="text-embedding-005", contents=["one", "two"]),
        {
            "predictions": [
                {"embeddings": {"values": [0.5], "statistics": {"token_count": 3, "truncated": False}}},
                {"embeddings": {"values": [0.5], "statistics": {"token_count": 4.0, "truncated": False}}},
            ]
        },
        "embeddings",
        {"gen_ai.usage.input_tokens": 7},
    ),
    OtherEndpoint(
        "images",
        lambda client: client.models.generate_images(model="m", prompt="a parcel"),
        {
            "predictions": [
                {"mimeType": "image/png", "bytesBase64Encoded": "iVBORw0K"},
                {"mimeType": "image/png", "bytesBase64Encoded": "iVBORw0K"},
                {"raiFilteredReason": "no"},
            ]
        },
        "image_generation",
        {"spanledger.usage.image": 2},
    ),
]


@pytest.mark.parametrize("endpoint", OTHERS, ids=lambda endpoint: endpoint.name)
def test_other_endpoints(instrumented: Recording, endpoint: OtherEndpoint) -> None:
    endpoint.check(instrumented, client_of, "gcp.gemini")


@pytest.mark.parametrize("endpoint", OTHERS_ON_VERTEX, ids=lambda endpoint: endpoint.name)
def test_other_endpoints_of_vertex(instrumented: Recording, endpoint: OtherEndpoint) -> None:
    endpoint.check(instrumented, lambda url: client_of(url, vertexai=True), "gcp.vertex_ai")


def test_each_request_of_a_chat_with_functions_is_a_call(instrumented: Recording) -> None:
    """The SDK calls the function by itself and asks again: two requests, two calls."""

    def where(parcel: str) -> str:
        """Where a parcel is."""
        return f"{parcel} is in Ghent"

    asked = {"functionCall": {"name": "where", "args": {"parcel": "p-1"}}}
    calling: Any = {**content(""), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1}}
    calling["candidates"][0]["content"]["parts"] = [asked]
    said = {**content("In Ghent."), "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2}}
    with serving(answer(calling), answer(said)) as server:
        client = client_of(server.url)
        client.chats.create(model="m", config={"tools": [where]}).send_message("Where is my parcel?")
    assert [counts_of(span)["gen_ai.usage.input_tokens"] for span in instrumented.spans] == [5, 9]


def test_counting_tokens_makes_no_span(instrumented: Recording) -> None:
    with serving(answer({"totalTokens": 4})) as server:
        client_of(server.url).models.count_tokens(model="m", contents="one two")
    assert not instrumented.spans


def test_a_stream_that_comes_as_a_list_is_read_whole(instrumented: Recording) -> None:
    chunks = [{**content("a"), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": n}} for n in (1, 2)]
    with serving(answer(chunks)) as server:
        client_of(server.url).models.generate_content(model="m", contents="x")
    assert counts_of(instrumented.only) == {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2}
