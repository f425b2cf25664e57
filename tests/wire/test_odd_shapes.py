"""Answers that no well-behaved provider sends: the application sees what the bare SDK gives it, and one span ends."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import anthropic
import openai
import pytest
from wire_contract import shape, without_instrumentation
from wire_recording import Recording
from wire_scripted import EVENTS, Script, answer, chat_events, named_events, serving

from spanledger._guard import troubles

Chunk = Mapping[str, object]

EMPTY: Chunk = {}
IDENTITY: Chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}
USAGE: Chunk = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def delta(content: object = "word", **more: object) -> Chunk:
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": None, **more}
    return {**IDENTITY, "choices": [choice]}


LAST: Chunk = {**IDENTITY, "choices": [{"index": 0, "delta": EMPTY, "finish_reason": "stop"}]}
WITH_USAGE: Chunk = {**IDENTITY, "choices": [], "usage": USAGE}

ODD_CHUNKS: Mapping[str, Chunk] = {
    "choices null": {**IDENTITY, "choices": None},
    "no choices": IDENTITY,
    "choices not a list": {**IDENTITY, "choices": {"0": "text"}},
    "nothing at all": EMPTY,
    "delta null": {**IDENTITY, "choices": [{"index": 0, "delta": None, "finish_reason": None}]},
    "no delta": {**IDENTITY, "choices": [{"index": 0}]},
    "content a list": delta([{"type": "text", "text": "word"}]),
    "content a number": delta(7),
    "tool call without index": delta(None, delta={"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
    "tool call null": delta(None, delta={"tool_calls": [None]}),
    "choice null": {**IDENTITY, "choices": [None]},
    "finish reason a number": {**IDENTITY, "choices": [{"index": 0, "delta": EMPTY, "finish_reason": 3}]},
    "id a number": {**delta(), "id": 17, "model": 4},
    "usage an empty object": {**delta(), "usage": EMPTY},
    "usage a text": {**delta(), "usage": "many"},
    "usage with nulls": {**delta(), "usage": {"prompt_tokens": None, "completion_tokens_details": None}},
}


def ask_openai(url: str, **arguments: object) -> list[object]:
    """What the application sees: the shapes of the items, and the error if one comes."""
    http = openai.DefaultHttpxClient(verify=False)
    client: Any = openai.OpenAI(base_url=url, api_key="key-of-a-test", max_retries=0, http_client=http)
    return seen(client.chat.completions.create, model="gpt-4o", messages=[], **arguments)


def ask_anthropic(url: str, **arguments: object) -> list[object]:
    http = anthropic.DefaultHttpxClient(verify=False)
    client: Any = anthropic.Anthropic(base_url=url, api_key="key-of-a-test", max_retries=0, http_client=http)
    return seen(client.messages.create, model="claude-sonnet-5", max_tokens=9, messages=[], **arguments)


def seen(method: Any, **arguments: object) -> list[object]:  # noqa: ANN401
    items: list[object] = []
    try:
        result = method(**arguments)
        if "stream" not in arguments:
            return [shape(result)]
        items += (shape(item) for item in result)
    except Exception as error:  # noqa: BLE001  # compared with what the bare SDK raises
        items.append((type(error), str(error)))
    return items


@pytest.fixture(autouse=True)
def no_trouble() -> Generator[None]:
    """None of our own exceptions may have had to be swallowed."""
    before = troubles()
    yield
    assert troubles() == before


@pytest.mark.parametrize("name", ODD_CHUNKS)
def test_an_odd_chunk_changes_nothing_and_usage_still_counts(instrumented: Recording, name: str) -> None:
    with serving(chat_events(delta(), ODD_CHUNKS[name], delta(), LAST, WITH_USAGE)) as server:
        observed = ask_openai(server.url, stream=True)
        with without_instrumentation():
            assert observed == ask_openai(server.url, stream=True)
    assert instrumented.attributes["gen_ai.usage.input_tokens"] == 10
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 5
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


@pytest.mark.parametrize("name", ODD_CHUNKS)
def test_an_odd_whole_answer_changes_nothing(instrumented: Recording, name: str) -> None:
    with serving(answer(ODD_CHUNKS[name])) as server:
        observed = ask_openai(server.url)
        with without_instrumentation():
            assert observed == ask_openai(server.url)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
    assert instrumented.attributes["spanledger.usage_evidence"] == "response without usage"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param({"prompt_tokens": "10", "completion_tokens": "5"}, (10, 5), id="text"),
        pytest.param({"prompt_tokens": 10.0, "completion_tokens": 5.0}, (10, 5), id="floats"),
        pytest.param({"prompt_tokens": 10, "completion_tokens": -5}, (10, None), id="negative"),
        pytest.param({"prompt_tokens": True, "completion_tokens": 5}, (None, 5), id="boolean"),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5.5}, (10, None), id="fraction"),
        pytest.param({"prompt_tokens": 10, "total_tokens": 10}, (10, 0), id="output of nothing left out"),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22}, (10, 12), id="hidden thoughts"),
    ],
)
def test_numbers_are_read_as_what_they_are(
    instrumented: Recording, usage: Chunk, expected: tuple[int | None, int | None]
) -> None:
    with serving(answer({**IDENTITY, "object": "chat.completion", "choices": [], "usage": usage})) as server:
        ask_openai(server.url)
    attributes = instrumented.attributes
    found = (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens"))
    assert found == expected
    assert attributes["spanledger.usage_status"] == ("unmetered" if None in expected else "metered")


def test_usage_in_every_chunk_is_cumulative_and_a_broken_stream_makes_it_an_estimate(instrumented: Recording) -> None:
    growing = [{**delta(), "usage": {"prompt_tokens": 10, "completion_tokens": count}} for count in (1, 2, 3)]
    with serving(chat_events(*growing, cut=True)) as server:
        ask_openai(server.url, stream=True)
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 3
    assert instrumented.attributes["spanledger.usage_status"] == "estimated"
    assert "chunks=3 characters=12" in str(instrumented.attributes["spanledger.usage_evidence"])


def test_usage_next_to_the_choices_of_the_last_chunk_counts(instrumented: Recording) -> None:
    with serving(chat_events(delta(), {**LAST, "usage": USAGE})) as server:
        ask_openai(server.url, stream=True)
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 5
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", "text/plain"])
def test_a_raw_stream_that_the_sdk_parses_counts_whatever_it_calls_itself(
    instrumented: Recording, content_type: str
) -> None:
    """The SDK closes at the last event what it did not read to its end, and some say no reason why they finish."""
    events = chat_events(delta(), {**delta(), "choices": [], "usage": USAGE})
    with serving(Script(events.body, content_type)) as server:
        http = openai.DefaultHttpxClient(verify=False)
        client: Any = openai.OpenAI(base_url=server.url, api_key="key-of-a-test", max_retries=0, http_client=http)
        response = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[], stream=True)
        assert len(list(response.parse())) == 2
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 5
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_groq_sends_usage_under_a_name_of_its_own(instrumented: Recording) -> None:
    with serving(chat_events(delta(), {**LAST, "x_groq": {"id": "req_1", "usage": USAGE}})) as server:
        ask_openai(server.url, stream=True)
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 5


def test_the_providers_own_price_is_kept_exactly(instrumented: Recording) -> None:
    usage = {**USAGE, "cost": 1.3e-05}
    with serving(answer({**IDENTITY, "choices": [], "usage": usage})) as server:
        ask_openai(server.url)
    assert instrumented.attributes["spanledger.reported_cost_usd"] == "0.000013"


def test_an_error_within_a_stream_is_an_error_of_the_call(instrumented: Recording) -> None:
    with serving(chat_events(delta(), {"error": {"message": "Overloaded", "type": "server_error"}})) as server:
        observed = ask_openai(server.url, stream=True)
        with without_instrumentation():
            assert observed == ask_openai(server.url, stream=True)
    assert instrumented.attributes["error.type"] == "openai.APIError"
    assert instrumented.only.status.status_code.name == "ERROR"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(b"", EVENTS), id="empty stream"),
        pytest.param(Script(b"data: {not json\n\n", EVENTS), id="event that is no JSON"),
        pytest.param(
            Script(b"data: [1, 2]\n\ndata: null\n\ndata: [DONE]\n\n", EVENTS), id="events that are no objects"
        ),
        pytest.param(Script(b"<html>busy</html>", "text/html"), id="a page instead of events"),
    ],
)
def test_a_broken_stream_changes_nothing(instrumented: Recording, script: Script) -> None:
    with serving(script) as server:
        observed = ask_openai(server.url, stream=True)
        with without_instrumentation():
            assert observed == ask_openai(server.url, stream=True)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b'"text"', b"not json"])
def test_a_broken_answer_changes_nothing(instrumented: Recording, body: bytes) -> None:
    with serving(Script(body)) as server:
        observed = ask_openai(server.url)
        with without_instrumentation():
            assert observed == ask_openai(server.url)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


MESSAGE: Chunk = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [],
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1},
}
START: Chunk = {"type": "message_start", "message": MESSAGE}
TEXT: Chunk = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word"}}
STOP: Chunk = {"type": "message_stop"}


def message_delta(**usage: object) -> Chunk:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param({"output_tokens": 7}, (110, 7), id="output only"),
        pytest.param({"output_tokens": 7, "input_tokens": None}, (110, 7), id="null says nothing"),
        pytest.param({"output_tokens": 7, "input_tokens": 25}, (125, 7), id="cumulative input wins"),
        pytest.param({"output_tokens": 7, "input_tokens": 0}, (100, 7), id="zero is a count"),
        pytest.param({"output_tokens": 7, "cache_creation_input_tokens": 40}, (150, 7), id="written later"),
        pytest.param({"output_tokens": "7"}, (110, 7), id="text"),
    ],
)
@pytest.mark.parametrize("native", [True, False], ids=["adopted", "own"])
def test_message_delta_wins_for_every_field_that_it_gives(
    instrumented: Recording,
    monkeypatch: pytest.MonkeyPatch,
    native: bool,
    usage: Chunk,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(native).lower())
    with serving(named_events(START, TEXT, message_delta(**usage), STOP)) as server:
        ask_anthropic(server.url, stream=True)
    attributes = instrumented.attributes
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == expected
    assert attributes["spanledger.usage_status"] == "metered"


ODD_EVENTS: Mapping[str, Sequence[Chunk]] = {
    "no message": [{"type": "message_start"}, TEXT, message_delta(output_tokens=7), STOP],
    "usage null": [{"type": "message_start", "message": {"id": "msg_1", "usage": None}}, message_delta(), STOP],
    "delta null": [
        START,
        {"type": "content_block_delta", "delta": None},
        {"type": "message_delta", "delta": None},
        STOP,
    ],
    "unknown event": [START, {"type": "something_new", "value": [1]}, STOP],
    "cut": [START, TEXT],
}


@pytest.mark.parametrize("name", ODD_EVENTS)
@pytest.mark.parametrize("native", [True, False], ids=["adopted", "own"])
def test_odd_events_change_nothing(
    instrumented: Recording, monkeypatch: pytest.MonkeyPatch, native: bool, name: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(native).lower())
    with serving(named_events(*ODD_EVENTS[name], cut=name == "cut")) as server:
        observed = ask_anthropic(server.url, stream=True)
        assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
        with without_instrumentation():
            assert observed == ask_anthropic(server.url, stream=True)


@pytest.mark.parametrize("native", [True, False], ids=["adopted", "own"])
def test_iterations_that_are_billed_besides_are_said(
    instrumented: Recording, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(native).lower())
    iterations = [
        {"type": "compaction", "input_tokens": 300, "cache_read_input_tokens": 20, "output_tokens": 40},
        {"type": "message", "input_tokens": 10, "output_tokens": 7},
        {"type": "advisor_message", "model": "claude-opus-4-5", "input_tokens": 50, "output_tokens": 5},
        {"type": "compaction", "input_tokens": 1, "output_tokens": 2},
        None,
    ]
    usage = {"input_tokens": 10, "output_tokens": 7, "iterations": iterations}
    with serving(answer({**MESSAGE, "usage": usage})) as server:
        http = anthropic.DefaultHttpxClient(verify=False)
        client = anthropic.Anthropic(base_url=server.url, api_key="key-of-a-test", http_client=http)
        client.beta.messages.create(model="claude-sonnet-5", max_tokens=9, messages=[])
    attributes = instrumented.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["anthropic.usage.compaction.input_tokens"] == 321
    assert attributes["anthropic.usage.compaction.output_tokens"] == 42
    assert attributes["spanledger.usage.advisor_input"] == 50
    assert attributes["spanledger.usage.advisor_output"] == 5
    assert "advisor_input=50" in str(attributes["spanledger.usage_evidence"])
    assert attributes["spanledger.usage_status"] == "metered"


@pytest.mark.parametrize("native", [True, False], ids=["adopted", "own"])
def test_conditions_of_the_price_are_kept(
    instrumented: Recording, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(native).lower())
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 9, "ephemeral_1h_input_tokens": 21},
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 3},
        "service_tier": "priority",
        "speed": "fast",
        "inference_geo": "us",
    }
    with serving(answer({**MESSAGE, "usage": usage})) as server:
        ask_anthropic(server.url)
    assert {
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.cache_write.input_tokens": 30,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 9,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 21,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "spanledger.usage.web_search": 2,
        "spanledger.usage.web_fetch": 3,
        "anthropic.response.service_tier": "priority",
        "spanledger.speed": "fast",
        "spanledger.inference_geo": "us",
    }.items() <= instrumented.attributes.items()
