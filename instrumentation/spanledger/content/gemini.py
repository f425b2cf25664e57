"""Gemini's `generateContent`, in the words of its REST API. What the SDK sends has some names in snake case, which the
API takes too (protobuf's JSON mapping)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Prompt,
    ReadPart,
    binary,
    document,
    function_tool,
    index_of,
    items,
    joined,
    message,
    output_message,
    reasoning,
    referred,
    server_tool_call,
    server_tool_response,
    text,
    tool_call,
    tool_response,
)
from spanledger.usage import get

__all__ = ["GENERATE"]

_MODALITIES: Final = ("image", "audio", "video")
_CODE: Final = "code_execution"


def read_request(body: Body) -> Prompt:
    """The body of `generateContent`; Vertex AI and the Gemini API say it alike."""
    contents = body.get("contents")
    entries = list(items(contents)) or ([contents] if contents else [])
    messages = [message(_role(entry, "user"), _parts(entry)) for entry in entries]
    tools = [part for tool in items(body.get("tools")) for part in _tools(tool)]
    return Prompt(messages, _parts(_get(body, "systemInstruction")), tools)


def read_answer(answer: object) -> list[Message]:
    """The candidates of an answer."""
    return [_candidate(candidate) for candidate in items(get(answer, "candidates"))]


def _candidate(candidate: object) -> Message:
    content = get(candidate, "content")
    parts = joined(_parts(content))
    reason = get(candidate, "finishReason")
    if reason is not None and any(part["type"] == "tool_call" for part in parts):
        reason = "tool_call"
    return output_message(_role(content, "model"), parts, reason)


def _role(content: object, default: str) -> object:
    role = get(content, "role") or default
    return "assistant" if role == "model" else role


def _parts(content: object) -> list[Part]:
    return [_part(part) for part in items(get(content, "parts"))]


def _part(part: object) -> Part:
    if isinstance(said := get(part, "text"), str):
        return reasoning(said) if get(part, "thought") is True else text(said)
    for name, read in _PART_BY_FIELD:
        if (value := _get(part, name)) is not None:
            return read(value)
    return {"type": next(iter(document(part)), "empty")}


def _get(value: object, name: str) -> object:
    found = get(value, name)
    return found if found is not None else get(value, _snake(name))


@lru_cache(maxsize=64)
def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _file(value: object) -> Part:
    mime_type = _get(value, "mimeType")
    known = mime_type if isinstance(mime_type, str) else None
    kind = (known or "").partition("/")[0]
    return referred(_get(value, "fileUri"), modality=kind if kind in _MODALITIES else "document", mime_type=known)


def _data(value: object) -> Part:
    mime_type = _get(value, "mimeType")
    return binary(mime_type if isinstance(mime_type, str) else None, get(value, "data"))


_PART_BY_FIELD: Final[tuple[tuple[str, ReadPart], ...]] = (
    ("inlineData", _data),
    ("fileData", _file),
    ("functionCall", lambda value: tool_call(get(value, "id"), get(value, "name"), get(value, "args"))),
    ("functionResponse", lambda value: tool_response(get(value, "id") or get(value, "name"), get(value, "response"))),
    ("executableCode", lambda value: server_tool_call(None, _CODE, {"type": _CODE, **document(value)})),
    ("codeExecutionResult", lambda value: server_tool_response(None, {"type": _CODE, **document(value)})),
)


def _tools(tool: object) -> list[Part]:
    """Functions, and each tool of the provider's own by its name."""
    parts: list[Part] = []
    for name, value in document(tool).items():
        if name in ("functionDeclarations", "function_declarations"):
            parts += [_function(declared) for declared in items(value)]
        elif value is not None:
            parts.append({"type": name, "name": name})
    return parts


def _function(declared: object) -> Part:
    parameters = _get(declared, "parametersJsonSchema") or get(declared, "parameters")
    return function_tool(get(declared, "name"), get(declared, "description"), parameters)


class _Chunks:
    """The chunks of a stream: each has the next parts of its candidates."""

    def __init__(self) -> None:
        self._candidates: dict[int, dict[str, object]] = {}

    def add(self, chunk: object) -> None:
        for part in items(chunk) or [chunk]:
            for candidate in items(get(part, "candidates")):
                self._add(candidate)

    def _add(self, candidate: object) -> None:
        whole = self._candidates.setdefault(index_of(candidate), {"parts": []})
        content = get(candidate, "content")
        cast("list[object]", whole["parts"]).extend(items(get(content, "parts")))
        for name, value in (("role", get(content, "role")), ("finishReason", get(candidate, "finishReason"))):
            if value is not None:
                whole[name] = value

    def answer(self) -> object:
        return {
            "candidates": [
                {"content": {"role": one.get("role"), "parts": one["parts"]}, "finishReason": one.get("finishReason")}
                for one in self._candidates.values()
            ]
        }


GENERATE: Final = Form(read_request, read_answer, _Chunks)
