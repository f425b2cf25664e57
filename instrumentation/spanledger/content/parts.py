"""Messages and their parts, as the GenAI conventions define them for `gen_ai.input.messages` and its like.

Source: the JSON schemas of open-telemetry/semantic-conventions-genai (`gen-ai-input-messages.json`,
`gen-ai-output-messages.json`, `gen-ai-system-instructions.json`, `gen-ai-tool-definitions.json`).

A part is a dictionary that is about to become JSON. Readers put into it what they found, also bytes and objects of an
SDK; `rendering` makes JSON of that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Form",
    "Gatherer",
    "Message",
    "Part",
    "Pieces",
    "Prompt",
    "ReadPart",
    "binary",
    "document",
    "file",
    "finish_reason",
    "function_tool",
    "index_of",
    "items",
    "joined",
    "message",
    "output_message",
    "parsed",
    "reasoning",
    "referred",
    "server_tool_call",
    "server_tool_response",
    "text",
    "texts",
    "tool_call",
    "tool_response",
]

Part = dict[str, object]
Message = dict[str, object]
Body = Mapping[str, object]
ReadPart = Callable[[object], Part]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model was given. `system`: instructions that the API takes apart from the messages."""

    messages: list[Message] = field(default_factory=list[Message])
    system: list[Part] = field(default_factory=list[Part])
    tools: list[Part] = field(default_factory=list[Part])


class Gatherer(Protocol):
    """The chunks of one stream so far; `answer` is what a whole answer would have been."""

    def add(self, chunk: object, /) -> None: ...
    def answer(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Form:
    """How one wire format says what was asked and answered: a request (mostly its body), an answer, the chunks of a
    stream."""

    read_request: Callable[[Any], Prompt]
    read_answer: Callable[[object], list[Message]]
    gathering: Callable[[], Gatherer]


class Pieces:
    """Texts that grow piece by piece, by name."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: dict[str, list[str]] = {}

    def add(self, name: str, value: object) -> None:
        """Append `value` to the text of this name, if it is a text."""
        if isinstance(value, str):
            self._pieces.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._pieces

    def joined(self) -> dict[str, str]:
        """The texts as they are now."""
        return {name: "".join(pieces) for name, pieces in self._pieces.items()}


_FINISH_REASONS: Final = {
    "complete": "stop",
    "completed": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "finish": "stop",
    "stop_sequence": "stop",
    "max_len": "length",
    "max_length": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_length": "length",
    "function_call": "tool_call",
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "failed": "error",
}
"""Words of providers for what the conventions have a word for; any other is kept, in lower case."""

_MODALITIES: Final = ("image", "audio", "video")


def text(content: object) -> Part:
    return {"type": "text", "content": content}


def reasoning(content: object) -> Part:
    return {"type": "reasoning", "content": content}


def tool_call(call_id: object, name: object, arguments: object) -> Part:
    """A call of a tool that the application will carry out. Arguments that are JSON are shown as what they say."""
    return {"type": "tool_call", **_named(call_id), "name": name, "arguments": parsed(arguments)}


def tool_response(call_id: object, response: object) -> Part:
    return {"type": "tool_call_response", **_named(call_id), "response": response}


def server_tool_call(call_id: object, name: object, details: object) -> Part:
    """A call of a tool that the provider carries out."""
    return {"type": "server_tool_call", **_named(call_id), "name": name, "server_tool_call": details}


def server_tool_response(call_id: object, details: object) -> Part:
    return {"type": "server_tool_call_response", **_named(call_id), "server_tool_call_response": details}


def binary(mime_type: str | None, content: object, *, modality: str | None = None) -> Part:
    """Data within a message: bytes, or text in base64. What becomes of them depends on their size (`rendering`)."""
    return {"type": "blob", "modality": modality or _modality_of(mime_type), "mime_type": mime_type, "content": content}


def referred(uri: object, *, modality: str, mime_type: str | None = None) -> Part:
    """Data that a message refers to; a data URL is the data itself."""
    if isinstance(uri, str) and uri.startswith("data:"):
        head, _, data = uri[5:].partition(",")
        return binary(head.partition(";")[0] or None, data, modality=modality)
    known = {"mime_type": mime_type} if mime_type else {}
    return {"type": "uri", "modality": modality, **known, "uri": uri}


def file(file_id: object, *, modality: str = "document") -> Part:
    """A file that the provider has already."""
    return {"type": "file", "modality": modality, "file_id": file_id}


def function_tool(name: object, description: object = None, parameters: object = None) -> Part:
    """The definition of a tool of the application."""
    said = {"description": description, "parameters": parsed(parameters)}
    return {"type": "function", "name": name, **{key: value for key, value in said.items() if value is not None}}


def message(role: object, parts: list[Part], name: object = None) -> Message:
    return {"role": role, "parts": parts, **({"name": name} if name else {})}


def output_message(role: object, parts: list[Part], reason: object) -> Message:
    """A message of a model; `reason` is the provider's word for why it ended."""
    ended = finish_reason(reason)
    return {**message(role, parts), **({"finish_reason": ended} if ended is not None else {})}


def finish_reason(reason: object) -> str | None:
    """The conventions' word for why a message ended; `None` for one whose end is not known."""
    if not isinstance(reason, str) or not reason:
        return None
    word = reason.lower()
    return _FINISH_REASONS.get(word, word)


def joined(parts: list[Part]) -> list[Part]:
    """Texts, or thoughts, that follow each other in an answer are one: a stream cuts them anywhere."""
    whole: list[Part] = []
    for kind, run in groupby(parts, key=lambda part: part["type"]):
        if kind in ("text", "reasoning"):
            said = "".join(str(part["content"]) for part in run)
            if said:
                whole.append({"type": kind, "content": said})
        else:
            whole += run
    return whole


def parsed(arguments: object) -> object:
    """Arguments of a tool as what they say, where they come as the text of JSON; else as they are."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def items(value: object) -> Iterable[object]:
    """The entries of a list; of anything else, such as a generator of the application, none."""
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()


def index_of(holder: object, name: str = "index") -> int:
    """Which block, choice or item a chunk is about; the first where it does not say."""
    index = get(holder, name)
    return index if isinstance(index, int) else 0


def document(value: object) -> dict[str, object]:
    """A JSON object, or an empty one in place of anything else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def texts(value: object, *fields: str) -> str | None:
    """The texts in a list of parts, one after the other, or the text itself; `None` where there is none."""
    if isinstance(value, str):
        return value
    found = [part for entry in items(value) for field in fields if isinstance(part := get(entry, field), str)]
    return "".join(found) if found else None


def _named(call_id: object) -> Part:
    return {"id": call_id} if call_id is not None else {}


def _modality_of(mime_type: str | None) -> str:
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in _MODALITIES else "document"
