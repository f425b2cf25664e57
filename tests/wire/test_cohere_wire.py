"""The Cohere SDK, real, against a scripted server: both versions of the API."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import cohere
import pytest
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, named_events, serving
from wire_sdk_contract import Attributes, Case, OtherEndpoint, SdkContract, held

import spanledger

MESSAGES: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
USAGE = {
    "billed_units": {"input_tokens": 12.0, "output_tokens": 36},
    "tokens": {"input_tokens": 212.0, "output_tokens": 40.0},
    "cached_tokens": 208.0,
}
COUNTED = {
    "gen_ai.usage.input_tokens": 212,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read.input_tokens": 208,
    "spanledger.usage.billed_input": 12,
    "spanledger.usage.billed_output": 36,
}
RETRIES = {"max_retries": 2}  # the default of newer versions
FLOATS = ["float"]
BAD = answer({"message": "not good"}, status=400)
BUSY = answer({"message": "come back later"}, status=429)


def lines(*documents: Any, cut: bool = False) -> Script:  # noqa: ANN401
    """A stream as version 1 sends it: one JSON document a line."""
    body = b"".join(answer(document).body + b"\n" for document in documents)
    return Script(body, "application/stream+json", cut=cut)


def client_of(url: str) -> cohere.ClientV2:
    return cohere.ClientV2("key-of-a-test", base_url=url)


class _Cohere(SdkContract):
    response_model = None

    def usage(self) -> Attributes:
        return COUNTED

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return self.ask(client)

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return self.ask_stream(client)


class TestChat(_Cohere):
    def client(self, url: str) -> cohere.ClientV2:
        return client_of(url)

    def async_client(self, url: str) -> cohere.AsyncClientV2:
        return cohere.AsyncClientV2("key-of-a-test", base_url=url)

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat(model=self.model, messages=MESSAGES, request_options=RETRIES)

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat_stream(model=self.model, messages=MESSAGES)

    def scripts(self, case: Case) -> tuple[Script, ...]:
        message = {"role": "assistant", "content": [{"type": "text", "text": "In Ghent."}]}
        whole = answer({"id": "answer-1", "finish_reason": "COMPLETE", "message": message, "usage": USAGE})
        start = {"type": "message-start", "id": "answer-1", "delta": {"message": {"role": "assistant"}}}
        text = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "In Ghent."}}}}
        end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}}
        odd: tuple[Any, ...] = (
            start,
            {"type": "content-delta", "delta": None},
            {"type": "content-delta", "delta": {"message": {"content": ["x"]}}},
            {"type": "message-end", "delta": {"usage": {"tokens": None, "billed_units": {"input_tokens": "12"}}}},
            {"type": None},
        )
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (whole,),
            "stream": (named_events(start, text, end),),
            "cut": (named_events(start, text, cut=True),),
            "held": (held(named_events(start)),),
            "error": (BAD,),
            "busy": (BUSY, whole),
            "odd": (named_events(*odd),),
        }
        return by_case[case]


class TestChatVersion1(_Cohere):
    def client(self, url: str) -> cohere.Client:
        return cohere.Client("key-of-a-test", base_url=url)

    def async_client(self, url: str) -> cohere.AsyncClient:
        return cohere.AsyncClient("key-of-a-test", base_url=url)

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat(model=self.model, message="Where is my parcel?", request_options=RETRIES)

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.chat_stream(model=self.model, message="Where is my parcel?")

    def scripts(self, case: Case) -> tuple[Script, ...]:
        document = {"generation_id": "answer-1", "text": "In Ghent.", "finish_reason": "COMPLETE", "meta": USAGE}
        start = {"is_finished": False, "event_type": "stream-start", "generation_id": "answer-1"}
        text = {"is_finished": False, "event_type": "text-generation", "text": "In Ghent."}
        end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": document}
        odd: tuple[Any, ...] = (start, {"event_type": "text-generation", "text": None}, {"event_type": 7}, [])
        by_case: dict[Case, tuple[Script, ...]] = {
            "answer": (answer(document),),
            "stream": (lines(start, text, end),),
            "cut": (lines(start, text, cut=True),),
            "held": (held(lines(start)),),
            "error": (BAD,),
            "busy": (BUSY, answer(document)),
            "odd": (lines(*odd),),
        }
        return by_case[case]


# Other endpoints

EMBEDDINGS = {"id": "answer-1", "embeddings": {"float": [[0.25, -1e-3] * 4000]}, "texts": ["one"]}


OTHERS = [
    OtherEndpoint(
        "embed",
        lambda client: client.embed(model="m", texts=["one"], input_type="search_query", embedding_types=FLOATS),
        {**EMBEDDINGS, "meta": {"billed_units": {"input_tokens": 208.0}}},
        "embeddings",
        {"gen_ai.usage.input_tokens": 208, "spanledger.usage.billed_input": 208},
    ),
    OtherEndpoint(
        "embed-images",
        lambda client: client.embed(
            model="m", images=["data:image/png;base64,aa"], input_type="image", embedding_types=FLOATS
        ),
        {**EMBEDDINGS, "meta": {"billed_units": {"images": 1}}},
        "embeddings",
        {"spanledger.usage.image": 1},
    ),
    OtherEndpoint(
        "embed-image-tokens",
        lambda client: client.embed(
            model="m", images=["data:image/png;base64,aa"], input_type="image", embedding_types=FLOATS
        ),
        {**EMBEDDINGS, "meta": {"billed_units": {"images": 1, "image_tokens": 1610, "text_tokens": 7}}},
        "embeddings",
        {
            "gen_ai.usage.input_tokens": 1617,
            "gen_ai.usage.image.input_tokens": 1610,
            "spanledger.usage.billed_input": 1617,
            "spanledger.usage.image": 1,
        },
    ),
    OtherEndpoint(
        "rerank",
        lambda client: client.rerank(model="m", query="q", documents=["one"]),
        {"id": "answer-1", "results": [], "meta": {"billed_units": {"search_units": 1}}},
        "rerank",
        {"spanledger.usage.search_unit": 1},
    ),
]


@pytest.mark.parametrize("endpoint", OTHERS, ids=lambda endpoint: endpoint.name)
def test_other_endpoints(instrumented: Recording, endpoint: OtherEndpoint) -> None:
    endpoint.check(instrumented, client_of, "cohere")


def test_threads_of_the_sdk_have_the_context_of_the_caller(instrumented: Recording) -> None:
    """Version 1 embeds more than 96 texts from several threads, one call each."""
    document = {"id": "answer-1", "response_type": "embeddings_floats", "embeddings": [[0.5]], "texts": ["one"]}
    with serving(answer({**document, "meta": {"billed_units": {"input_tokens": 3}}})) as server:
        client = cohere.Client("key-of-a-test", base_url=server.url)
        with spanledger.attribution(user="u-1"):
            embedded: Any = client.embed(texts=["one"] * 97, model="m", input_type="search_query")
    assert len(embedded.embeddings) == 2
    assert [attributes_of(span)["user.id"] for span in instrumented.spans] == ["u-1", "u-1"]


def test_what_is_not_billed_makes_no_span(instrumented: Recording) -> None:
    with serving(answer({"tokens": [1], "token_strings": ["a"]})) as server:
        client = cohere.AsyncClient("key-of-a-test", base_url=server.url)
        asyncio.run(client.tokenize(text="a", model="m", offline=False))
    assert not instrumented.spans
