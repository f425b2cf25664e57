"""Prompts and completions through LiteLLM, where it sends by itself and where an SDK below it is observed.

Run by `test_litellm_apart.py` in an environment that has LiteLLM.
"""

import os
from importlib import import_module
from typing import Any

from wire_content import CALLED, FOUND, ContentContract, Said, Served, call, events, text
from wire_scripted import Script, answer, chat_events, named_events

from spanledger import semconv

__all__ = ["events"]

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

CALL: Said = {"id": "call_17", "type": "function", "function": {"name": "track", "arguments": '{"number": 17}'}}
MESSAGES: list[Said] = [
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_17", "content": "In Ghent."},
]
PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}}
TRACK = {"name": "track", "description": "Finds parcels.", "parameters": PARAMETERS}
TOOL = {"type": "function", **TRACK}


class _LiteLlm(ContentContract):
    model: str
    path = ""

    def completion(self, url: str, **more: object) -> Any:  # noqa: ANN401
        tools = [{"type": "function", "function": TRACK}]
        where = {"api_base": url + self.path, "api_key": "k", "max_retries": 0}
        return litellm.completion(self.model, MESSAGES, tools=tools, **where, **more)

    def ask(self, url: str) -> object:
        return self.completion(url)

    def ask_stream(self, url: str) -> object:
        return list(self.completion(url, stream=True))

    def asked(self) -> Said:
        user = {"role": "user", "parts": [text("Where is my parcel?")]}
        return {semconv.INPUT_MESSAGES: [user, CALLED, FOUND], semconv.TOOL_DEFINITIONS: [TOOL]}


class TestByItself(_LiteLlm):
    """LiteLLM asks Anthropic itself: its own call is the one that is kept, in the format that it was made in."""

    model = "anthropic/claude-sonnet-5"

    def script(self, served: Served) -> Script:
        head = {"id": "answer-1", "type": "message", "role": "assistant", "model": "claude-sonnet-5"}
        use = {"type": "tool_use", "id": "call_18", "name": "track"}
        usage = {"input_tokens": 10, "output_tokens": 5}
        if served == "whole":
            content = [{"type": "text", "text": "Let me look."}, {**use, "input": {"number": 18}}]
            return answer(
                {**head, "content": content, "stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
            )

        def delta(index: int, kind: str, field: str, piece: str) -> Said:
            return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}}

        empty: Said = {**head, "content": [], "stop_reason": None, "usage": usage}
        kinds: list[Said] = [
            {"type": "message_start", "message": empty},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            delta(0, "text_delta", "text", "Let me "),
            delta(0, "text_delta", "text", "look."),
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {**use, "input": {}}},
            delta(1, "input_json_delta", "partial_json", '{"number": 18}'),
        ]
        if served == "streamed":
            reason = {"stop_reason": "tool_use", "stop_sequence": None}
            kinds.append({"type": "content_block_stop", "index": 1})
            kinds.append({"type": "message_delta", "delta": reason, "usage": {"output_tokens": 5}})
            kinds.append({"type": "message_stop"})
        return named_events(*kinds, cut=served == "cut")


class TestThroughAnSdk(_LiteLlm):
    """LiteLLM uses the OpenAI SDK: its call is the one that is kept, once."""

    model = "openai/gpt-5-mini"
    path = "/v1"

    def script(self, served: Served) -> Script:
        head = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini"}
        asked = {"name": "track", "arguments": '{"number": 18}'}
        calls = [{"index": 0, "id": "call_18", "type": "function", "function": asked}]
        if served == "whole":
            said = {"role": "assistant", "content": "Let me look.", "tool_calls": calls}
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            choices = [{"index": 0, "message": said, "finish_reason": "tool_calls"}]
            return answer({**head, "choices": choices, "usage": usage})
        deltas: list[Said] = [{"role": "assistant", "content": "Let me "}, {"content": "look."}, {"tool_calls": calls}]
        chunks: list[Said] = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        if served == "cut":
            return chat_events(*chunks, cut=True)
        last: Said = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
        return chat_events(*chunks, {**head, "choices": [last]})

    def answered(self) -> list[Said]:
        return [{"role": "assistant", "parts": [text("Let me look."), call(18)], "finish_reason": "tool_call"}]
