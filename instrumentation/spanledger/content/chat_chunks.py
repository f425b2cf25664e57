"""Streamed chat in OpenAI's format: its chunks put together, as the answer that would have come at once."""

from __future__ import annotations

from typing import Final

from spanledger.content.parts import Pieces, index_of, items
from spanledger.usage import get

__all__ = ["REASONING", "Chunks"]

REASONING: Final = ("reasoning_content", "reasoning", "thinking", "tool_plan")
"""Where providers of this format put what a model thought, as text."""

_TEXT_FIELDS: Final = ("content", *REASONING, "refusal")


class _Choice:
    """A choice of a streamed answer: what was said, and the calls of tools, by their index."""

    def __init__(self) -> None:
        self._texts = Pieces()
        self._audio = Pieces()
        self._parts: list[object] = []
        self._calls: dict[int | str, Pieces] = {}
        self._arguments: dict[int | str, object] = {}
        self._said: dict[str, object] = {}

    def add(self, choice: object) -> None:
        delta = get(choice, "delta")
        if isinstance(reason := get(choice, "finish_reason"), str):
            self._said["finish_reason"] = reason
        if delta is None:
            self._texts.add("text", get(choice, "text"))
            return
        if isinstance(role := get(delta, "role"), str) and role:
            self._said["role"] = role
        for name in _TEXT_FIELDS:
            self._texts.add(name, get(delta, name))
        self._parts += items(get(delta, "content"))
        for name in ("data", "transcript"):
            self._audio.add(name, get(get(delta, "audio"), name))
        called = list(items(get(delta, "tool_calls")))
        if (function := get(delta, "function_call")) is not None:
            called.append({"index": "function_call", "function": function})
        for call in called:
            self._add_call(call)

    def _add_call(self, call: object) -> None:
        """A piece of a call of a tool. Some servers leave out the index: then a piece with an id begins another."""
        index = get(call, "index")
        if not isinstance(index, int | str):
            index = len(self._calls) if get(call, "id") or not self._calls else next(reversed(self._calls))
        pieces = self._calls.setdefault(index, Pieces())
        function = get(call, "function")
        for name, value in (("id", get(call, "id")), ("name", get(function, "name"))):
            if name not in pieces:
                pieces.add(name, value)
        arguments = get(function, "arguments")
        pieces.add("arguments", arguments)
        if arguments is not None and not isinstance(arguments, str):
            self._arguments[index] = arguments

    def whole(self) -> dict[str, object]:
        """The choice as an answer that is not streamed would have it."""
        texts, reason = self._texts.joined(), self._said.get("finish_reason")
        if "text" in texts:
            return {"text": texts["text"], "finish_reason": reason}
        audio = self._audio.joined()
        said: dict[str, object] = {"role": self._said.get("role"), **texts}
        if self._parts:
            said["content"] = [*self._parts, *([texts["content"]] if texts.get("content") else [])]
        if audio:
            said["audio"] = audio
        said["tool_calls"] = [self._called(index, pieces.joined()) for index, pieces in self._calls.items()]
        return {"message": said, "finish_reason": reason}

    def _called(self, index: int | str, said: dict[str, str]) -> dict[str, object]:
        arguments = self._arguments.get(index, said.get("arguments"))
        return {"id": said.get("id"), "function": {"name": said.get("name"), "arguments": arguments}}


class Chunks:
    """The chunks of a streamed answer."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: object) -> None:
        for choice in items(get(chunk, "choices")):
            self._choices.setdefault(index_of(choice), _Choice()).add(choice)

    def answer(self) -> object:
        return {"choices": [choice.whole() for choice in self._choices.values()]}
