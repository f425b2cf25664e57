"""What Gemini answers later, in batches and interactions: its usage is counted when it is fetched, once."""

import asyncio
import importlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from wire_content import on_spans, said_on, text
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, named_events, serving
from wire_sdk_contract import counts_of

from spanledger import semconv
from spanledger._guard import troubles

__all__ = ["on_spans"]

genai: Any = importlib.import_module("google.genai")  # its name space is shared with stubs that do not know it

with_interactions = pytest.mark.skipif(
    not hasattr(genai.Client, "interactions"), reason="this version of the SDK does not know them"
)

CREATED = "2026-05-13T19:57:40Z"
CREATED_NS = 1_778_702_260 * 10**9
COUNTS = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 30 + 4}
"""Gemini counts thoughts beside the output."""


def new_id() -> str:
    """What this process has not counted yet."""
    return f"interaction-{uuid4().hex}"


def interaction(name: str, status: str = "completed") -> dict[str, Any]:
    said: Any = {"type": "model_output", "content": [{"type": "text", "text": "In Ghent."}]}
    usage = {"total_input_tokens": 20, "total_output_tokens": 30, "total_thought_tokens": 4, "total_tokens": 54}
    known = {"id": name, "model": "m-001", "object": "interaction", "created": CREATED, "updated": CREATED}
    ended: Any = {"steps": [said], "usage": usage} if status == "completed" else {}
    return {**known, "status": status, **ended}


def counted(recording: Recording) -> list[Mapping[str, object]]:
    """The attributes of the spans that have usage."""
    return [attributes_of(span) for span in recording.spans if counts_of(span)]


def client_of(url: str) -> Any:  # noqa: ANN401
    return genai.Client(api_key="k", http_options={"base_url": url})


@with_interactions
def test_it_is_counted_once_however_often_it_is_polled(instrumented: Recording) -> None:
    name = new_id()
    statuses = ("in_progress", "in_progress", "completed")
    with serving(*(answer(interaction(name, status)) for status in statuses)) as server:
        client = client_of(server.url)
        client.interactions.create(model="m", input="Where is my parcel?", background=True)
        for _ in range(4):
            client.interactions.get(id=name)
    made, fetched = instrumented.spans
    assert attributes_of(made)["spanledger.usage_status"] == "unmetered"
    assert "background" in str(attributes_of(made)["spanledger.usage_evidence"])
    assert attributes_of(made)["gen_ai.response.id"] == attributes_of(fetched)["gen_ai.response.id"] == name
    assert counts_of(fetched) == {**COUNTS, "gen_ai.usage.reasoning.output_tokens": 4}
    assert attributes_of(fetched)["spanledger.usage_status"] == "metered"
    assert attributes_of(fetched)["gen_ai.operation.name"] == "generate_content"
    assert attributes_of(fetched)["gen_ai.provider.name"] == "gcp.gemini"
    assert fetched.start_time == CREATED_NS


@with_interactions
async def test_asynchronously(instrumented: Recording) -> None:
    name = new_id()
    with serving(answer(interaction(name, "in_progress")), answer(interaction(name))) as server:
        client = client_of(server.url)
        await client.aio.interactions.create(model="m", input="Where is my parcel?", background=True)
        await client.aio.interactions.get(id=name)
    assert len(counted(instrumented)) == 1


@with_interactions
def test_one_that_was_answered_at_once_is_not_counted_again(instrumented: Recording) -> None:
    name = new_id()
    with serving(answer(interaction(name))) as server:
        client = client_of(server.url)
        client.interactions.create(model="m", input="Where is my parcel?")
        client.interactions.get(id=name)
    assert len(instrumented.spans) == len(counted(instrumented)) == 1


@with_interactions
def test_nor_is_one_that_was_streamed_to_its_end(instrumented: Recording) -> None:
    name = new_id()
    created = {"type": "x", "event_type": "interaction.created", "interaction": interaction(name, "in_progress")}
    done = {"type": "x", "event_type": "interaction.completed", "interaction": interaction(name)}
    with serving(named_events(created, done), answer(interaction(name))) as server:
        client = client_of(server.url)
        list(client.interactions.create(model="m", input="Where is my parcel?", stream=True))
        client.interactions.get(id=name)
    assert len(instrumented.spans) == len(counted(instrumented)) == 1
    assert "spanledger.usage_evidence" not in instrumented.attributes


@with_interactions
def test_a_stream_that_is_taken_up_again_counts(instrumented: Recording) -> None:
    name = new_id()
    done = {"type": "x", "event_type": "interaction.completed", "interaction": interaction(name)}
    with serving(answer(interaction(name, "in_progress")), named_events(done)) as server:
        client = client_of(server.url)
        client.interactions.create(model="m", input="Where is my parcel?", background=True)
        list(client.interactions.get(id=name, stream=True))
    assert len(counted(instrumented)) == 1


@with_interactions
def test_what_others_made_is_theirs_to_count(instrumented: Recording) -> None:
    before = dict(troubles())
    with serving(answer(interaction(new_id()))) as server:
        client = client_of(server.url)
        client.interactions.get(id="interaction-of-others")
    assert not instrumented.spans
    assert dict(troubles()) == before


@with_interactions
def test_its_answer_is_kept_where_that_is_wanted(on_spans: Recording) -> None:
    name = new_id()
    with serving(answer(interaction(name, "in_progress")), answer(interaction(name))) as server:
        client = client_of(server.url)
        client.interactions.create(model="m", input="Where is my parcel?", background=True)
        on_spans.clear()
        client.interactions.get(id=name)
    answered = [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "stop"}]
    assert said_on(on_spans) == {semconv.OUTPUT_MESSAGES: answered}


# Batches


def generated(name: str) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": "In Ghent."}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 20, "candidatesTokenCount": 30, "thoughtsTokenCount": 4}
    return {"responseId": name, "modelVersion": "m-001", "candidates": [candidate], "usageMetadata": usage}


def batch(*answers: dict[str, Any], state: str = "BATCH_STATE_SUCCEEDED") -> dict[str, Any]:
    inlined = {"inlinedResponses": {"inlinedResponses": list(answers)}}
    return {"name": "batches/1", "metadata": {"model": "models/m", "state": state, "output": inlined}}


def test_each_answer_of_a_batch_is_a_call(on_spans: Recording) -> None:
    names = [new_id(), new_id()]
    failed = {"error": {"code": 3, "message": "not good"}}
    ended = batch({"response": generated(names[0])}, failed, {"response": generated(names[1])})
    running = {"name": "batches/1", "metadata": {"model": "models/m", "state": "BATCH_STATE_RUNNING"}}
    with serving(answer(running), answer(ended)) as server:
        client = client_of(server.url)
        states = [client.batches.get(name="batches/1").state.name for _ in range(3)]
    assert [state.rpartition("_")[2] for state in states] == ["RUNNING", "SUCCEEDED", "SUCCEEDED"]
    assert [attributes["gen_ai.response.id"] for attributes in counted(on_spans)] == names
    for span in on_spans.spans:
        assert counts_of(span) == {**COUNTS, "gen_ai.usage.reasoning.output_tokens": 4}
        attributes = attributes_of(span)
        assert attributes["spanledger.processing"] == "batch"
        assert attributes["spanledger.usage_status"] == "metered"
        assert attributes["gen_ai.response.model"] == "m-001"
        assert semconv.OUTPUT_MESSAGES in attributes


async def test_batches_asynchronously(instrumented: Recording) -> None:
    with serving(answer(batch({"response": generated(new_id())}))) as server:
        client = client_of(server.url)
        await client.aio.batches.get(name="batches/1")
    assert len(instrumented.spans) == len(counted(instrumented)) == 1


def in_a_file(name: str, *answers: dict[str, Any]) -> tuple[Script, Script]:
    """A batch whose answers are in a file, and the file."""
    about = {"state": "BATCH_STATE_SUCCEEDED", "output": {"responsesFile": name}}
    ended = {"name": "batches/1", "metadata": about, "response": {"responsesFile": name}}
    lines = "".join(json.dumps({"key": str(key), **line}) + "\n" for key, line in enumerate(answers))
    return answer(ended), Script(lines.encode(), "application/jsonl")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_each_answer_in_the_file_of_a_batch_is_a_call(instrumented: Recording, asynchronous: bool) -> None:
    names, file = [new_id(), new_id()], f"files/{new_id()}"
    failed = {"error": {"code": 3, "message": "not good"}}
    batch, lines = in_a_file(file, {"response": generated(names[0])}, failed, {"response": generated(names[1])})
    with serving(batch, lines) as server:
        client = client_of(server.url)
        assert client.batches.get(name="batches/1").dest.file_name == file
        for _ in range(2):
            read = client.files.download(file=file)
            if asynchronous:
                read = asyncio.run(client_of(server.url).aio.files.download(file=file))
            assert read == lines.body
    assert [attributes["gen_ai.response.id"] for attributes in counted(instrumented)] == names
    for span in instrumented.spans:
        assert counts_of(span) == {**COUNTS, "gen_ai.usage.reasoning.output_tokens": 4}
        assert attributes_of(span)["spanledger.processing"] == "batch"


@pytest.mark.skipif(
    "destination" not in inspect.signature(genai.files.Files.download).parameters,
    reason="this version of the SDK downloads into memory only",
)
def test_answers_that_go_to_a_disk_are_unmetered(instrumented: Recording, tmp_path: Path) -> None:
    file = f"files/{new_id()}"
    batch, lines = in_a_file(file, {"response": generated(new_id())})
    with serving(batch, lines) as server:
        client = client_of(server.url)
        client.batches.get(name="batches/1")
        client.files.download(file=file, destination=str(tmp_path / "answers"))
    assert (tmp_path / "answers").read_bytes() == lines.body
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
    assert "downloaded to a disk" in str(instrumented.attributes["spanledger.usage_evidence"])


def test_other_files_are_no_answers(instrumented: Recording) -> None:
    _, lines = in_a_file("files/1", {"response": generated(new_id())})
    with serving(lines) as server:
        assert client_of(server.url).files.download(file="files/other")
    assert not instrumented.spans


def test_other_batches_are_no_calls(instrumented: Recording) -> None:
    before = dict(troubles())
    to_a_file: Any = {**batch(), "metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": {"responsesFile": "files/1"}}}
    with serving(answer(to_a_file), answer(batch({"response": None}, {"response": {"candidates": []}}))) as server:
        client = client_of(server.url)
        for _ in range(2):
            client.batches.get(name="batches/1")
    assert not instrumented.spans
    assert dict(troubles()) == before
