"""The raw HTTP responses below botocore (urllib3) and aiobotocore (aiohttp): bytes that pass by on their way to the
application, and how to learn that they are given up.

What is replaced is on the one response only: its `read` and `close` (urllib3), or its `content` (aiohttp, whose reader
takes no attributes). A response of any other kind is left alone: what its headers say is then all that is known.
"""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Protocol, cast

from spanledger._guard import guarded
from spanledger._reading import ending_of
from spanledger.usage import count

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from spanledger._call import Call
    from spanledger._reading import Ending
    from spanledger._streams import Observer

__all__ = ["observe_raw", "watch_raw_close"]

_LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a JSON answer that we are ready to hold while the application reads it."""


class RawResponse(Protocol):
    """`urllib3.HTTPResponse`: a file of the answer's bytes."""

    def read(self, amt: int | None = None, *args: object, **kwargs: object) -> bytes: ...
    def close(self) -> object: ...


class Reader(Protocol):
    """`aiohttp.StreamReader`, where an `aiohttp.ClientResponse` has its bytes."""

    def read(self, n: int = -1) -> Awaitable[bytes]: ...


def observe_raw(raw: object, call: Call, length: object) -> None:
    """Observe the JSON document that the application is about to read from `raw`; `length` is its size in bytes, where
    the answer's headers have it."""
    if not hasattr(raw, "__dict__") or hasattr(type(raw), "aiter_raw"):  # a stub of a test; httpx
        call.finish("read")
        return
    document = _Document(call, count(length))
    if hasattr(raw, "content"):
        content = cast("Reader", getattr(raw, "content"))  # noqa: B009  # of a class that we do not know
        setattr(raw, "content", _Content(content, document))  # noqa: B010
    else:
        _watch_read(cast("RawResponse", raw), document)
    watch_raw_close(raw, document)


def watch_raw_close(raw: object, observer: Observer) -> None:
    """Learn of a close that comes from outside an iteration. `raw` is of either library."""
    kind, target = cast("type[RawResponse]", type(raw)), weakref.ref(cast("RawResponse", raw))

    def close() -> object:
        if not observer.advancing:
            observer.finish("closed")
        response = target()
        return kind.close(response) if response is not None else None

    vars(raw)["close"] = close


class _Document:
    """One JSON document that the application reads as bytes; complete at its length, or when nothing more comes."""

    def __init__(self, call: Call, length: int | None) -> None:
        self.advancing = False
        self._call = call
        self._length = length
        self._buffer = bytearray()

    def chunk(self, data: object) -> None:
        data = cast("bytes", data)
        if len(self._buffer) + len(data) <= _LARGEST_BODY:
            self._buffer += data

    def read(self, data: bytes, wanted: int | None) -> None:
        """`data` came when `wanted` bytes were asked for (`None` or a negative number: all there are)."""
        self.chunk(data)
        everything = wanted is None or wanted < 0
        if everything or len(self._buffer) == self._length or (not data and wanted != 0):
            self.finish("read")

    def finish(self, how: Ending, error: BaseException | None = None) -> None:
        if how == "read" and self._buffer:
            guarded("read a JSON answer", self._whole)
        self._call.finish(how, error)

    def __del__(self) -> None:
        self._call.finish("abandoned")

    def _whole(self) -> None:
        answer = json.loads(self._buffer)
        self._buffer.clear()
        self._call.response(answer)


def _watch_read(raw: RawResponse, document: _Document) -> None:
    kind, target = type(raw), weakref.ref(raw)

    def read(amt: int | None = None, *args: object, **kwargs: object) -> bytes:
        response = target()
        assert response is not None  # noqa: S101  # its own method is being called
        try:
            data = kind.read(response, amt, *args, **kwargs)
        except BaseException as error:
            document.finish(ending_of(error), error)
            raise
        guarded("read the bytes of an answer", document.read, data, amt)
        return data

    vars(raw)["read"] = read


class _Content:
    """The reader in a response of aiohttp, which tells the document what is read."""

    def __init__(self, inner: Reader, document: _Document) -> None:
        self._inner = inner
        self._document = document

    async def read(self, n: int = -1) -> bytes:
        try:
            data = await self._inner.read(n)
        except BaseException as error:
            self._document.finish(ending_of(error), error)
            raise
        guarded("read the bytes of an answer", self._document.read, data, n)
        return data

    def __getattr__(self, name: str) -> object:
        """Whatever else the reader does."""
        return getattr(object.__getattribute__(self, "_inner"), name)
