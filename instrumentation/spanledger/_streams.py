"""Streams keep their type: what is observed is the iterator inside them, and the HTTP response below them.

Every way out ends the call once: read to the end, an exception, closed (by the stream, by a helper around it, or on the
response itself), dropped and collected, never iterated. Nothing here holds the object it observes, so that the observed
is collected when it would have been without us.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from spanledger._guard import guarded
from spanledger._reading import ending_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from spanledger._call import Call
    from spanledger._reading import Ending

__all__ = ["AsyncItems", "HttpResponse", "Items", "Observer", "observe_items", "watch_close"]


class ByteStream(Protocol):
    """The bytes below a response: `httpx.SyncByteStream`, `AsyncByteStream`, or both in one."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...
    def aclose(self) -> Awaitable[None]: ...


class HttpResponse(Protocol):
    """What the responses of httpx, httpx2 and their like have in common."""

    is_closed: bool
    stream: ByteStream

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...
    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]: ...
    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]: ...


class Observer(Protocol):
    """What learns of the items of a stream: a call, or a body that turns bytes into what a call reads.

    `advancing` is true while the next item is awaited: a response that closes then has been read to its end. `chunk`
    returns true for an item that the application must not see.
    """

    @property
    def advancing(self) -> bool: ...
    @advancing.setter
    def advancing(self, value: bool) -> None: ...
    def chunk(self, chunk: object, /) -> bool | None: ...
    def finish(self, how: Ending, error: BaseException | None = None) -> None: ...


def observe_items(stream: object, call: Call) -> None:
    """Observe a parsed stream (one with `_iterator` and `response`, as Stainless makes them) through its iterator.

    Of a helper around a stream, as Anthropic's SDK returned before 1.0, it is the stream inside.
    """
    stream = cast("object", getattr(stream, "_raw_stream", stream))
    inner = cast("object", getattr(stream, "_iterator"))  # noqa: B009  # private, so no type declares it
    if hasattr(inner, "__anext__"):
        items = AsyncItems(cast("AsyncIterator[object]", inner), call)
    else:
        items = Items(cast("Iterator[object]", inner), call)
    setattr(stream, "_iterator", items)  # noqa: B010
    if (response := cast("HttpResponse | None", getattr(stream, "response", None))) is not None:
        guarded("watch a response being closed", watch_close, response, call)


class _Observed:
    """What the two kinds of iterator share: the observer is told how it ended, also when it is dropped."""

    __slots__ = ("_inner", "_observer")

    def __init__(self, inner: object, observer: Observer) -> None:
        self._observer = observer
        self._inner: Any = inner  # an iterator of either kind

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


class Items(_Observed):
    """An iterator that shows every item to the observer."""

    __slots__ = ()

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> object:
        observer = self._observer
        observer.advancing = True
        try:
            item = self._inner.__next__()
        except BaseException as error:
            self._left(error)
            raise
        observer.advancing = False
        return self.__next__() if observer.chunk(item) else item


class AsyncItems(_Observed):
    """An asynchronous iterator that shows every item to the observer."""

    __slots__ = ()

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> object:
        observer = self._observer
        observer.advancing = True
        try:
            item = await self._inner.__anext__()
        except BaseException as error:
            self._left(error)
            raise
        observer.advancing = False
        return await self.__anext__() if observer.chunk(item) else item


def watch_close(response: HttpResponse, observer: Observer) -> None:
    """Learn of a close that comes from outside an iteration: of the stream, of a helper, of the response.

    All of them close the byte stream below the response, which is replaced by one that says so. It is of the same kind,
    synchronous or asynchronous or both, as `httpx` checks that.
    """
    stream = response.stream
    kinds = tuple(kind for kind in type(stream).__mro__ if kind.__name__ in {"SyncByteStream", "AsyncByteStream"})
    response.stream = _watching_class(kinds)(stream, observer)


class _WatchedBytes:
    """The byte stream below a response; tells the observer when it is closed. The SDK's httpx adds the base classes."""

    def __init__(self, inner: ByteStream, observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inner)

    def close(self) -> None:
        self._tell()
        self._inner.close()

    def aclose(self) -> Awaitable[None]:
        self._tell()
        return self._inner.aclose()

    def _tell(self) -> None:
        # A body that is being read closes when it is read to its end: then the reading reports it.
        if not self._observer.advancing:
            self._observer.finish("closed")

    def __getattr__(self, name: str) -> object:
        """Whatever else httpx keeps there, such as `elapsed`."""
        return getattr(object.__getattribute__(self, "_inner"), name)


@lru_cache(maxsize=16)
def _watching_class(kinds: tuple[type, ...]) -> Callable[[ByteStream, Observer], ByteStream]:
    return cast("Callable[[ByteStream, Observer], ByteStream]", type("WatchedBytes", (_WatchedBytes, *kinds), {}))
