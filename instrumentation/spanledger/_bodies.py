"""Answers that the application reads by itself, as bytes: `with_raw_response`, `with_streaming_response`, plain HTTP.

The decoded bytes pass by on their way to the application; from them come the events, or the one JSON document, that a
parsed stream or answer would have brought.
"""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, cast

from spanledger._guard import guarded
from spanledger._streams import AsyncItems, Items, watch_close

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanledger._call import Call
    from spanledger._reading import Ending
    from spanledger._streams import HttpResponse

__all__ = ["observe_body"]

_JSON_LINES = ("ndjson", "stream+json", "jsonl")
"""In a content type: one JSON document in each line (Ollama; Cohere's v1 streams)."""

_EVENTS = (b"data:", b"event:")
"""With what a stream of server-sent events begins, and no JSON."""

_LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a JSON answer that we are ready to hold while the application reads it."""


def observe_body(response: HttpResponse, call: Call, *, parsed: bool = True) -> None:
    """Observe a response that the application reads by itself (`with_raw_response`, `with_streaming_response`).

    One that has been read already is finished at once. Unless `parsed`, the call gets chunks as bytes of JSON.
    """
    body = _Body(call, response.headers.get("content-type", ""), json.loads if parsed else bytes)
    if response.is_closed:
        body.chunk(response.content)
        body.finish("read")
        return
    _watch_bytes(response, body)
    watch_close(response, body)


class _Body:
    """Bytes of an answer on their way to the application, decoded as far as a call needs them: events, or one JSON."""

    def __init__(self, call: Call, content_type: str, decode: Callable[[bytes], object]) -> None:
        self.response: weakref.ref[HttpResponse] | None = None
        self._call = call
        self._decode = decode
        self._json_lines = any(kind in content_type for kind in _JSON_LINES)
        self._by_line = self._json_lines or "event-stream" in content_type
        self._json = not self._by_line and "json" in content_type
        self._begun = self._ended = False
        self._buffer = bytearray()
        self._data: list[bytes] = []

    @property
    def advancing(self) -> bool:
        return self._call.advancing

    @advancing.setter
    def advancing(self, value: bool) -> None:
        self._call.advancing = value

    def chunk(self, chunk: object) -> None:
        guarded("read the bytes of an answer", self._feed, cast("bytes", chunk))

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if self._json and how == "read":
            guarded("read a JSON answer", self._whole)
        elif self._by_line and how == "read":
            guarded("read the last event", self._feed, b"\n\n")
        elif self._ended and how == "closed":
            how = "read"
        self._let_go()
        self._call.finish(how, error)

    def __del__(self) -> None:
        self._call.finish("abandoned")

    def _let_go(self) -> None:
        """A response that was read is as the SDK made it: it pickles."""
        response = self.response() if self.response is not None else None
        if response is not None:
            for name in ("iter_bytes", "aiter_bytes"):
                vars(response).pop(name, None)

    def _feed(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            if data.startswith(_EVENTS):  # whatever its content type says: the SDKs read what they asked for
                self._by_line, self._json = True, False
        if self._by_line:
            self._buffer += data
            *lines, rest = self._buffer.split(b"\n")
            self._buffer = rest
            for line in lines:
                self._line(bytes(line.rstrip(b"\r")))
        elif self._json and len(self._buffer) + len(data) <= _LARGEST_BODY:
            self._buffer += data

    def _line(self, line: bytes) -> None:
        """One line of server-sent events (HTML standard, section 9.2.6), of which only the field `data` matters here,
        or one JSON document."""
        if self._json_lines:
            if line.strip():
                self._call.chunk(self._decode(line))
        elif line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line and self._data:
            data = b"\n".join(self._data)
            self._data.clear()
            self._ended = data == b"[DONE]"  # upon which the SDK of OpenAI closes what it did not read to its end
            if data and not self._ended:
                self._call.chunk(self._decode(data))

    def _whole(self) -> None:
        if self._buffer:
            answer = json.loads(self._buffer)
            self._buffer.clear()
            self._call.response(answer)


def _watch_bytes(response: HttpResponse, body: _Body) -> None:
    """Show the decoded bytes to `body` whichever way they are read: every reading method goes through these two."""
    kind, target = type(response), weakref.ref(response)

    def iter_bytes(chunk_size: int | None = None) -> object:
        return Items(kind.iter_bytes(_alive(target), chunk_size), body)

    def aiter_bytes(chunk_size: int | None = None) -> object:
        return AsyncItems(kind.aiter_bytes(_alive(target), chunk_size), body)

    vars(response).update(iter_bytes=iter_bytes, aiter_bytes=aiter_bytes)
    body.response = target


def _alive(target: weakref.ref[HttpResponse]) -> HttpResponse:
    """The response whose own method is being called, which therefore exists."""
    response = target()
    assert response is not None  # noqa: S101
    return response
