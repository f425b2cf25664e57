"""Prompts and completions of the SDKs over HTTP, real, against a scripted server."""

import json
from typing import Any, cast

import anthropic
import cohere
import groq
import httpx
import ollama
import together
from mistralai.client import Mistral
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
    call,
    events,
    image,
    text,
)
from wire_openai import openai_client
from wire_scripted import Script, answer, chat_events, named_events

from spanledger import semconv

__all__ = ["events"]

MODEL = "model-of-a-test-001"
TRACK = {"name": "track", "description": "Finds parcels.", "parameters": PARAMETERS}
TOOLS: Any = [{"type": "function", "function": TRACK}]
CALL_17 = {"id": "call_17", "type": "function", "function": {"name": "track", "arguments": '{"number": 17}'}}
CALL_18 = {"id": "call_18", "type": "function", "function": {"name": "track", "arguments": '{"number": 18}'}}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
MESSAGES: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}, PICTURE]},
    {"role": "assistant", "content": None, "tool_calls": [CALL_17]},
    {"role": "tool", "tool_call_id": "call_17", "content": "In Ghent."},
]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
HEAD = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": MODEL}


def chunk(delta: object, finish_reason: str | None = None, **more: object) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}


def called(piece: dict[str, object], **more: object) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, "function": piece, **more}]})


class _OpenAIFormat(ContentContract):
    """Chat completions as OpenAI has them."""

    def script(self, served: Served) -> Script:
        if served == "whole":
            said = {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL_18]}
            choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
            return answer({**HEAD, "choices": [choice], "usage": USAGE})
        said = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Let me "}), chunk({"content": "look."})]
        chunks = [*said, *self.calls()]
        if served == "cut":
            return chat_events(*chunks, cut=True)
        return chat_events(*chunks, chunk({}, "tool_calls", usage=USAGE))

    def calls(self) -> list[dict[str, Any]]:
        """The chunks that bring the call of a tool."""
        return [
            called({"name": "track", "arguments": ""}, id="call_18", type="function"),
            called({"arguments": '{"number"'}),
            called({"arguments": ": 18}"}),
        ]

    def create(self, url: str) -> Any:  # noqa: ANN401
        """The method that makes a completion."""
        raise NotImplementedError

    def ask(self, url: str) -> object:
        return self.create(url)(model="m", messages=MESSAGES, tools=TOOLS)

    def ask_stream(self, url: str) -> object:
        return list(self.create(url)(model="m", messages=MESSAGES, tools=TOOLS, stream=True))


class TestOpenAIChat(_OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return openai_client(url).chat.completions.create


class TestGroq(_OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return groq.Groq(base_url=url, api_key="k", http_client=httpx.Client(verify=False)).chat.completions.create


class TestTogether(_OpenAIFormat):
    def create(self, url: str) -> Any:  # noqa: ANN401
        return together.Together(base_url=url, api_key="k").chat.completions.create


class TestMistral(_OpenAIFormat):
    def calls(self) -> list[dict[str, Any]]:
        return [called({"name": "track", "arguments": '{"number": 18}'}, id="call_18")]

    def ask(self, url: str) -> object:
        return Mistral(api_key="k", server_url=url).chat.complete(model="m", messages=MESSAGES, tools=TOOLS)

    def ask_stream(self, url: str) -> object:
        return list(Mistral(api_key="k", server_url=url).chat.stream(model="m", messages=MESSAGES, tools=TOOLS))


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


CALL_WITHOUT_ID: Any = {"type": "tool_call", "name": "track", "arguments": {"number": 18}}


LLAMA: Any = {
    "model": "m",
    "tools": TOOLS,
    "messages": [
        MESSAGES[0],
        {"role": "user", "content": "Where is my parcel?", "images": [IMAGE]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "track", "arguments": {"number": 17}}}],
        },
        {"role": "tool", "content": "In Ghent."},
    ],
}


def client(url: str) -> Any:  # noqa: ANN401
    """A client of Ollama, whose types are not all known."""
    return ollama.Client(url)


class TestOllama(ContentContract):
    """Images are beside the text, arguments are no text, and calls have no ids."""

    def script(self, served: Served) -> Script:
        calls = [{"function": {"name": "track", "arguments": {"number": 18}}}]
        head = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
        if served == "whole":
            said = {"role": "assistant", "content": "Let me look.", "tool_calls": calls}
            return answer({**head, "message": said, **last})
        lines: list[Said] = [{"role": "assistant", "content": "Let me "}, {"role": "assistant", "content": "look."}]
        lines.append({"role": "assistant", "content": "", "tool_calls": calls})
        documents: list[Any] = [{**head, "message": line, "done": False} for line in lines]
        if served == "streamed":
            documents.append({**head, "message": {"role": "assistant", "content": ""}, **last})
        body = "".join(json.dumps(document) + "\n" for document in documents)
        return Script(body.encode(), "application/x-ndjson", cut=served == "cut")

    def ask(self, url: str) -> object:
        return client(url).chat(**LLAMA)

    def ask_stream(self, url: str) -> object:
        return list(client(url).chat(**LLAMA, stream=True))

    def asked(self) -> Said:
        user = {"role": "user", "parts": [text("Where is my parcel?"), image(None)]}
        without_id = [{"role": "assistant", "parts": [{**CALL_WITHOUT_ID, "arguments": {"number": 17}}]}]
        found = {"role": "tool", "parts": [{"type": "tool_call_response", "response": "In Ghent."}]}
        system = {"role": "system", "parts": [BRIEF]}
        tool = {**TOOL, "parameters": PARAMETERS}
        return {
            semconv.INPUT_MESSAGES: [system, user, *without_id, found],
            semconv.TOOL_DEFINITIONS: [tool],
        }

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("Let me look."), CALL_WITHOUT_ID], "finish_reason": "stop"}]
