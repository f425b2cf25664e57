"""OpenAI's Responses API: items in, items out. Its instructions are apart from what goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from spanledger.content.chat import tools_of
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    binary,
    file,
    index_of,
    items,
    message,
    output_message,
    reasoning,
    referred,
    server_tool_call,
    text,
    texts,
    tool_call,
    tool_response,
)
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RESPONSES"]

_LAST_EVENTS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def read_request(body: Body) -> Prompt:
    """What `responses.create` sends. An earlier response that it continues is only at the provider."""
    given, instructions = body.get("input"), body.get("instructions")
    if isinstance(given, str):
        messages = [message("user", [text(given)])]
    else:
        messages = [_message_of(item) for item in items(given)]
    system = [text(instructions)] if isinstance(instructions, str) else _system_of(instructions)
    return Prompt(messages, system, tools_of(body.get("tools")))


def _system_of(instructions: object) -> list[Part]:
    return [part for item in items(instructions) for part in _content(get(item, "content"))]


def _message_of(item: object) -> Message:
    kind = get(item, "type")
    if kind in (None, "message"):
        return message(get(item, "role"), _content(get(item, "content")))
    if kind in _TOOL_OUTPUTS:
        output = get(item, "output")
        said = texts(output, "text")
        return message("tool", [tool_response(get(item, "call_id"), output if said is None else said)])
    return message("assistant", _parts_of_item(item))


_TOOL_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output", "computer_call_output"})


def read_answer(answer: object) -> list[Message]:
    """The items of a response are one message, with the reason why it ended."""
    parts = [part for item in items(get(answer, "output")) for part in _parts_of_item(item)]
    return [output_message("assistant", parts, _reason(answer, parts))] if parts else []


def _reason(answer: object, parts: list[Part]) -> object:
    status = get(answer, "status")
    if status == "incomplete":
        return get(get(answer, "incomplete_details"), "reason") or status
    called = any(part["type"] == "tool_call" for part in parts)
    return "tool_call" if status == "completed" and called else status


def _parts_of_item(item: object) -> list[Part]:
    kind = str(get(item, "type") or "message")
    if kind == "message":
        return _content(get(item, "content"))
    if kind == "reasoning":
        thought = texts(get(item, "content"), "text") or texts(get(item, "summary"), "text")
        return [reasoning(thought)] if thought else []
    if kind in ("function_call", "custom_tool_call"):
        arguments = get(item, "arguments") if kind == "function_call" else get(item, "input")
        return [tool_call(get(item, "call_id"), get(item, "name"), arguments)]
    if kind == "image_generation_call" and (image := get(item, "result")) is not None:
        form = get(item, "output_format")
        return [binary(f"image/{form if isinstance(form, str) else 'png'}", image)]
    if kind.endswith("_call"):
        return [server_tool_call(get(item, "id"), get(item, "name") or kind.removesuffix("_call"), item)]
    return [cast("Part", {"type": kind})]


def _content(content: object) -> list[Part]:
    """The content of a message: text, or a list of parts."""
    if isinstance(content, str):
        return [text(content)]
    parts: list[Part] = []
    for entry in items(content):
        kind = get(entry, "type")
        read = _PART_BY_TYPE.get(kind) if isinstance(kind, str) else None
        parts.append(read(entry) if read is not None else {"type": str(kind), "content": entry})
    return parts


def _held(entry: object, url: str, data: str, modality: str) -> Part:
    """An image or a file: at a URL, within the message, or with the provider already."""
    if (file_id := get(entry, "file_id")) is not None:
        return file(file_id, modality=modality)
    return referred(get(entry, url) or get(entry, data), modality=modality)


def _audio(entry: object) -> Part:
    audio = get(entry, "input_audio")
    return binary(f"audio/{get(audio, 'format')}", get(audio, "data"))


def _text(entry: object) -> Part:
    return text(get(entry, "text"))


_PART_BY_TYPE: Final[Mapping[str, Callable[[object], Part]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "input_image": lambda entry: _held(entry, "image_url", "image_url", "image"),
    "input_file": lambda entry: _held(entry, "file_url", "file_data", "document"),
    "input_audio": _audio,
    "refusal": lambda entry: {"type": "refusal", "content": get(entry, "refusal")},
}


class _Events:
    """The events of a stream: the last one repeats the whole response; without it, the items as far as they came."""

    def __init__(self) -> None:
        self._last: object = None
        self._items: dict[int, object] = {}
        self._begun: dict[int, Pieces] = {}

    def add(self, event: object) -> None:
        kind, index = str(get(event, "type")), index_of(event, "output_index")
        if kind in _LAST_EVENTS:
            self._last = get(event, "response")
        elif kind == "response.output_item.done":
            self._items[index] = get(event, "item")
        elif kind in ("response.output_text.delta", "response.function_call_arguments.delta"):
            self._begun.setdefault(index, Pieces()).add(kind, get(event, "delta"))
        elif kind == "response.output_item.added":
            self._items.setdefault(index, get(event, "item"))

    def answer(self) -> object:
        if self._last is not None:
            return self._last
        return {"output": [self._item(index, item) for index, item in self._items.items()]}

    def _item(self, index: int, item: object) -> object:
        """An item that is done, or one that was begun, with what came of it."""
        said = self._begun[index].joined() if index in self._begun else {}
        if not said or get(item, "status") == "completed":
            return item
        if (begun := said.get("response.output_text.delta")) is not None:
            return {"type": "message", "content": [{"type": "output_text", "text": begun}]}
        known = {name: get(item, name) for name in ("type", "call_id", "name")}
        return {**known, "arguments": said.get("response.function_call_arguments.delta")}


RESPONSES: Final = Form(read_request, read_answer, _Events)
