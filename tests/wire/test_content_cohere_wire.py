"""Prompts and completions of Cohere's SDK, in both versions of the API."""

import json
from typing import Any

import cohere
from wire_content import ANSWERED, ContentContract, Said, Served, call, events, text
from wire_content_chat import CALL_18, MESSAGES, SHORT_ANSWERED, SHORT_ASKED, TOOLS
from wire_scripted import Script, answer, named_events

from spanledger import semconv

__all__ = ["events"]


class TestCohere(ContentContract):
    """Version 2 of the API. What a model plans to do with its tools is a thought."""

    def script(self, served: Served) -> Script:
        usage = {"tokens": {"input_tokens": 10, "output_tokens": 5}}
        said = {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [CALL_18]}
        if served == "whole":
            return answer({"id": "answer-1", "message": said, "finish_reason": "TOOL_CALL", "usage": usage})

        def delta(kind: str, message: object, index: int = 0) -> dict[str, Any]:
            return {"type": kind, "index": index, "delta": {"message": message}}

        begun = {**CALL_18, "function": {"name": "track", "arguments": ""}}
        kinds = [
            {"type": "message-start", "id": "answer-1", "delta": {"message": {"role": "assistant"}}},
            delta("tool-plan-delta", {"tool_plan": "I will "}),
            delta("tool-plan-delta", {"tool_plan": "look."}),
            delta("tool-call-start", {"tool_calls": begun}),
            delta("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"number": '}}}),
            delta("tool-call-delta", {"tool_calls": {"function": {"arguments": "18}"}}}),
            {"type": "tool-call-end", "index": 0},
        ]
        if served == "streamed":
            kinds.append({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": usage}})
        return named_events(*kinds, cut=served == "cut")

    def ask(self, url: str) -> object:
        return cohere.ClientV2("k", base_url=url).chat(model="m", messages=MESSAGES, tools=TOOLS)

    def ask_stream(self, url: str) -> object:
        return list(cohere.ClientV2("k", base_url=url).chat_stream(model="m", messages=MESSAGES, tools=TOOLS))

    def answered(self) -> list[Said]:
        return [{**ANSWERED, "parts": [{"type": "reasoning", "content": "I will look."}, call(18)]}]


class TestCohereText(TestCohere):
    """The same with a text, in two blocks of content."""

    def script(self, served: Served) -> Script:
        blocks = [("thinking", "Where?"), ("text", "In Ghent.")]
        if served == "whole":
            said = {"role": "assistant", "content": [{"type": kind, kind: piece} for kind, piece in blocks]}
            return answer({"id": "answer-1", "message": said, "finish_reason": "COMPLETE"})
        kinds: list[dict[str, Any]] = [{"type": "message-start", "id": "answer-1"}]
        for index, (kind, piece) in enumerate(blocks):
            starts = {"message": {"content": {"type": kind, kind: piece[:2]}}}
            goes_on = {"message": {"content": {kind: piece[2:]}}}
            kinds.append({"type": "content-start", "index": index, "delta": starts})
            kinds.append({"type": "content-delta", "index": index, "delta": goes_on})
        if served == "streamed":
            kinds.append({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})
        return named_events(*kinds, cut=served == "cut")

    def answered(self) -> list[Said]:
        parts = [{"type": "reasoning", "content": "Where?"}, text("In Ghent.")]
        return [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]


class TestCohereVersion1(ContentContract):
    def script(self, served: Served) -> Script:
        whole = {"response_id": "r", "generation_id": "g", "text": "In Ghent.", "finish_reason": "COMPLETE"}
        if served == "whole":
            return answer(whole)
        lines: list[Said] = [{"event_type": "stream-start", "generation_id": "g", "is_finished": False}]
        lines += [{"event_type": "text-generation", "text": piece, "is_finished": False} for piece in ("In ", "Ghent.")]
        if served == "streamed":
            last = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": whole}
            lines.append(last)
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return Script(body.encode(), "application/stream+json", cut=served == "cut")

    def arguments(self) -> Any:  # noqa: ANN401
        history = [{"role": "USER", "message": "Hello."}, {"role": "CHATBOT", "message": "Hello!"}]
        return {"message": "Where is my parcel?", "preamble": "Be brief.", "chat_history": history, "model": "m"}

    def ask(self, url: str) -> object:
        return cohere.Client("k", base_url=url).chat(**self.arguments())

    def ask_stream(self, url: str) -> object:
        return list(cohere.Client("k", base_url=url).chat_stream(**self.arguments()))

    def asked(self) -> Said:
        history = [{"role": "user", "parts": [text("Hello.")]}, {"role": "assistant", "parts": [text("Hello!")]}]
        return {semconv.INPUT_MESSAGES: [*history, *SHORT_ASKED], semconv.SYSTEM_INSTRUCTIONS: [text("Be brief.")]}

    def answered(self) -> list[Said]:
        return SHORT_ANSWERED
