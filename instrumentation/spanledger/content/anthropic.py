"""Anthropic's messages: blocks of content, with tools whose results come in messages of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    binary,
    file,
    function_tool,
    index_of,
    items,
    message,
    output_message,
    reasoning,
    referred,
    server_tool_call,
    server_tool_response,
    text,
    texts,
    tool_call,
    tool_response,
)
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["MESSAGES"]


def read_request(body: Body) -> Prompt:
    """What `messages.create` sends."""
    messages = [message(get(entry, "role"), blocks(get(entry, "content"))) for entry in items(body.get("messages"))]
    return Prompt(messages, blocks(body.get("system")), [_tool(tool) for tool in items(body.get("tools"))])


def read_answer(answer: object) -> list[Message]:
    """A message is one of the output, with its blocks as parts."""
    parts = blocks(get(answer, "content"))
    return [output_message(get(answer, "role") or "assistant", parts, get(answer, "stop_reason"))]


def blocks(content: object) -> list[Part]:
    """The content of a message: text, or a list of blocks."""
    if isinstance(content, str):
        return [text(content)]
    return [_block(entry) for entry in items(content)]


def _block(entry: object) -> Part:
    kind = str(get(entry, "type"))
    if (read := _PART_BY_TYPE.get(kind)) is not None:
        return read(entry)
    if kind.endswith("_tool_result"):
        return server_tool_response(get(entry, "tool_use_id"), {"type": kind, "content": get(entry, "content")})
    return cast("Part", {"type": kind, "content": get(entry, "content")})


def _tool_result(entry: object) -> Part:
    content = get(entry, "content")
    plain = isinstance(content, str) or all(get(part, "type") == "text" for part in items(content))
    return tool_response(get(entry, "tool_use_id"), texts(content, "text") if plain else blocks(content))


def _server_tool(entry: object) -> Part:
    name = get(entry, "name")
    return server_tool_call(get(entry, "id"), name, {"type": name, "input": get(entry, "input")})


def _source(entry: object) -> Part:
    """An image or a document: within the message, at a URL, or uploaded before."""
    modality = "image" if get(entry, "type") == "image" else "document"
    source = get(entry, "source")
    kind, mime_type = get(source, "type"), get(source, "media_type")
    if kind == "url":
        return referred(get(source, "url"), modality=modality)
    if kind == "file":
        return file(get(source, "file_id"), modality=modality)
    if kind == "text":
        return text(get(source, "data"))
    if kind == "content":
        return {"type": "document", "content": blocks(get(source, "content"))}
    return binary(mime_type if isinstance(mime_type, str) else None, get(source, "data"), modality=modality)


_PART_BY_TYPE: Final[Mapping[str, Callable[[object], Part]]] = {
    "text": lambda entry: text(get(entry, "text")),
    "thinking": lambda entry: reasoning(get(entry, "thinking")),
    "redacted_thinking": lambda _entry: {"type": "redacted_thinking"},
    "tool_use": lambda entry: tool_call(get(entry, "id"), get(entry, "name"), get(entry, "input")),
    "tool_result": _tool_result,
    "server_tool_use": _server_tool,
    "mcp_tool_use": _server_tool,
    "image": _source,
    "document": _source,
}


def _tool(tool: object) -> Part:
    kind, name = get(tool, "type"), get(tool, "name")
    if kind in (None, "custom"):
        return function_tool(name, get(tool, "description"), get(tool, "input_schema"))
    return {"type": kind, "name": name or get(tool, "mcp_server_name")}


class _Events:
    """The events of a stream. A block begins whole but empty; its deltas bring the rest."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[object, Pieces]] = {}
        self._reason: object = None

    def add(self, event: object) -> None:
        kind, index = get(event, "type"), index_of(event)
        if kind == "content_block_start":
            self._blocks[index] = (get(event, "content_block"), Pieces())
        elif kind == "content_block_delta" and index in self._blocks:
            for name in ("text", "thinking", "partial_json", "content"):
                self._blocks[index][1].add(name, get(get(event, "delta"), name))
        elif kind == "message_delta":
            self._reason = get(get(event, "delta"), "stop_reason") or self._reason

    def answer(self) -> object:
        content = [_grown(block, pieces.joined()) for block, pieces in self._blocks.values()]
        return {"role": "assistant", "content": content, "stop_reason": self._reason}


def _grown(block: object, pieces: dict[str, str]) -> object:
    if not pieces:
        return block
    fields = ("type", "id", "name", "tool_use_id", "input", "text", "thinking", "content")
    known = {name: value for name in fields if (value := get(block, name)) is not None}
    arguments = pieces.pop("partial_json", None)
    grown = {name: str(known.get(name) or "") + piece for name, piece in pieces.items()}
    return {**known, **grown, **({"input": arguments} if arguments else {})}


MESSAGES: Final = Form(read_request, read_answer, _Events)
