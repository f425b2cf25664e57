"""Streams keep their type: what is observed is the iterator inside them, and the HTTP response below them.

Every way out ends the call once: read to the end, an exception, closed (by the stream, by a helper around it, or on the
response itself), dropped and collected, never iterated. Nothing here holds the object it observes, so that the observed
is collected when it would have been without us.
"""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Protocol, cast

from spanledger._call import ending_of
from spanledger._guard import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping

    from spanledger._call import Call, Ending

__all__ = ["HttpResponse", "observe_body", "observe_items"]

_LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a JSON answer that we are ready to hold while the application reads it by itself."""


class HttpResponse(Protocol):
    """What the responses of httpx, httpx2 and their like have in common."""

    is_closed: bool

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...
    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]: ...
    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...
    def aclose(self) -> Awaitable[None]: ...


class Observer(Protocol):
    """What learns of the items of a stream: a call, or a body that turns bytes into what a call reads.

    `advancing` is true while the next item is awaited: a response that closes then has been read to its end.
    """

    advancing: bool

    def chunk(self, chunk: object, /) -> None: ...
    def finish(self, how: Ending, error: BaseException | None = None) -> None: ...


def observe_items(stream: object, call: Call) -> None:
    """Observe a parsed stream (one with `_iterator` and `response`, as Stainless makes them) through its iterator."""
    inner = cast("object", getattr(stream, "_iterator"))  # noqa: B009  # private, so no type declares it
    if hasattr(inner, "__anext__"):
        items = _AsyncItems(cast("AsyncIterator[object]", inner), call)
    else:
        items = _Items(cast("Iterator[object]", inner), call)
    setattr(stream, "_iterator", items)  # noqa: B010
    if (response := cast("HttpResponse | None", getattr(stream, "response", None))) is not None:
        guarded("watch a response being closed", _watch_close, response, call)


def observe_body(response: HttpResponse, call: Call) -> None:
    """Observe a response that the application reads by itself (`with_raw_response`, `with_streaming_response`).

    One that has been read already is finished at once.
    """
    body = _Body(call, response.headers.get("content-type", ""))
    if response.is_closed:
        body.chunk(response.content)
        body.finish("read")
        return
    _watch_bytes(response, body)
    _watch_close(response, body)


class _Observed:
    """What the two kinds of iterator share: the observer is told how it ended, also when it is dropped."""

    __slots__ = ("_inner", "_observer")

    def __init__(self, inner: object, observer: Observer) -> None:
        self._observer = observer
        self._inner = inner

    def _left(self, error: BaseException) -> None:
        self._observer.advancing = False
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._observer.finish("read")
        else:
            self._observer.finish(ending_of(error), error)

    def __getattr__(self, name: str) -> object:
        """A generator has more than an iterator must have: `close`, `aclose`, `gi_frame` ..."""
        return getattr(object.__getattribute__(self, "_inner"), name)

    def __del__(self) -> None:
        self._observer.finish("abandoned")


class _Items(_Observed):
    """An iterator that shows every item to the observer."""

    __slots__ = ()

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> object:
        observer = self._observer
        observer.advancing = True
        try:
            item = cast("Iterator[object]", self._inner).__next__()
        except BaseException as error:
            self._left(error)
            raise
        observer.advancing = False
        observer.chunk(item)
        return item


class _AsyncItems(_Observed):
    """An asynchronous iterator that shows every item to the observer."""

    __slots__ = ()

    def __aiter__(self) -> _AsyncItems:
        return self

    async def __anext__(self) -> object:
        observer = self._observer
        observer.advancing = True
        try:
            item = await cast("AsyncIterator[object]", self._inner).__anext__()
        except BaseException as error:
            self._left(error)
            raise
        observer.advancing = False
        observer.chunk(item)
        return item


class _Body:
    """Bytes of an answer on their way to the application, decoded as far as a call needs them: events, or one JSON."""

    def __init__(self, call: Call, content_type: str) -> None:
        self.advancing = False
        self._call = call
        self._events = "event-stream" in content_type
        self._json = "json" in content_type
        self._buffer = bytearray()
        self._data: list[bytes] = []

    def chunk(self, chunk: object) -> None:
        guarded("read the bytes of an answer", self._feed, cast("bytes", chunk))

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if self._json and how == "read":
            guarded("read a JSON answer", self._whole)
        elif self._events and how == "read":
            guarded("read the last event", self._feed, b"\n\n")
        self._call.finish(how, error)

    def __del__(self) -> None:
        self._call.finish("abandoned")

    def _feed(self, data: bytes) -> None:
        if self._events:
            self._buffer += data
            *lines, rest = self._buffer.split(b"\n")
            self._buffer = rest
            for line in lines:
                self._line(bytes(line.rstrip(b"\r")))
        elif self._json and len(self._buffer) + len(data) <= _LARGEST_BODY:
            self._buffer += data

    def _line(self, line: bytes) -> None:
        """One line of server-sent events (HTML standard, section 9.2.6); only the field `data` matters here."""
        if line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line and self._data:
            data = b"\n".join(self._data)
            self._data.clear()
            if data != b"[DONE]":
                self._call.chunk(json.loads(data))

    def _whole(self) -> None:
        if self._buffer:
            answer = json.loads(self._buffer)
            self._buffer.clear()
            self._call.response(answer)


def _watch_bytes(response: HttpResponse, body: _Body) -> None:
    """Show the decoded bytes to `body` whichever way they are read: every reading method goes through these two."""
    kind, target = type(response), weakref.ref(response)

    def iter_bytes(chunk_size: int | None = None) -> object:
        return _Items(kind.iter_bytes(_alive(target), chunk_size), body)

    def aiter_bytes(chunk_size: int | None = None) -> object:
        return _AsyncItems(kind.aiter_bytes(_alive(target), chunk_size), body)

    vars(response).update(iter_bytes=iter_bytes, aiter_bytes=aiter_bytes)


def _watch_close(response: HttpResponse, observer: Observer) -> None:
    """Learn of a close that comes from outside an iteration: of the stream, of a helper, of the response."""
    kind, target = type(response), weakref.ref(response)

    def closing() -> HttpResponse:
        alive = _alive(target)
        for name in ("close", "aclose", "iter_bytes", "aiter_bytes"):
            vars(alive).pop(name, None)  # a closed response is as the SDK made it: it pickles
        if not observer.advancing:
            observer.finish("closed")
        return alive

    def close() -> None:
        kind.close(closing())

    def aclose() -> Awaitable[None]:
        return kind.aclose(closing())

    vars(response).update(close=close, aclose=aclose)


def _alive(target: weakref.ref[HttpResponse]) -> HttpResponse:
    """The response whose own method is being called, which therefore exists."""
    response = target()
    assert response is not None  # noqa: S101
    return response
