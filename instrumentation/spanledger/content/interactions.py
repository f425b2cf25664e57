"""Gemini's interactions: steps in, steps out. The first releases had outputs in place of steps, and turns as input."""

from __future__ import annotations

from itertools import groupby
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
    texts,
    tool_call,
    tool_response,
)
from spanledger.usage import get

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["INTERACTIONS"]

_DATA: Final = ("image", "audio", "video", "document")
_ROLES: Final = {"user_input": "user", "function_result": "tool", "text": "user", **dict.fromkeys(_DATA, "user")}
"""Who said an entry of the input, by its type; the model said all others."""

_ENDED: Final = frozenset({"interaction.completed", "interaction.complete"})
_STARTS: Final = frozenset({"step.start", "content.start"})
_DELTAS: Final = frozenset({"step.delta", "content.delta"})


def read_request(body: Body) -> Prompt:
    """What starts an interaction, or goes on with one, whose history is only at the provider."""
    given, instruction = body.get("input"), body.get("system_instruction")
    entries = [cast("object", given)] if isinstance(given, dict) else items(given)
    said = [message("user", [text(given)])] if isinstance(given, str) else _messages(entries)
    system = [text(instruction)] if isinstance(instruction, str) and instruction else []
    return Prompt(said, system, tools_of(body.get("tools")))


def _messages(entries: Iterable[object]) -> list[Message]:
    """Entries of one side that follow each other are one message."""
    return [message(role, _parts(run)) for role, run in groupby(entries, key=_role)]


def _role(entry: object) -> str:
    role = get(entry, "role") or _ROLES.get(str(get(entry, "type")), "model")
    return "assistant" if role == "model" else str(role)


def _parts(entries: Iterable[object]) -> list[Part]:
    return [part for entry in entries for part in _parts_of(entry)]


def _parts_of(entry: object) -> list[Part]:
    """The parts of a step, of a turn or of a piece of content."""
    kind = str(get(entry, "type"))
    if kind in ("model_output", "user_input", "None"):
        content = get(entry, "content")
        return [text(content)] if isinstance(content, str) else _parts(items(content))
    if kind == "text":
        return [text(get(entry, "text"))]
    if kind in _DATA:
        return [_data(kind, entry)]
    if kind == "thought":
        thought = texts(get(entry, "summary"), "text")
        return [reasoning(thought)] if thought else []
    return [_tool_part(kind, entry)]


def _data(kind: str, entry: object) -> Part:
    mime_type = get(entry, "mime_type")
    known = mime_type if isinstance(mime_type, str) else None
    if (uri := get(entry, "uri")) is not None:
        return referred(uri, modality=kind, mime_type=known)
    return binary(known, get(entry, "data"), modality=kind)


def _tool_part(kind: str, entry: object) -> Part:
    """A call of a tool or what it returned: the application's, or one of the provider's own."""
    name = get(entry, "name")
    if kind == "function_call":
        return tool_call(get(entry, "id"), name, get(entry, "arguments"))
    result = get(entry, "result")
    if kind == "function_result":
        said = texts(result, "text")
        return tool_response(get(entry, "call_id"), result if said is None else said)
    if kind.endswith("_call"):
        tool = kind.removesuffix("_call")
        return server_tool_call(get(entry, "id"), name or tool, {"type": tool, "arguments": get(entry, "arguments")})
    if kind.endswith("_result"):
        return server_tool_response(get(entry, "call_id"), {"type": kind.removesuffix("_result"), "result": result})
    return {"type": kind}


def read_answer(answer: object) -> list[Message]:
    """What the model said and did is one message; what an interaction repeats of its input is none."""
    steps = items(get(answer, "steps")) or items(get(answer, "outputs"))
    parts = joined(_parts(step for step in steps if get(step, "type") not in ("user_input", "function_result")))
    if not parts:
        return []
    status = get(answer, "status")
    called = any(part["type"] == "tool_call" for part in parts)
    reason = "tool_call" if called and status in ("completed", "requires_action") else status
    return [output_message("assistant", parts, None if reason == "in_progress" else reason)]


class _Events:
    """The events of a stream: each step begins, grows by deltas, and is not repeated at the end."""

    def __init__(self) -> None:
        self._steps: dict[int, object] = {}
        self._deltas: dict[int, list[object]] = {}
        self._status: object = None

    def add(self, event: object) -> None:
        kind, index = str(get(event, "event_type")), index_of(event)
        if kind in _STARTS:
            self._steps[index] = get(event, "step") or get(event, "content")
        elif kind in _DELTAS:
            self._steps.setdefault(index, None)
            self._deltas.setdefault(index, []).append(get(event, "delta"))
        elif kind in _ENDED:
            self._status = get(get(event, "interaction"), "status")

    def answer(self) -> object:
        steps = [_grown(step, self._deltas.get(index, [])) for index, step in self._steps.items()]
        return {"steps": steps, "status": self._status}


def _grown(step: object, deltas: list[object]) -> object:
    """A step with what its deltas brought."""
    pieces, brought = Pieces(), list[object]()
    for delta in deltas:
        kind = get(delta, "type")
        if kind in _DATA:
            brought.append(delta)
        elif kind == "function_call":  # the first releases had it whole
            step = delta
        for name in ("text", "arguments"):
            pieces.add(name, get(delta, name))
        pieces.add("thought", get(get(delta, "content"), "text"))
    said = pieces.joined()
    if "arguments" in said:
        known = {name: get(step, name) for name in ("type", "id", "name")}
        return {**known, "arguments": said["arguments"]}
    if "thought" in said:
        return {"type": "thought", "summary": [{"type": "text", "text": said["thought"]}]}
    if said or brought:
        texts_said = [{"type": "text", "text": said["text"]}] if "text" in said else []
        return {"type": "model_output", "content": [*texts_said, *brought]}
    return step


INTERACTIONS: Final = Form(read_request, read_answer, _Events)
