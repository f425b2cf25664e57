"""Bedrock's Converse, which Amazon's own models speak on InvokeModel too."""

from __future__ import annotations

from typing import Final

from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    ReadPart,
    binary,
    document,
    function_tool,
    index_of,
    items,
    message,
    output_message,
    reasoning,
    referred,
    text,
    tool_call,
    tool_response,
)
from spanledger.usage import get

__all__ = ["CONVERSE"]

_UNKNOWN_MEMBER: Final = "SDK_UNKNOWN_MEMBER"
"""What botocore leaves of a block that its service model is too old to know: the block's name."""


def read_request(body: Body) -> Prompt:
    """The parameters of `converse`, or a body of the same shape."""
    messages = [message(get(entry, "role"), _blocks(get(entry, "content"))) for entry in items(body.get("messages"))]
    tools = [_tool(tool) for tool in items(get(body.get("toolConfig"), "tools"))]
    return Prompt(messages, _blocks(body.get("system")), tools)


def read_answer(answer: object) -> list[Message]:
    """The one message of an answer."""
    said = get(get(answer, "output"), "message")
    if said is None:
        return []
    return [output_message(get(said, "role") or "assistant", _blocks(get(said, "content")), get(answer, "stopReason"))]


def _blocks(content: object) -> list[Part]:
    return [_block(entry) for entry in items(content) if get(entry, "cachePoint") is None]


def _block(entry: object) -> Part:
    if isinstance(said := get(entry, "text"), str):
        return text(said)
    for name, read in _PART_BY_FIELD:
        if (value := get(entry, name)) is not None:
            return read(value)
    if (unknown := get(entry, _UNKNOWN_MEMBER)) is not None:
        return {"type": get(unknown, "name")}
    return {"type": next(iter(document(entry)), "unknown"), "content": entry}


def _thought(value: object) -> Part:
    thought = get(get(value, "reasoningText"), "text")
    return reasoning(thought) if thought is not None else {"type": "redacted_thinking"}


def _held(modality: str) -> ReadPart:
    """An image, a video or a document: its bytes, or where it lies in S3."""

    def read(value: object) -> Part:
        source, form = get(value, "source"), get(value, "format")
        mime_type = f"{'application' if modality == 'document' else modality}/{form}" if form else None
        if (location := get(source, "s3Location")) is not None:
            return referred(get(location, "uri"), modality=modality, mime_type=mime_type)
        return binary(mime_type, get(source, "bytes"), modality=modality)

    return read


def _tool_result(value: object) -> Part:
    content = list(items(get(value, "content")))
    shown = [said if (said := get(entry, "json")) is not None else _block(entry) for entry in content]
    only = get(content[0], "text") if len(content) == 1 else None
    return tool_response(get(value, "toolUseId"), only if isinstance(only, str) else shown)


_PART_BY_FIELD: Final[tuple[tuple[str, ReadPart], ...]] = (
    ("toolUse", lambda value: tool_call(get(value, "toolUseId"), get(value, "name"), get(value, "input"))),
    ("toolResult", _tool_result),
    ("reasoningContent", _thought),
    ("image", _held("image")),
    ("video", _held("video")),
    ("audio", _held("audio")),
    ("document", _held("document")),
)


def _tool(tool: object) -> Part:
    specified = get(tool, "toolSpec")
    if specified is None:
        kind = next(iter(document(tool)), "unknown")
        return {"type": kind, "name": get(get(tool, kind), "name") or kind}
    schema = get(get(specified, "inputSchema"), "json")
    return function_tool(get(specified, "name"), get(specified, "description"), schema)


class _Events:
    """The events of a stream, each `{its type: its payload}`."""

    def __init__(self) -> None:
        self._tools: dict[int, object] = {}
        self._blocks: dict[int, Pieces] = {}
        self._reason: object = None

    def add(self, event: object) -> None:
        if (start := get(event, "contentBlockStart")) is not None:
            index = index_of(start, "contentBlockIndex")
            self._tools[index] = get(get(start, "start"), "toolUse")
            self._blocks.setdefault(index, Pieces())
        elif (block := get(event, "contentBlockDelta")) is not None:
            pieces, delta = self._blocks.setdefault(index_of(block, "contentBlockIndex"), Pieces()), get(block, "delta")
            pieces.add("text", get(delta, "text"))
            pieces.add("input", get(get(delta, "toolUse"), "input"))
            pieces.add("thought", get(get(delta, "reasoningContent"), "text"))
        elif (stop := get(event, "messageStop")) is not None:
            self._reason = get(stop, "stopReason")

    def answer(self) -> object:
        content = [self._block(index, pieces.joined()) for index, pieces in self._blocks.items()]
        return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": self._reason}

    def _block(self, index: int, said: dict[str, str]) -> object:
        if (tool := self._tools.get(index)) is not None:
            known = {name: get(tool, name) for name in ("toolUseId", "name")}
            return {"toolUse": {**known, "input": said.get("input")}}
        if "thought" in said:
            return {"reasoningContent": {"reasoningText": {"text": said["thought"]}}}
        return {"text": said.get("text", "")}


CONVERSE: Final = Form(read_request, read_answer, _Events)
