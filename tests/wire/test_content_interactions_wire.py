"""Prompts and completions of Gemini's interactions, which an SDK within Google's SDK serves."""

import importlib
from typing import Any

import pytest
from wire_content import (
    ANSWERED,
    ASKED,
    BRIEF,
    CALLED,
    FOUND,
    IMAGE,
    PARAMETERS,
    TOOL,
    ContentContract,
    Said,
    Served,
    events,
    text,
)
from wire_scripted import Script, answer, named_events

from spanledger import semconv
from spanledger.content.interactions import INTERACTIONS

__all__ = ["events"]

genai: Any = importlib.import_module("google.genai")  # its name space is shared with stubs that do not know it

HEAD: Said = {"id": "answer-1", "object": "interaction", "model": "m-001"}
TIMES = {"created": "2026-05-13T19:57:40Z", "updated": "2026-05-13T19:57:40Z"}
TRACK: Said = {"type": "function", "name": "track", "description": "Finds parcels.", "parameters": PARAMETERS}
QUERIES = {"queries": ["parcel"]}


@pytest.mark.skipif(not hasattr(genai.Client, "interactions"), reason="this version of the SDK does not know them")
class TestInteractions(ContentContract):
    def script(self, served: Served) -> Script:
        call: Said = {"type": "function_call", "id": "call_18", "name": "track"}
        search = {"type": "google_search_call", "id": "s", "arguments": QUERIES}
        if served == "whole":
            said: list[Said] = [
                {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Where?"}]},
                search,
                {"type": "model_output", "content": [{"type": "text", "text": "Let me look."}]},
                {**call, "arguments": {"number": 18}},
            ]
            return answer({**HEAD, **TIMES, "status": "requires_action", "steps": said})
        steps: list[Said] = [{"type": "thought"}, search, {"type": "model_output"}, {**call, "arguments": {}}]
        deltas: dict[int, list[Said]] = {
            0: [{"type": "thought_summary", "content": {"type": "text", "text": "Where?"}}],
            2: [{"type": "text", "text": "Let me "}, {"type": "text", "text": "look."}],
            3: [
                {"type": "arguments_delta", "arguments": '{"number"'},
                {"type": "arguments_delta", "arguments": ": 18}"},
            ],
        }
        kinds: list[Said] = [self.event("interaction.created", interaction={**HEAD, "status": "in_progress"})]
        for index, step in enumerate(steps):
            kinds.append(self.event("step.start", index=index, step=step))
            kinds += [self.event("step.delta", index=index, delta=delta) for delta in deltas.get(index, [])]
            kinds.append(self.event("step.stop", index=index))
        if served == "streamed":
            whole = {**HEAD, **TIMES, "status": "requires_action"}
            kinds.append(self.event("interaction.completed", interaction=whole))
        return named_events(*kinds, cut=served == "cut")

    def event(self, kind: str, **more: object) -> Said:
        return {"type": kind, "event_type": kind, **more}

    def arguments(self) -> Said:
        picture = {"type": "image", "mime_type": "image/png", "data": IMAGE}
        return {
            "model": "m",
            "system_instruction": "Be brief.",
            "tools": [TRACK, {"type": "google_search"}],
            "input": [
                {"type": "user_input", "content": [{"type": "text", "text": "Where is my parcel?"}, picture]},
                {"type": "function_call", "id": "call_17", "name": "track", "arguments": {"number": 17}},
                {"type": "function_result", "call_id": "call_17", "result": "In Ghent."},
            ],
        }

    def interactions(self, url: str) -> Any:  # noqa: ANN401
        """The client is kept, as it closes its connections when it is collected."""
        self.open_client = genai.Client(api_key="k", http_options={"base_url": url})
        return self.open_client.interactions

    def ask(self, url: str) -> object:
        return self.interactions(url).create(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(self.interactions(url).create(**self.arguments(), stream=True))

    def asked(self) -> Said:
        return {
            semconv.INPUT_MESSAGES: [ASKED, CALLED, FOUND],
            semconv.SYSTEM_INSTRUCTIONS: [BRIEF],
            semconv.TOOL_DEFINITIONS: [TOOL, {"type": "google_search", "name": "google_search"}],
        }

    def answered(self) -> list[Said]:
        looked = {"type": "google_search", "arguments": QUERIES}
        searched = {"type": "server_tool_call", "id": "s", "name": "google_search", "server_tool_call": looked}
        return [{**ANSWERED, "parts": [{"type": "reasoning", "content": "Where?"}, searched, *ANSWERED["parts"]]}]


# Forms of it that the contract does not have


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("Where?", ["user"]),
        ({"type": "text", "text": "Where?"}, ["user"]),
        ([{"type": "text", "text": "Whe"}, {"type": "text", "text": "re?"}], ["user"]),
        ([{"role": "user", "content": "Where?"}, {"role": "model", "content": [text("?")]}], ["user", "assistant"]),
        (None, []),
    ],
)
def test_what_may_be_asked(given: object, roles: list[str]) -> None:
    messages = INTERACTIONS.read_request({"input": given}).messages
    assert [message["role"] for message in messages] == roles


def test_the_first_releases_had_outputs() -> None:
    gathered = INTERACTIONS.gathering()
    for event in (
        {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
        {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "In "}},
        {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Ghent."}},
        {"event_type": "content.start", "index": 1, "content": {"type": "function_call"}},
        {
            "event_type": "content.delta",
            "index": 1,
            "delta": {"type": "function_call", "id": "c", "name": "track", "arguments": {"number": 1}},
        },
        {"event_type": "interaction.complete", "interaction": {"status": "completed"}},
    ):
        gathered.add(event)
    called = {"type": "tool_call", "id": "c", "name": "track", "arguments": {"number": 1}}
    expected = {"role": "assistant", "parts": [text("In Ghent."), called], "finish_reason": "tool_call"}
    assert INTERACTIONS.read_answer(gathered.answer()) == [expected]
    whole = {"status": "completed", "outputs": [text("?"), {"type": "text", "text": "In Ghent."}]}
    assert INTERACTIONS.read_answer(whole)[0]["finish_reason"] == "stop"


def test_what_an_interaction_repeats_of_its_input_is_not_its_answer() -> None:
    given = {"type": "user_input", "content": [{"type": "text", "text": "Where?"}]}
    said = {"type": "model_output", "content": [{"type": "text", "text": "In Ghent."}]}
    [message] = INTERACTIONS.read_answer({"status": "completed", "steps": [given, said]})
    assert message["parts"] == [text("In Ghent.")]


def test_images_that_come_in_a_stream() -> None:
    gathered = INTERACTIONS.gathering()
    picture = {"type": "image", "mime_type": "image/png", "data": IMAGE}
    gathered.add({"event_type": "step.start", "index": 0, "step": {"type": "model_output"}})
    gathered.add({"event_type": "step.delta", "index": 0, "delta": picture})
    [message] = INTERACTIONS.read_answer(gathered.answer())
    assert message["parts"] == [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": IMAGE}]
    assert "finish_reason" not in message
