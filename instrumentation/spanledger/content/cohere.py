"""Cohere: chat of version 2, whose messages are much like OpenAI's, and of version 1."""

from __future__ import annotations

from typing import Final

from spanledger.content.chat import parts_of, read_chat
from spanledger.content.chat_chunks import Chunks
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    function_tool,
    items,
    joined,
    message,
    output_message,
    text,
    tool_call,
    tool_response,
)
from spanledger.usage import get

__all__ = ["CHAT", "CHAT_V1", "GENERATE"]


def read_answer(answer: object) -> list[Message]:
    """The one message of an answer of version 2."""
    said = get(answer, "message")
    return [output_message(get(said, "role") or "assistant", joined(parts_of(said)), get(answer, "finish_reason"))]


class _Events:
    """The events of a stream of version 2, as deltas in OpenAI's format."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._reason: object = None

    def add(self, event: object) -> None:
        kind, delta = get(event, "type"), get(event, "delta")
        said = get(delta, "message")
        if kind == "message-end":
            self._reason = get(delta, "finish_reason")
        elif kind in ("content-start", "content-delta"):
            self._content(get(said, "content"))
        elif kind == "tool-plan-delta":
            self._add({"tool_plan": get(said, "tool_plan")})
        elif kind in ("tool-call-start", "tool-call-delta"):
            called = get(said, "tool_calls")
            function = {name: get(get(called, "function"), name) for name in ("name", "arguments")}
            self._add({"tool_calls": [{"index": get(event, "index"), "id": get(called, "id"), "function": function}]})

    def _content(self, content: object) -> None:
        for field in ("text", "thinking"):
            if (piece := get(content, field)) is not None:
                self._add({"content": [{"type": field, field: piece}]})

    def _add(self, delta: object) -> None:
        self._chunks.add({"choices": [{"delta": delta}]})

    def answer(self) -> object:
        choices = list(items(get(self._chunks.answer(), "choices")))
        said = get(choices[0], "message") if choices else None
        return {"message": said, "finish_reason": self._reason}


def read_request_v1(body: Body) -> Prompt:
    """A chat of version 1: the history, and the message that is new."""
    messages = [_turn(turn) for turn in items(body.get("chat_history"))]
    if isinstance(new := body.get("message"), str) and new:
        messages.append(message("user", [text(new)]))
    results = [tool_response(None, result) for result in items(body.get("tool_results"))]
    if results:
        messages.append(message("tool", results))
    preamble = body.get("preamble")
    system = [text(preamble)] if isinstance(preamble, str) and preamble else []
    return Prompt(messages, system, [_tool_v1(tool) for tool in items(body.get("tools"))])


def _turn(turn: object) -> Message:
    role = str(get(turn, "role") or "").lower()
    role = "assistant" if role == "chatbot" else role
    if role == "tool":
        return message(role, [tool_response(None, result) for result in items(get(turn, "tool_results"))])
    return message(role, _said_v1(turn, "message"))


def _said_v1(said: object, field: str) -> list[Part]:
    spoken = get(said, field)
    parts = [text(spoken)] if isinstance(spoken, str) and spoken else []
    return parts + [tool_call(None, get(one, "name"), get(one, "parameters")) for one in items(get(said, "tool_calls"))]


def _tool_v1(tool: object) -> Part:
    return function_tool(get(tool, "name"), get(tool, "description"), get(tool, "parameter_definitions"))


def read_answer_v1(answer: object) -> list[Message]:
    """An answer of version 1: a text, or several (generate)."""
    generations = list(items(get(answer, "generations")))
    if generations:
        return [output_message("assistant", [text(get(one, "text"))], get(one, "finish_reason")) for one in generations]
    return [output_message("assistant", _said_v1(answer, "text"), get(answer, "finish_reason"))]


def read_generate(body: Body) -> Prompt:
    """A prompt to be continued, or a text to be summarised."""
    prompt = body.get("prompt") or body.get("text")
    return Prompt([message("user", [text(prompt)])] if isinstance(prompt, str) else [])


class _Lines:
    """The events of a stream of version 1; the last one repeats the whole answer."""

    def __init__(self) -> None:
        self._said = Pieces()
        self._last: object = None
        self._reason: object = None

    def add(self, event: object) -> None:
        kind = get(event, "event_type")
        if kind == "stream-end":
            self._last, self._reason = get(event, "response"), get(event, "finish_reason")
        elif kind == "text-generation":
            self._said.add("text", get(event, "text"))

    def answer(self) -> object:
        whole = self._last if self._last is not None else self._said.joined()
        known = {name: get(whole, name) for name in ("text", "tool_calls", "generations")}
        return {**known, "finish_reason": get(whole, "finish_reason") or self._reason}


CHAT: Final = Form(read_chat, read_answer, _Events)
CHAT_V1: Final = Form(read_request_v1, read_answer_v1, _Lines)
GENERATE: Final = Form(read_generate, read_answer_v1, _Lines)
