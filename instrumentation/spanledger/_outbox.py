"""Spans that come faster than they can be exported, as the results of a batch do when they are fetched.

The OpenTelemetry SDK drops what does not fit into its queue (2,048 spans, unless set otherwise), and with it money. So
the spans beyond the first few of a fetch wait here and go out in small numbers, each exported before the next follow.
The application waits for none of this, but for a few seconds when it ends.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections import deque
from threading import Lock, Thread
from typing import TYPE_CHECKING

from spanledger._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Outbox"]

_AT_ONCE = 256
"""Spans between two exports: well below the queue, in which the application has others."""

_EXIT_SECONDS = 10.0
"""How long an application that ends waits for what has not been exported."""

_log = logging.getLogger("spanledger")


class Outbox:
    """What waits to be emitted. A thread does it, which is there only while something waits."""

    def __init__(self, flush: Callable[[], object]) -> None:
        """`flush` exports what has been emitted, and returns when that is done."""
        self._flush = flush
        self._waiting: deque[Callable[[], object]] = deque()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._registered = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def send(self, emit: Callable[[], object]) -> None:
        """Have `emit` called soon, in a thread."""
        with self._lock:
            self._waiting.append(emit)
            if self._thread is not None:
                return
            self._thread = Thread(target=self._work, name="spanledger-outbox", daemon=True)
            if not self._registered:  # after the tracer provider did so: what is registered last is called first
                atexit.register(self._at_exit)
                self._registered = True
            self._thread.start()

    def _work(self) -> None:
        while True:
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                guarded("emit a span that waited", self._waiting.popleft())
            guarded("export spans", self._flush)
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _at_exit(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(_EXIT_SECONDS)
        if self._waiting:
            _log.warning("spanledger: %d fetched results were not exported before the end", len(self._waiting))

    def _forked(self) -> None:
        """In a process that comes out of another: what waits there is sent by that one."""
        self._lock = Lock()
        self._waiting.clear()
        self._thread = None
