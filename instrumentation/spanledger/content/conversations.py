"""Mistral's conversations: entries in, entries out, some of which say what the provider's own tools did."""

from __future__ import annotations

from typing import Final, cast

from spanledger.content.chat import content_parts, tools_of
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    index_of,
    items,
    joined,
    message,
    output_message,
    server_tool_call,
    text,
    tool_call,
    tool_response,
)
from spanledger.usage import get

__all__ = ["CONVERSATIONS"]


def read_request(body: Body) -> Prompt:
    """What starts a conversation, or goes on with it; what was said before is only at the provider."""
    inputs, instructions = body.get("inputs"), body.get("instructions")
    entries = [{"role": "user", "content": inputs}] if isinstance(inputs, str) else items(inputs)
    messages = [_message(entry) for entry in entries]
    system = [text(instructions)] if isinstance(instructions, str) and instructions else []
    return Prompt(messages, system, tools_of(body.get("tools")))


def _message(entry: object) -> Message:
    if get(entry, "type") == "function.result":
        return message("tool", [tool_response(get(entry, "tool_call_id"), get(entry, "result"))])
    return message(get(entry, "role") or "assistant", _parts(entry))


def _parts(entry: object) -> list[Part]:
    kind = get(entry, "type")
    if kind == "function.call":
        return [tool_call(get(entry, "tool_call_id"), get(entry, "name"), get(entry, "arguments"))]
    if kind == "tool.execution":
        details = {"type": get(entry, "name"), "arguments": get(entry, "arguments"), "info": get(entry, "info")}
        return [server_tool_call(get(entry, "id"), get(entry, "name"), details)]
    if kind in (None, "message.input", "message.output"):
        return content_parts(get(entry, "content"))
    return [{"type": str(kind)}]


def read_answer(answer: object) -> list[Message]:
    """The entries of an answer are one message."""
    parts = joined([part for entry in items(get(answer, "outputs")) for part in _parts(entry)])
    called = bool(parts) and parts[-1]["type"] == "tool_call"
    ended = get(answer, "ended") is not False
    return [output_message("assistant", parts, ("tool_call" if called else "stop") if ended else None)] if parts else []


class _Events:
    """The events of a stream: pieces of messages and of calls, and what tools did."""

    def __init__(self) -> None:
        self._entries: dict[int | str, dict[str, object]] = {}
        self._arguments: dict[str, Pieces] = {}
        self._ended = False

    def add(self, event: object) -> None:
        kind, index = get(event, "type"), index_of(event, "output_index")
        if kind == "message.output.delta":
            self._message(index, get(event, "content"))
        elif kind == "function.call.delta":
            known = {name: get(event, name) for name in ("tool_call_id", "name")}
            call = f"{index} {known['tool_call_id']}"
            self._entries.setdefault(call, {"type": "function.call", **known})
            self._arguments.setdefault(call, Pieces()).add("all", get(event, "arguments"))
        elif kind in ("tool.execution.started", "tool.execution.done"):
            known = {name: get(event, name) for name in ("id", "name", "arguments", "info")}
            entry = self._entries.setdefault(index, {"type": "tool.execution"})
            entry.update({name: value for name, value in known.items() if value is not None})
        elif kind == "conversation.response.done":
            self._ended = True

    def _message(self, index: int, content: object) -> None:
        entry = self._entries.setdefault(index, {"type": "message.output"})
        cast("list[object]", entry.setdefault("content", [])).append(content)

    def answer(self) -> object:
        for index, pieces in self._arguments.items():
            self._entries[index]["arguments"] = pieces.joined().get("all")
        return {"outputs": list(self._entries.values()), "ended": self._ended}


CONVERSATIONS: Final = Form(read_request, read_answer, _Events)
