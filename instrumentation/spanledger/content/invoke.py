"""Bedrock's InvokeModel: a body in the format of the model's maker, known by its shape."""

from __future__ import annotations

import base64
import json
from typing import Final, cast

from spanledger.content import anthropic, chat, converse
from spanledger.content.parts import (
    Body,
    Form,
    Gatherer,
    Message,
    Pieces,
    Prompt,
    items,
    message,
    output_message,
    text,
)
from spanledger.usage import get

__all__ = ["INVOKE"]

_PROMPTS: Final = ("prompt", "inputText")
_TEXTS: Final = ("generation", "outputText", "completion", "text")
_REASONS: Final = ("stop_reason", "completionReason", "finish_reason")


def read_request(params: Body) -> Prompt:
    """The parameters of `invoke_model`, of which the body is text or bytes; one that is a file is not read."""
    body = params.get("body")
    if not isinstance(body, str | bytes | bytearray):
        return Prompt()
    document = cast("Body", json.loads(body))
    if document.get("messages") is not None:
        return _form_of_request(document).read_request(document)
    prompt = next((given for name in _PROMPTS if isinstance(given := document.get(name), str)), None)
    return Prompt([message("user", [text(prompt)])] if prompt is not None else [])


def _form_of_request(document: Body) -> Form:
    if "anthropic_version" in document:
        return anthropic.MESSAGES
    return converse.CONVERSE if {"schemaVersion", "inferenceConfig"} & document.keys() else chat.CHAT


def read_answer(answer: object) -> list[Message]:
    """The body of an answer."""
    form = _form_of_answer(answer)
    if form is not None:
        return form.read_answer(answer)
    results = [one for name in ("results", "outputs", "generations") for one in items(get(answer, name))]
    return [said for one in results or [answer] if (said := _said(one)) is not None]


def _form_of_answer(part: object) -> Form | None:
    """The format of an answer, or of an event of a streamed one; `None`: the text is in a field of its own."""
    if isinstance(get(part, "choices"), list):
        return chat.CHAT
    if isinstance(get(part, "type"), str):
        return anthropic.MESSAGES
    converses = get(get(part, "output"), "message") is not None or any(get(part, name) for name in _CONVERSE_EVENTS)
    return converse.CONVERSE if converses else None


_CONVERSE_EVENTS: Final = ("messageStart", "contentBlockStart", "contentBlockDelta", "messageStop")


def _said(result: object) -> Message | None:
    said = next((value for name in _TEXTS if isinstance(value := get(result, name), str)), None)
    reason = next((value for name in _REASONS if (value := get(result, name)) is not None), None)
    return output_message("assistant", [text(said)], reason) if said is not None else None


class _Parts:
    """The events of a stream, each with a part of the body; the first one that has a format tells the format of all."""

    def __init__(self) -> None:
        self._gatherer: Gatherer | None = None
        self._said = Pieces()
        self._reason: object = None

    def add(self, event: object) -> None:
        encoded = get(get(event, "chunk"), "bytes")
        part: object = json.loads(base64.b64decode(encoded)) if isinstance(encoded, str) else {}
        if self._gatherer is None and (form := _form_of_answer(part)) is not None:
            self._gatherer = form.gathering()
        if self._gatherer is not None:
            self._gatherer.add(part)
        for one in list(items(get(part, "outputs"))) or [part]:
            for name in _TEXTS:
                self._said.add("text", get(one, name))
            self._reason = next((value for name in _REASONS if (value := get(one, name))), self._reason)

    def answer(self) -> object:
        if self._gatherer is not None:
            whole = self._gatherer.answer()
            return whole if _form_of_answer(whole) is not None else {**cast("Body", whole), "type": "message"}
        return {**self._said.joined(), "stop_reason": self._reason}


INVOKE: Final = Form(read_request, read_answer, _Parts)
