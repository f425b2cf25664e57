"""xAI's chat: messages of protocol buffers, which say what OpenAI's format says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from spanledger.content.chat import parts_of
from spanledger.content.chat import read_answer as read_choices
from spanledger.content.chat_chunks import Chunks
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Prompt,
    binary,
    document,
    file,
    function_tool,
    items,
    message,
    referred,
    server_tool_call,
    text,
    tool_response,
)
from spanledger.usage import get

if TYPE_CHECKING:
    from google.protobuf.message import Message as Proto

__all__ = ["CHAT", "body_of"]

_CLIENT_SIDE: Final = frozenset({None, "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"})


def body_of(message: object) -> Body:
    """A message of protocol buffers as a document, with the names of its fields; what has its default is left out."""
    from google.protobuf import json_format  # noqa: PLC0415  # the SDK has it; whoever captures nothing does not need it

    return cast("Body", json_format.MessageToDict(cast("Proto", message), preserving_proto_field_name=True))


def read_request(asked: object) -> Prompt:
    """The request of a chat."""
    body = document(asked) or body_of(asked)
    messages = [_message(entry) for entry in items(body.get("messages"))]
    return Prompt(messages, tools=[_tool(tool) for tool in items(body.get("tools"))])


def _message(entry: object) -> Message:
    role = _role(get(entry, "role"))
    content = [_content(part) for part in items(get(entry, "content"))]
    if role in ("tool", "function"):
        said = "".join(str(part["content"]) for part in content if part["type"] == "text")
        return message("tool", [tool_response(get(entry, "tool_call_id"), said)])
    thought, called = parts_of({"reasoning_content": get(entry, "reasoning_content")}), _calls(entry)
    return message(role, [*thought, *content, *called], get(entry, "name"))


def _role(role: object) -> str:
    return str(role or "assistant").removeprefix("ROLE_").lower()


def _content(part: object) -> Part:
    if (image := get(part, "image_url")) is not None:
        if (file_id := get(image, "file_id")) is not None:
            return file(file_id, modality="image")
        return referred(get(image, "image_url"), modality="image")
    if (held := get(part, "file")) is not None:
        if (data := get(held, "data")) is not None:
            mime_type = get(held, "mime_type")
            return binary(mime_type if isinstance(mime_type, str) else None, data)
        url = get(held, "url")
        return file(get(held, "file_id")) if url is None else referred(url, modality="document")
    return text(get(part, "text") or "")


def _calls(said: object) -> list[Part]:
    """Calls of tools: those of the application's, and those that the provider carries out."""
    parts: list[Part] = []
    for called in items(get(said, "tool_calls")):
        kind, function = get(called, "type"), get(called, "function")
        if kind in _CLIENT_SIDE:
            parts += parts_of({"tool_calls": [called]})
        else:
            details = {"type": kind, "function": function}
            parts.append(server_tool_call(get(called, "id"), get(function, "name"), details))
    return parts


def _tool(tool: object) -> Part:
    if (function := get(tool, "function")) is not None:
        return function_tool(get(function, "name"), get(function, "description"), get(function, "parameters"))
    kind = next(iter(document(tool)), "unknown")
    return {"type": kind, "name": kind}


def read_answer(answer: object) -> list[Message]:
    """A completion: the message itself, or what the chunks of a stream made of it."""
    whole = document(answer) or _as_choices(body_of(answer), "message")
    return read_choices(whole)


def _as_choices(completion: Body, field: str) -> dict[str, object]:
    """The outputs of an answer or of a chunk as choices in OpenAI's format."""
    choices: list[object] = []
    for output in items(completion.get("outputs")):
        said = document(get(output, field))
        reason = str(get(output, "finish_reason") or "").removeprefix("REASON_")
        entry = {**said, "role": _role(said.get("role"))}
        choices.append({"index": get(output, "index") or 0, field: entry, "finish_reason": reason or None})
    return {"choices": choices}


class _Chunks:
    """The chunks of a stream."""

    def __init__(self) -> None:
        self._chunks = Chunks()

    def add(self, chunk: object) -> None:
        self._chunks.add(_as_choices(body_of(chunk), "delta"))

    def answer(self) -> object:
        return self._chunks.answer()


CHAT: Final = Form(read_request, read_answer, _Chunks)
