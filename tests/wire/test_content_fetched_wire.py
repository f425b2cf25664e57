"""What was answered, where the answer is fetched after the call: what was asked is not in it, and is not kept again."""

from typing import Any
from uuid import uuid4

import anthropic
import openai
import pytest
from wire_content import Events, Said, capturing, events, on_spans, said_in, said_on, text
from wire_openai import openai_client
from wire_recording import Recording
from wire_scripted import Script, answer, named_events, serving

from spanledger import semconv
from spanledger._guard import troubles

__all__ = ["events", "on_spans"]

USAGE = {"input_tokens": 20, "output_tokens": 30, "total_tokens": 50}
SAID = [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]


def response(name: str, status: str, **more: object) -> dict[str, Any]:
    """A background response, which says what it was told, but not what it was asked."""
    part: Said = {"type": "output_text", "text": "In Ghent.", "annotations": []}
    message: Said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    ended: Said = {"output": [message], "usage": USAGE} if status == "completed" else {"output": [], "usage": None}
    head = {"id": name, "object": "response", "created_at": 1_780_000_000, "model": "m", "background": True}
    return {**head, "status": status, "instructions": "Be brief.", **ended, **more}


def batch_of(name: str) -> tuple[Script, Script]:
    """A message batch that has ended, and its one result."""
    path = "/v1/messages/batches/msgbatch_1/results"
    found = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "results_url": path}
    message = {
        "id": name,
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "In Ghent."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 7},
    }
    line = answer({"custom_id": "c", "result": {"type": "succeeded", "message": message}}).body
    return answer(found), Script(line + b"\n", "application/x-jsonl")


def results(url: str) -> list[Any]:
    http = anthropic.DefaultHttpxClient(verify=False)
    client = anthropic.Anthropic(base_url=url, api_key="k", http_client=http)
    return list(client.messages.batches.results("msgbatch_1"))


def retrieved(client: openai.OpenAI, *, streamed: bool) -> object:
    if not streamed:
        return client.responses.retrieve("resp_1")
    any_client: Any = client
    return list(any_client.responses.retrieve("resp_1", stream=True))


@pytest.mark.parametrize("streamed", [False, True])
def test_a_background_response_has_its_answer(on_spans: Recording, streamed: bool) -> None:
    whole = response(f"resp_{uuid4().hex}", "completed")
    last = {"type": "response.completed", "response": whole, "sequence_number": 5}
    with serving(named_events(last) if streamed else answer(whole)) as server:
        for _ in range(2):
            retrieved(openai_client(server.url), streamed=streamed)
    assert said_on(on_spans) == {semconv.OUTPUT_MESSAGES: SAID}


def test_question_and_answer_are_on_the_two_spans_of_the_response(on_spans: Recording) -> None:
    name = f"resp_{uuid4().hex}"
    with serving(answer(response(name, "queued")), answer(response(name, "completed"))) as server:
        client = openai_client(server.url)
        client.responses.create(model="m", input="Where is my parcel?", background=True)
        client.responses.retrieve(name)
    made, fetched = ({**(span.attributes or {})} for span in on_spans.spans)
    assert made["gen_ai.response.id"] == fetched["gen_ai.response.id"] == name
    assert semconv.INPUT_MESSAGES in made
    assert semconv.OUTPUT_MESSAGES not in made
    assert semconv.OUTPUT_MESSAGES in fetched
    assert semconv.INPUT_MESSAGES not in fetched


def test_results_of_a_message_batch_have_their_answers(on_spans: Recording) -> None:
    with serving(*batch_of(f"msg_{uuid4().hex}")) as server:
        assert len(results(server.url)) == 1
    assert said_on(on_spans) == {semconv.OUTPUT_MESSAGES: SAID}


def test_in_an_event_of_the_calls_own_span(
    recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"msg_{uuid4().hex}"
    with capturing("EVENT_ONLY", monkeypatch), serving(*batch_of(name)) as server:
        results(server.url)
    assert said_on(recording) == {}
    assert said_in(events.only) == {semconv.OUTPUT_MESSAGES: SAID}
    assert events.only.span_id == recording.only.get_span_context().span_id  # pyright: ignore[reportOptionalMemberAccess]
    assert events.only.attributes["gen_ai.response.id"] == name
    assert events.only.attributes["spanledger.processing"] == "batch"


def test_by_default_nothing_is_kept(recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    with capturing(None, monkeypatch), serving(*batch_of(f"msg_{uuid4().hex}")) as server:
        results(server.url)
    assert said_on(recording) == {}
    assert events.records == []


def test_an_odd_answer_does_not_harm(on_spans: Recording) -> None:
    before = dict(troubles())
    whole = response(f"resp_{uuid4().hex}", "completed", output=[{"type": None}, {"type": 3, "content": 4}])
    with serving(answer(whole)) as server:
        openai_client(server.url).responses.with_raw_response.retrieve("resp_1")
    assert on_spans.attributes["spanledger.usage_status"] == "metered"
    assert dict(troubles()) == before
