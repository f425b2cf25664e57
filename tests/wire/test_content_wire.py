"""Prompts and completions of OpenAI's and Anthropic's SDKs, real, against a scripted server."""

from typing import Any, cast

import anthropic
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
from wire_content_chat import HEAD, MODEL, TRACK, USAGE, OpenAIFormat
from wire_openai import openai_client
from wire_scripted import Script, answer, chat_events, named_events

from spanledger import semconv

__all__ = ["events"]


class TestOpenAIChat(OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return openai_client(url).chat.completions.create


class TestOpenAICompletion(ContentContract):
    """The legacy endpoint."""

    def script(self, served: Served) -> Script:
        def part(said: str, reason: str | None) -> dict[str, Any]:
            choice = {"index": 0, "text": said, "finish_reason": reason, "logprobs": None}
            return {**HEAD, "object": "text_completion", "choices": [choice]}

        if served == "whole":
            return answer({**part("In Ghent.", "length"), "usage": USAGE})
        if served == "cut":
            return chat_events(part("In ", None), part("Ghent.", None), cut=True)
        return chat_events(part("In ", None), part("Ghent.", None), part("", "length"))

    def ask(self, url: str) -> object:
        return openai_client(url).completions.create(model="m", prompt="Where is it?")

    def ask_stream(self, url: str) -> object:
        return list(openai_client(url).completions.create(model="m", prompt="Where is it?", stream=True))

    def asked(self) -> Said:
        return {semconv.INPUT_MESSAGES: [{"role": "user", "parts": [text("Where is it?")]}]}

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("In Ghent.")], "finish_reason": "length"}]


CALL_ITEM: Any = {"type": "function_call", "call_id": "call_18", "name": "track", "arguments": '{"number": 18}'}


RESPONSES: Any = {
    "model": "m",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "strict": None, **TRACK}, {"type": "web_search"}],
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Where is my parcel?"},
                {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{IMAGE}"},
            ],
        },
        {"type": "function_call", "call_id": "call_17", "name": "track", "arguments": '{"number": 17}'},
        {"type": "function_call_output", "call_id": "call_17", "output": "In Ghent."},
    ],
}


class TestOpenAIResponses(ContentContract):
    def response(self, status: str, output: list[Any]) -> dict[str, Any]:
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        head = {"id": "answer-1", "object": "response", "created_at": 1, "model": MODEL, "status": status}
        settings: Said = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        return {**head, **settings, "output": output, "usage": usage}

    def script(self, served: Served) -> Script:
        part: Said = {"type": "output_text", "text": "Let me look.", "annotations": []}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Where?"}]}
        output = [thought, message, {**CALL_ITEM, "status": "completed"}]
        if served == "whole":
            return answer(self.response("completed", output))
        kinds: list[dict[str, Any]] = [{"type": "response.created", "response": self.response("in_progress", [])}]
        begun = {**CALL_ITEM, "arguments": "", "status": "in_progress"}
        kinds += [
            {"type": "response.output_item.done", "output_index": 0, "item": thought},
            {"type": "response.output_item.added", "output_index": 1, "item": {**message, "content": []}},
            {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Let me look."},
            {"type": "response.output_item.done", "output_index": 1, "item": message},
            {"type": "response.output_item.added", "output_index": 2, "item": begun},
            {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"number": 18}'},
        ]
        if served == "streamed":
            kinds.append({"type": "response.completed", "response": self.response("completed", output)})
        shared: Said = {"item_id": "x", "logprobs": []}
        numbered = [{"sequence_number": number, **shared, **event} for number, event in enumerate(kinds)]
        return named_events(*numbered, cut=served == "cut")

    def ask(self, url: str) -> object:
        return cast("object", openai_client(url).responses.create(**RESPONSES))

    def ask_stream(self, url: str) -> object:
        return list(openai_client(url).responses.create(**RESPONSES, stream=True))

    def asked(self) -> Said:
        return {
            semconv.INPUT_MESSAGES: [ASKED, CALLED, FOUND],
            semconv.SYSTEM_INSTRUCTIONS: [BRIEF],
            semconv.TOOL_DEFINITIONS: [TOOL, {"type": "web_search", "name": "web_search"}],
        }

    def answered(self) -> list[Said]:
        thought = {"type": "reasoning", "content": "Where?"}
        return [{**ANSWERED, "parts": [thought, *ANSWERED["parts"]]}]


CLAUDE: Any = {
    "model": "m",
    "max_tokens": 50,
    "system": [{"type": "text", "text": "Be brief."}],
    "tools": [
        {"name": "track", "description": "Finds parcels.", "input_schema": PARAMETERS},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is my parcel?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "call_17", "name": "track", "input": {"number": 17}}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_17",
                    "content": [{"type": "text", "text": "In Ghent."}],
                }
            ],
        },
    ],
}


class TestAnthropic(ContentContract):
    def script(self, served: Served) -> Script:
        head = {"id": "answer-1", "type": "message", "role": "assistant", "model": MODEL, "stop_sequence": None}
        use = {"type": "tool_use", "id": "call_18", "name": "track"}
        thought = {"type": "thinking", "thinking": "Where?", "signature": "s"}
        if served == "whole":
            content = [thought, {"type": "text", "text": "Let me look."}, {**use, "input": {"number": 18}}]
            usage = {"input_tokens": 10, "output_tokens": 5}
            return answer({**head, "content": content, "stop_reason": "tool_use", "usage": usage})
        usage = {"input_tokens": 10, "output_tokens": 1}
        blocks: list[tuple[Said, list[tuple[str, str, str]]]] = [
            ({**thought, "thinking": "", "signature": ""}, [("thinking_delta", "thinking", "Where?")]),
            ({"type": "text", "text": ""}, [("text_delta", "text", "Let me "), ("text_delta", "text", "look.")]),
            (
                {**use, "input": {}},
                [
                    ("input_json_delta", "partial_json", '{"number"'),
                    ("input_json_delta", "partial_json", ": 18}"),
                ],
            ),
        ]
        start: Said = {**head, "content": [], "stop_reason": None, "usage": usage}
        kinds: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for index, (block, deltas) in enumerate(blocks):
            kinds.append({"type": "content_block_start", "index": index, "content_block": block})
            kinds += [
                {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}}
                for kind, field, piece in deltas
            ]
            kinds.append({"type": "content_block_stop", "index": index})
        if served == "streamed":
            delta = {"stop_reason": "tool_use", "stop_sequence": None}
            kinds.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
            kinds.append({"type": "message_stop"})
        return named_events(*kinds, cut=served == "cut")

    def client(self, url: str) -> anthropic.Anthropic:
        http = anthropic.DefaultHttpxClient(verify=False)
        return anthropic.Anthropic(base_url=url, api_key="k", http_client=http, max_retries=0)

    def ask(self, url: str) -> object:
        return cast("object", self.client(url).messages.create(**CLAUDE))

    def ask_stream(self, url: str) -> object:
        with self.client(url).messages.stream(**CLAUDE) as stream:
            return list(stream)

    def asked(self) -> Said:
        return {
            semconv.INPUT_MESSAGES: [ASKED, CALLED, {**FOUND, "role": "user"}],
            semconv.SYSTEM_INSTRUCTIONS: [BRIEF],
            semconv.TOOL_DEFINITIONS: [TOOL, {"type": "web_search_20250305", "name": "web_search"}],
        }

    def answered(self) -> list[Said]:
        return [{**ANSWERED, "parts": [{"type": "reasoning", "content": "Where?"}, *ANSWERED["parts"]]}]
