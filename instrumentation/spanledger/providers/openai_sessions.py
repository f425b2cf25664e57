"""OpenAI's sessions over a socket: realtime, Responses, and live ones. Each response in them is a call.

What the server sends is read on its way to the application, as bytes; of most messages (audio) no more than their name.
A live session is billed by the seconds that it told last, besides the responses that it delegates (types of the SDK:
`realtime_response_usage`, `session_usage`, `response_event`, `decision_event`); one that translates tells of no usage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from spanledger._call import open_call
from spanledger._guard import guarded
from spanledger._http import server_of
from spanledger._patching import PatchPoint
from spanledger._reading import Request
from spanledger.hosts import provider_of_host
from spanledger.providers.openai_media import read_transcription
from spanledger.providers.openai_responses import LAST_EVENTS, read_whole_response
from spanledger.providers.openai_usage import read_identity
from spanledger.usage import fields, get, put, put_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from spanledger._call import Call
    from spanledger._reading import Ending, Reader, Reading
    from spanledger._wrapping import Args

__all__ = ["session_points"]

_REALTIME: Final = "realtime_inference"
_CREATED: Final = "response.created"
_DONE: Final = "response.done"
_ENDS: Final = LAST_EVENTS | {_DONE}
_DECIDED: Final = "decision.completed"
_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
_CLOSED: Final = "session.closed"
_NESTED: Final = frozenset({"response.event", "decision.event"})
_ABOUT_ITSELF: Final = tuple(f"session.{what}" for what in ("created", "started", "updated", "usage.updated", "closed"))
_TELLING: Final = (
    *(f'"{kind}"'.encode() for kind in (_CREATED, *_ENDS, _DECIDED, _TRANSCRIBED, *_ABOUT_ITSELF)),
    *(b'text.delta"', b'transcript.delta"', b'arguments.delta"'),
)
"""What is in a message that is worth parsing."""


def read_realtime_event(event: object, reading: Reading) -> None:
    """An event of a realtime response; the last one has the whole of it, with its usage."""
    response, delta = get(event, "response"), get(event, "delta")
    read_identity(fields(response), reading)
    reading.characters += len(delta) if isinstance(delta, str) else 0
    if get(event, "type") != _DONE:
        return
    read_whole_response(response, reading)
    _read_realtime_usage(get(response, "usage"), reading)
    if isinstance(code := get(get(get(response, "status_details"), "error"), "code"), str):
        reading.error_type = code
    reading.complete = True


def _read_realtime_usage(usage: object, reading: Reading) -> None:
    """What realtime responses tell besides what all others do: what of the cached input was audio, and the output."""
    cached, output = get(get(usage, "input_token_details"), "cached_tokens_details"), get(usage, "output_token_details")
    for modality in ("audio", "image"):
        put(reading.usage, f"cache_read_{modality}", get(cached, f"{modality}_tokens"))
        put(reading.usage, f"output_{modality}", get(output, f"{modality}_tokens"))
    put(reading.usage, "reasoning", get(output, "reasoning_tokens"))


def read_session_event(event: object, reading: Reading) -> None:
    """What a live session took so far: each event has all of it."""
    session_id, model = get(get(event, "session"), "id"), get(get(event, "session"), "model")
    if isinstance(session_id, str):
        reading.response_id = session_id
    if isinstance(model, str):
        reading.response_model = model
    put_seconds(reading.usage, get(get(event, "usage"), "seconds"))
    reading.complete = get(event, "type") == _CLOSED


class Connection(Protocol):
    """A connection of the SDK: what it is around is a connection of `websockets`."""

    _connection: object


class _Session:
    """One connection: which models are at work in it, and the calls that are under way."""

    def __init__(self, connection: Connection, read_response_event: Reader) -> None:
        self._itself: Call | None = None
        self._calls: dict[str, Call] = {}
        self._read_response_event = read_response_event
        request = get(connection._connection, "request")  # noqa: SLF001  # the SDK has no public name for it  # pyright: ignore[reportPrivateUsage]
        path = urlsplit(str(get(request, "path") or ""))
        asked = parse_qs(path.query)
        self._started = "session.created" if path.path.endswith("/translations") else "session.started"
        host = cast("Mapping[str, str]", get(request, "headers") or {}).get("Host", "")
        self._server = server_of(f"https://{host}")
        self._model: object = next((asked[name][0] for name in ("model", "deployment") if name in asked), None)
        self._transcriber: object = None

    def __del__(self) -> None:
        self.end("abandoned")

    def end(self, how: Ending, error: BaseException | None = None) -> None:
        """Nothing more will come of what is under way."""
        calls, self._calls = [self._itself, *self._calls.values()], {}
        self._itself = None
        for call in calls:
            if call is not None:
                call.finish(how, error)

    def message(self, data: bytes) -> None:
        if not any(word in data for word in _TELLING):
            for call in self._calls.values():
                call.reading.chunks += 1
            return
        event: object = json.loads(data)
        if get(event, "type") in _NESTED:
            event = get(event, "event")
        kind = str(get(event, "type"))
        if kind in _ABOUT_ITSELF:
            self._about_itself(kind, event)
        elif kind == _TRANSCRIBED:  # by a model of its own, which bills apart
            self._at_once("transcription", self._transcriber, read_transcription, event, get(event, "item_id"))
        elif kind == _DECIDED:
            decision = get(event, "decision")
            self._at_once("chat", get(decision, "model"), read_whole_response, decision, None)
        else:
            self._response(kind, event)

    def _about_itself(self, kind: str, event: object) -> None:
        session = get(event, "session")
        self._model = get(session, "model") or self._model
        heard = get(get(get(session, "audio"), "input"), "transcription") or get(session, "input_audio_transcription")
        self._transcriber = get(heard, "model") or self._transcriber
        if get(event, "usage") is None and kind not in (self._started, _CLOSED):
            return
        self._itself = self._itself or self._open(_REALTIME, self._model, read_session_event, ("second",))
        if self._itself is not None:
            self._itself.chunk(event)
            if kind == _CLOSED:
                self._itself.finish("read")
                self._itself = None

    def _at_once(self, operation: str, model: object, read: Reader, answer: object, name: object) -> None:
        """A call of which one message tells all."""
        call = self._open(operation, model, read)
        if call is not None:
            call.reading.response_id = name if isinstance(name, str) else None
            call.chunk(answer)
            call.finish("read")

    def _response(self, kind: str, event: object) -> None:
        response = get(event, "response")
        name = str(get(response, "id") or get(event, "response_id") or "")
        if not name and len(self._calls) == 1:  # deltas of the Responses API do not say whose they are
            [name] = self._calls
        call = self._calls.get(name)
        if call is None and (kind == _CREATED or kind in _ENDS):
            call = self._open_response(kind, response)
        if call is None:
            return
        self._calls[name] = call
        call.chunk(event)
        if kind in _ENDS:
            del self._calls[name]
            call.finish("read")

    def _open_response(self, kind: str, response: object) -> Call | None:
        if get(response, "object") != "realtime.response" and kind != _DONE:
            return self._open("chat", get(response, "model") or self._model, self._read_response_event)
        call = self._open(_REALTIME, self._model, read_realtime_event)
        if call is not None and isinstance(self._model, str):
            call.reading.response_model = self._model
        return call

    def _open(
        self, operation: str, model: object, read: Reader, needs: tuple[str, ...] = ("input", "output")
    ) -> Call | None:
        request = Request(
            operation=operation,
            provider=provider_of_host(self._server.host, "openai"),
            model=model if isinstance(model, str) else None,
            server_address=self._server.host or None,
            server_port=self._server.port,
            stream=True,
            needs=needs,
        )
        return open_call(request, read, read)


_sessions: WeakKeyDictionary[Connection, _Session] = WeakKeyDictionary()


def session_points(read_response_event: Reader) -> tuple[PatchPoint, ...]:
    """The patch points of every kind of connection, blocking and not. `read_response_event`: of the Responses API."""

    def heard(connection: Connection, data: bytes) -> None:
        session = _sessions.get(connection)
        if session is None:
            session = _sessions[connection] = _Session(connection, read_response_event)
        session.message(data)

    def receive(
        wrapped: Callable[..., bytes], connection: Connection, args: Args, kwargs: Mapping[str, object]
    ) -> bytes:
        try:
            data = wrapped(*args, **kwargs)
        except Exception as error:
            guarded("end a session", _lost, connection, error)
            raise
        guarded("read a message of a session", heard, connection, data)
        return data

    async def async_receive(
        wrapped: Callable[..., Awaitable[bytes]], connection: Connection, args: Args, kwargs: Mapping[str, object]
    ) -> bytes:
        try:
            data = await wrapped(*args, **kwargs)
        except Exception as error:
            guarded("end a session", _lost, connection, error)
            raise
        guarded("read a message of a session", heard, connection, data)
        return data

    return tuple(
        point
        for module, kind, since in _KINDS
        for prefix, wrapper in (("", receive), ("Async", async_receive))
        for point in (
            PatchPoint(module, f"{prefix}{kind}.recv_bytes", wrapper, since, optional=since is None),
            PatchPoint(module, f"{prefix}{kind}.close", _close, since, optional=since is None),
        )
    )


def _close(wrapped: Callable[..., object], connection: Connection, args: Args, kwargs: Mapping[str, object]) -> object:
    """The application closes a connection; of an asynchronous one the closing is awaited after this."""
    if (session := _sessions.get(connection)) is not None:
        guarded("end a session", session.end, "closed")
    return wrapped(*args, **kwargs)


def _lost(connection: Connection, error: Exception) -> None:
    """Receiving failed. A connection that was closed in order did not; what does not end it is the application's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    session = _sessions.get(connection)
    if session is not None and "ConnectionClosed" in names:
        if "ConnectionClosedOK" in names:
            session.end("closed")
        else:
            session.end("failed", error)


_KINDS: Final = (
    ("openai.resources.realtime.realtime", "RealtimeConnection", "1.107"),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection", None),
    ("openai.resources.realtime.translations.translations", "TranslationsConnection", "3.20"),
    ("openai.resources.responses.responses", "ResponsesConnection", "3.0"),
    ("openai.resources.beta.responses.responses", "ResponsesConnection", "3.15"),
    ("openai.resources.live.live", "LiveConnection", "3.20"),
    ("openai.resources.live.forks", "ForksConnection", "3.22"),
    ("openai.resources.live.sideband", "SidebandConnection", "3.22"),
)
"""Module, class, and since which version it must be there; the asynchronous one is named alike."""
