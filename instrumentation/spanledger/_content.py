"""What is said in a call, kept for its span or for an event: only where the application asked for it.

`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says where to (docs/content.md). Without it this
module is not even imported. What was asked is made JSON before the call, as the application may change its messages
afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from opentelemetry import _logs, trace

from spanledger import semconv
from spanledger._guard import guarded
from spanledger._version import __version__
from spanledger.content.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span
    from opentelemetry.util.types import Attributes, AttributeValue

    from spanledger._reading import Reader, Reading
    from spanledger._settings import Capture
    from spanledger.content import Format
    from spanledger.content.parts import Gatherer

__all__ = ["EVENT", "Content"]

EVENT = "gen_ai.client.inference.operation.details"


class Content:
    """What one call says, gathered while the call is observed."""

    __slots__ = ("_answer", "_asked", "_capture", "_form", "_gatherer")

    def __init__(self, capture: Capture, said_in: Format, asked: object) -> None:
        self._capture = capture
        self._form = said_in.form()
        self._answer: object = None
        self._gatherer: Gatherer | None = None
        self._asked: dict[str, str] = guarded("read what was asked", self._read_request, asked) or {}

    def _read_request(self, asked: object) -> dict[str, str]:
        prompt = self._form.read_request(asked)
        said = (
            (semconv.INPUT_MESSAGES, prompt.messages),
            (semconv.SYSTEM_INSTRUCTIONS, prompt.system),
            (semconv.TOOL_DEFINITIONS, prompt.tools),
        )
        return {name: rendered(entries, self._capture) for name, entries in said if entries}

    def beside(self, read: Reader, also: Callable[[object], None]) -> Reader:
        """A reader that shows an answer to both."""

        def read_both(answer: object, reading: Reading) -> None:
            guarded("keep what was said", also, answer)
            read(answer, reading)

        return read_both

    def response(self, answer: object) -> None:
        """A whole answer."""
        self._answer = answer

    def chunk(self, chunk: object) -> None:
        """A chunk of a stream, parsed or not."""
        if self._gatherer is None:
            self._gatherer = self._form.gathering()
        self._gatherer.add(json.loads(chunk) if isinstance(chunk, str | bytes) else chunk)

    def write(self, span: Span, said: Mapping[str, AttributeValue]) -> None:
        """Put it where it is wanted, as the call ends. `said`: what the span says of the call besides.

        What an SDK wrote to its own span under the same names stays.
        """
        content = {**self._asked, **(guarded("read what was answered", self._answered) or {})}
        if self._capture.on_spans and span.is_recording():
            there = cast("Mapping[str, object]", getattr(span, "attributes", None) or {})
            span.set_attributes({name: value for name, value in content.items() if name not in there})
        if self._capture.on_events:
            _emit(span, said, content)

    def _answered(self) -> dict[str, str]:
        answer = self._gatherer.answer() if self._gatherer is not None else self._answer
        messages = self._form.read_answer(answer) if answer is not None else []
        return {semconv.OUTPUT_MESSAGES: rendered(messages, self._capture)} if messages else {}


def _emit(span: Span, said: Mapping[str, AttributeValue], content: Mapping[str, str]) -> None:
    """The event of the conventions, in which content is structured. Without a logger provider there is none."""
    provider = _logs.get_logger_provider()
    if type(provider).__module__.startswith(_logs.__name__):  # what the API has by itself does nothing
        return
    structured = {name: json.loads(value) for name, value in content.items()}
    record = _logs.LogRecord(
        event_name=EVENT,
        context=trace.set_span_in_context(span),
        attributes=cast("Attributes", {**said, **structured}),
    )
    provider.get_logger(semconv.SCOPE_NAME, __version__).emit(record)
