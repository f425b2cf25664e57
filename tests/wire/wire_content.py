"""What must hold for every SDK of what people and models said: nothing by default, and exactly this where it is wanted.

Each way to call a provider inherits the contract: how to ask, what the provider answers, and what is to be kept.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, cast

import pytest
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from wire_recording import Recording
from wire_scripted import Script, serving

from spanledger import semconv
from spanledger._guard import troubles
from spanledger.instrumentor import SpanLedgerInstrumentor

Served = Literal["whole", "streamed", "cut"]
Said = dict[str, Any]

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENT = "gen_ai.client.inference.operation.details"
CONTENT = (
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
)

IMAGE = "QUJDRA=="
"""Four bytes in base64."""

PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}}


def text(content: str) -> Said:
    return {"type": "text", "content": content}


def call(number: int) -> Said:
    """A call of the tool `track`; the number is also its id."""
    return {"type": "tool_call", "id": f"call_{number}", "name": "track", "arguments": {"number": number}}


def image(mime_type: str | None = "image/png") -> Said:
    return {"type": "blob", "modality": "image", "mime_type": mime_type, "byte_size": 4}


BRIEF = text("Be brief.")
ASKED = {"role": "user", "parts": [text("Where is my parcel?"), image()]}
CALLED = {"role": "assistant", "parts": [call(17)]}
FOUND = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_17", "response": "In Ghent."}]}
TOOL = {"type": "function", "name": "track", "description": "Finds parcels.", "parameters": PARAMETERS}
ANSWERED = {"role": "assistant", "parts": [text("Let me look."), call(18)], "finish_reason": "tool_call"}


class Events:
    """A logger provider and what was emitted on it."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))

    @property
    def records(self) -> list[Any]:
        return [data.log_record for data in self._exporter.get_finished_logs()]

    @property
    def only(self) -> Any:  # noqa: ANN401
        """The one event there must be."""
        [record] = self.records
        return record


def plain(value: object) -> object:
    """What an event has, as JSON would have it: the SDK keeps tuples."""
    return json.loads(json.dumps(value))


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """A fresh logger provider that is the global one during the test."""
    events = Events()
    monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER", events.provider)
    assert _logs.get_logger_provider() is events.provider
    return events


@contextmanager
def capturing(mode: str | None, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The instrumentation switched on in this mode."""
    if mode is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, mode)
    before, instrumentor = dict(troubles()), SpanLedgerInstrumentor()
    instrumentor.instrument()
    try:
        yield
    finally:
        instrumentor.uninstrument()
    assert dict(troubles()) == before


@pytest.fixture
def on_spans(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Generator[Recording]:
    """The instrumentation switched on, and what is said kept on spans."""
    with capturing("SPAN_ONLY", monkeypatch):
        yield recording


def said_on(recording: Recording) -> Said:
    """The content on the one span there must be."""
    attributes = recording.attributes
    return {name: json.loads(cast("str", attributes[name])) for name in CONTENT if name in attributes}


def said_in(record: Any) -> Said:  # noqa: ANN401
    """The content of an event."""
    return {name: plain(record.attributes[name]) for name in CONTENT if name in record.attributes}


class ContentContract(ABC):
    """`kept` is what a whole answer and a whole stream leave, `cut` the messages of a stream that broke off."""

    streams = True

    @abstractmethod
    def script(self, served: Served) -> Script: ...
    @abstractmethod
    def ask(self, url: str) -> object: ...
    @abstractmethod
    def ask_stream(self, url: str) -> object:
        """Ask for a stream and read it to its end."""

    def asked(self) -> Said:
        """The attributes of what was asked: the history with its system message, and the tools."""
        system = {"role": "system", "parts": [BRIEF]}
        return {semconv.INPUT_MESSAGES: [system, ASKED, CALLED, FOUND], semconv.TOOL_DEFINITIONS: [TOOL]}

    def answered(self) -> list[Said]:
        return [ANSWERED]

    def cut(self) -> list[Said]:
        """What a stream that broke off before its end had brought."""
        return [{name: value for name, value in said.items() if name != "finish_reason"} for said in self.answered()]

    def kept(self) -> Said:
        return {**self.asked(), semconv.OUTPUT_MESSAGES: self.answered()}

    def serving(self, served: Served) -> AbstractContextManager[Any]:
        return serving(self.script(served))

    def ask_for(self, served: Served) -> None:
        if served != "whole" and not self.streams:
            pytest.skip("this endpoint does not stream")
        with self.serving(served) as server:
            url = server if isinstance(server, str) else server.url
            if served == "whole":
                self.ask(url)
            else:
                self.ask_stream(url)

    @pytest.mark.parametrize("served", ["whole", "streamed"])
    def test_by_default_nothing_is_kept(
        self, recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch, served: Served
    ) -> None:
        with capturing(None, monkeypatch):
            self.ask_for(served)
        assert said_on(recording) == {}
        assert events.records == []

    @pytest.mark.parametrize("served", ["whole", "streamed"])
    def test_on_spans(
        self, recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch, served: Served
    ) -> None:
        with capturing("SPAN_ONLY", monkeypatch):
            self.ask_for(served)
        assert said_on(recording) == self.kept()
        assert events.records == []

    @pytest.mark.parametrize("served", ["whole", "streamed"])
    def test_in_events(
        self, recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch, served: Served
    ) -> None:
        with capturing("EVENT_ONLY", monkeypatch):
            self.ask_for(served)
        assert said_on(recording) == {}
        assert said_in(events.only) == self.kept()
        assert events.only.event_name == EVENT
        context = recording.only.get_span_context()
        assert context is not None
        assert (events.only.trace_id, events.only.span_id) == (context.trace_id, context.span_id)
        for name in ("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.id", "spanledger.usage_status"):
            assert events.only.attributes.get(name) == recording.attributes.get(name)

    def test_in_both(self, recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
        with capturing("span_and_event", monkeypatch):
            self.ask_for("whole")
        assert said_on(recording) == said_in(events.only) == self.kept()

    def test_a_stream_that_breaks_off_keeps_what_came(
        self, recording: Recording, events: Events, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with capturing("SPAN_ONLY", monkeypatch), pytest.raises(Exception):  # noqa: B017, PT011  # the SDK's own error
            self.ask_for("cut")
        assert said_on(recording) == {**self.asked(), semconv.OUTPUT_MESSAGES: self.cut()}
        assert events.records == []
