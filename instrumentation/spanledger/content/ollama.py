"""Ollama: chat, whose messages are OpenAI's with images beside the text, and generate."""

from __future__ import annotations

from typing import Final

from spanledger.content.chat import message_of, parts_of, tools_of
from spanledger.content.parts import (
    Body,
    Form,
    Message,
    Part,
    Pieces,
    Prompt,
    binary,
    items,
    message,
    output_message,
    reasoning,
    text,
)
from spanledger.usage import get

__all__ = ["CHAT", "GENERATE"]


def read_chat(body: Body) -> Prompt:
    """What `chat` sends."""
    return Prompt([_message(entry) for entry in items(body.get("messages"))], tools=tools_of(body.get("tools")))


def _message(entry: object) -> Message:
    said = message_of(entry)
    return {**said, "parts": [*items(said["parts"]), *_images(entry)]}


def _images(holder: object) -> list[Part]:
    return [binary(None, image, modality="image") for image in items(get(holder, "images"))]


def read_generate(body: Body) -> Prompt:
    """What `generate` sends."""
    prompt, system = body.get("prompt"), body.get("system")
    parts = [text(prompt)] if isinstance(prompt, str) and prompt else []
    instructions = [text(system)] if isinstance(system, str) and system else []
    return Prompt([message("user", parts + _images(body))], instructions)


def read_answer(answer: object) -> list[Message]:
    """A whole answer of either kind."""
    reason = get(answer, "done_reason")
    if (said := get(answer, "message")) is not None:
        return [output_message(get(said, "role") or "assistant", parts_of(said), reason)]
    thought, said = get(answer, "thinking"), get(answer, "response")
    parts = [reasoning(thought)] if thought else []
    return [output_message("assistant", [*parts, text(said)] if said else parts, reason)]


class _Lines:
    """The lines of a stream: each brings the next piece, or whole calls of tools."""

    def __init__(self) -> None:
        self._said, self._generated = Pieces(), Pieces()
        self._calls: list[object] = []
        self._reason: object = None
        self._chats = False

    def add(self, line: object) -> None:
        if (said := get(line, "message")) is not None:
            self._chats = True
            self._calls += items(get(said, "tool_calls"))
        for name in ("content", "thinking"):
            self._said.add(name, get(said, name))
        for name in ("response", "thinking"):
            self._generated.add(name, get(line, name))
        self._reason = get(line, "done_reason") or self._reason

    def answer(self) -> object:
        if not self._chats:
            return {**self._generated.joined(), "done_reason": self._reason}
        return {"message": {**self._said.joined(), "tool_calls": self._calls}, "done_reason": self._reason}


CHAT: Final = Form(read_chat, read_answer, _Lines)
GENERATE: Final = Form(read_generate, read_answer, _Lines)
