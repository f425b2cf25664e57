"""Calls that are made now and answered later: batches, background responses. What fetches the answer is no call itself.

A fetch is observed like a call, but has no span. Each finished call that its answer tells of gets one, unless this
process counted that call before: polling an answer again, or listing it again, adds nothing. What other processes count
has the same response id, by which a ledger merges it (docs/decisions/0004-background-responses.md).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, Status, StatusCode

from spanledger import semconv
from spanledger._call import Call, flush, open_call
from spanledger._capturing import keep_answer
from spanledger._guard import guarded
from spanledger._outbox import Outbox
from spanledger._reading import Reading, end_attributes

if TYPE_CHECKING:
    import re

    from spanledger._reading import Ending, Request
    from spanledger.content import Format

__all__ = ["Fetching", "Find", "Found", "await_answer", "count_once", "is_awaited", "open_fetch"]

_REMEMBERED = 65_536
"""Response ids that are kept, some 10 MB at most; the oldest are forgotten first."""

_AT_ONCE = 256
"""Calls of one fetch whose spans are made at once; those of the others are made as fast as they can be exported."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finished call: `reading` has its usage and its response id. `started_ns`: when the provider began with it.
    `said`: its whole answer, which is in the format `content`."""

    operation: str
    reading: Reading
    started_ns: int | None = None
    needs: tuple[str, ...] = ("input", "output")
    said: object = None
    content: Format | None = None


_outbox = Outbox(flush)

Find = Callable[[object], Found | list[Found] | None]
"""The call or calls that a fetched answer, an event of it or a line of it tells of; `None` for no finished call."""


def _find_nothing(_answer: object) -> None:
    """Of a fetching that depends on its path."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """One kind of request for the answers of earlier calls, known by its method and its path (a regular expression).
    `by_path` makes what finds them, instead of `find`, where the path tells of what the answer does not."""

    method: str
    path: re.Pattern[str]
    find: Find = _find_nothing
    by_path: Callable[[str], Find] | None = None

    def finding(self, path: str) -> Find:
        """What finds the calls in the answer to a request with this path."""
        return self.by_path(path) if self.by_path is not None else self.find


class _Counted:
    """Response ids that are remembered, up to a number of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ids: dict[str, None] = {}
        self._lock = Lock()

    def forked(self) -> None:
        """This process came out of another, with what that had counted."""
        self._lock = Lock()

    def __contains__(self, response_id: object) -> bool:
        return response_id in self._ids

    def add(self, response_id: str) -> bool:
        """Whether the id is new."""
        with self._lock:
            if response_id in self._ids:
                return False
            self._ids[response_id] = None
            if len(self._ids) > self._size:
                del self._ids[next(iter(self._ids))]
            return True


_counted = _Counted(_REMEMBERED)
"""Those whose usage is on a span of this process."""

_awaited = _Counted(_REMEMBERED)
"""Those of calls that this process made and whose usage did not come with the answer."""

if hasattr(os, "register_at_fork"):  # a thread that does not come along may hold the lock
    os.register_at_fork(after_in_child=_counted.forked)
    os.register_at_fork(after_in_child=_awaited.forked)


def count_once(response_id: str) -> bool:
    """Whether the usage of this response is counted here for the first time; it is remembered."""
    return _counted.add(response_id)


def await_answer(response_id: str) -> None:
    """Remember that the usage of this response is still to come."""
    _awaited.add(response_id)


def is_awaited(response_id: object) -> bool:
    """Whether this process made the call without its usage: to be asked where a fetched answer does not tell."""
    return isinstance(response_id, str) and response_id in _awaited


def open_fetch(request: Request, find: Find) -> Fetch | None:
    """The fetch to observe, or `None` when nothing should be (see `open_call`). `request`: what its calls share."""
    call = open_call(request, _read_nothing, _read_nothing, adopts=True)
    return Fetch(call, find) if call is not None else None


def _read_nothing(_answer: object, _reading: Reading) -> None:
    """A fetch has nothing to say of itself."""


class Fetch(Call):
    """A request for the answers of earlier calls. Its own span is never started; `_find` says what it brought."""

    __slots__ = ("_find", "_made", "_started_ns")

    def __init__(self, call: Call, find: Find) -> None:
        """A fetch in place of `call`, which has no span yet."""
        super().__init__(call._runtime, call.request, call._read_response, call._read_chunk)  # noqa: SLF001  # one of us
        self._find = find
        self._made = 0
        self._started_ns = time.time_ns()

    @property
    def recording(self) -> bool:
        """An answer is to be looked at, whatever becomes of it."""
        return True

    def response(self, answer: object) -> None:
        guarded("count a fetched call", self._count, answer)

    def chunk(self, chunk: object) -> bool:
        guarded("count a fetched call", self._count, chunk)
        return False

    def _count(self, answer: object) -> None:
        found = self._find(answer)
        for one in found if isinstance(found, list) else [found]:
            if one is not None:
                self._count_one(one)

    def _count_one(self, found: Found) -> None:
        if found.reading.response_id is None or not count_once(found.reading.response_id):
            return
        self._made += 1
        if self._made <= _AT_ONCE:
            self._emit(found, time.time_ns())
        else:
            _outbox.send(partial(self._emit, found, time.time_ns()))

    def _emit(self, found: Found, ended_ns: int) -> None:
        """Make the span of a call, which is over."""
        request = replace(self.request, operation=found.operation, needs=found.needs, stream=False)
        span = self._runtime.tracer.start_span(
            request.span_name(),
            context=self._context,
            kind=SpanKind.CLIENT,
            attributes={**request.span_attributes(), **self.attribution()},
            start_time=min(found.started_ns or self._started_ns, self._started_ns),
        )
        attributes = end_attributes(request, found.reading, "read", None)
        span.set_attributes(attributes)
        keep_answer(span, {**request.span_attributes(), **attributes}, found.content, found.said)
        if self.retries:
            span.set_attribute(semconv.HTTP_RESEND_COUNT, self.retries)
        if found.reading.error_type:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended_ns)

    def _finish(self, how: Ending, error: BaseException | None) -> None:
        """Whatever it brought has its span already."""
