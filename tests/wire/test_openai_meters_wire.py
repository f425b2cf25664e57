"""What the OpenAI SDK's answers may tell besides tokens in and out, and endpoints that are rarely used."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from wire_openai import openai_client
from wire_recording import Recording, attributes_of
from wire_scripted import answer, serving
from wire_sdk_contract import counts_of

Ask = Callable[[Any], object]

COMPLETION: dict[str, Any] = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-001", "choices": []}
TOKENS = {"input_tokens": 20, "output_tokens": 30, "total_tokens": 50}
TOKEN_COUNTS = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 30}
PICTURE = ("picture.png", b"a picture", "image/png")


def chat(**more: object) -> Ask:
    return lambda client: client.chat.completions.create(model="m", messages=[], **more)


def respond(**more: object) -> Ask:
    return lambda client: client.responses.create(model="m", input="Where?", **more)


def embed(client: Any) -> object:  # noqa: ANN401
    return client.embeddings.create(model="m", input="Where?", encoding_format="float")


def ask(document: dict[str, Any], asking: Ask) -> None:
    with serving(answer(document)) as server:
        asking(openai_client(server.url))


def response(**more: object) -> dict[str, Any]:
    known = {"id": f"resp_{uuid4().hex}", "object": "response", "created_at": 1_780_000_000, "model": "m-001"}
    return {**known, "status": "completed", "output": [], "usage": TOKENS, **more}


USAGES: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    "audio in and out": (
        {
            "prompt_tokens": 20,
            "completion_tokens": 30,
            "prompt_tokens_details": {"audio_tokens": 8, "cached_tokens": 4},
            "completion_tokens_details": {"audio_tokens": 25, "accepted_prediction_tokens": 3},
        },
        {
            **TOKEN_COUNTS,
            "gen_ai.usage.audio.input_tokens": 8,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.audio.output_tokens": 25,
        },
    ),
    "cached tokens of DeepSeek": (
        {
            "prompt_tokens": 20,
            "completion_tokens": 30,
            "prompt_cache_hit_tokens": 16,
            "prompt_cache_miss_tokens": 4,
        },
        {**TOKEN_COUNTS, "gen_ai.usage.cache_read.input_tokens": 16},
    ),
    "cache writes": (
        {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"cache_write_tokens": 12}},
        {**TOKEN_COUNTS, "gen_ai.usage.cache_write.input_tokens": 12},
    ),
    "images in": (
        {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"image_tokens": 11}},
        {**TOKEN_COUNTS, "gen_ai.usage.image.input_tokens": 11},
    ),
}


@pytest.mark.parametrize(("usage", "counts"), USAGES.values(), ids=USAGES)
def test_details_of_the_usage(instrumented: Recording, usage: dict[str, Any], counts: dict[str, object]) -> None:
    ask({**COMPLETION, "usage": usage}, chat())
    assert counts_of(instrumented.only) == counts
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_embeddings_may_have_a_total_only(instrumented: Recording) -> None:
    ask({"object": "list", "data": [], "model": "m", "usage": {"total_tokens": 7}}, embed)
    assert counts_of(instrumented.only) == {"gen_ai.usage.input_tokens": 7}
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_the_tier_that_served_is_the_answers(instrumented: Recording) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 30}
    ask({**COMPLETION, "usage": usage, "service_tier": "priority"}, chat(service_tier="auto"))
    assert instrumented.attributes["openai.response.service_tier"] == "priority"


def test_tools_of_the_provider_are_counted_by_their_calls(instrumented: Recording) -> None:
    output = [
        {"type": "web_search_call", "id": "1", "status": "completed", "action": {"type": "search", "query": "a"}},
        {"type": "web_search_call", "id": "2", "status": "completed", "action": {"type": "open_page", "url": "b"}},
        {"type": "web_search_call", "id": "3", "status": "completed"},
        {"type": "file_search_call", "id": "4", "status": "completed", "queries": ["a"]},
    ]
    ask(response(output=output), respond())
    assert counts_of(instrumented.only) == {
        **TOKEN_COUNTS,
        "spanledger.usage.web_search": 2,
        "spanledger.usage.file_search": 1,
    }


@pytest.mark.parametrize(
    ("document", "asking"),
    [
        (COMPLETION, chat(web_search_options={"search_context_size": "high"})),
        (response(), respond(tools=[{"type": "web_search", "search_context_size": "high"}])),
    ],
)
def test_how_much_a_search_brings_is_on_the_span(
    instrumented: Recording, document: dict[str, Any], asking: Ask
) -> None:
    ask(document, asking)
    assert instrumented.attributes["spanledger.search_context_size"] == "high"


def test_a_compaction_is_a_call(instrumented: Recording) -> None:
    ask(
        response(object="response.compaction"),
        lambda client: client.responses.compact(model="gpt-5", input="Where is my parcel?"),
    )
    assert counts_of(instrumented.only) == TOKEN_COUNTS
    assert instrumented.attributes["gen_ai.operation.name"] == "chat"


def test_variations_of_an_image_are_counted(instrumented: Recording) -> None:
    document = {"created": 1, "data": [{"url": "https://example.org/1.png"}] * 2}
    ask(document, lambda client: client.images.create_variation(image=PICTURE, n=2))
    assert counts_of(instrumented.only) == {"spanledger.usage.image": 2}
    assert instrumented.attributes["gen_ai.operation.name"] == "image_generation"


def test_a_background_response_that_is_cancelled_tells_what_it_took(instrumented: Recording) -> None:
    document = response(status="cancelled", background=True)
    with serving(answer(document)) as server:
        client = openai_client(server.url)
        for _ in range(2):
            client.responses.cancel("resp_1")
    assert counts_of(instrumented.only) == TOKEN_COUNTS
    assert attributes_of(instrumented.only)["gen_ai.response.id"] == document["id"]
