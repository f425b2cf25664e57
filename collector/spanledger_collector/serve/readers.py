"""Readers of the ledger in a running server: few at once, each in a thread of its own, none for ever."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import duckdb

from spanledger_collector.errors import QueryTimedOut, Stopping
from spanledger_collector.ledger.store import Ledger

__all__ = ["AT_ONCE", "Readers"]

T = TypeVar("T")

AT_ONCE = 4
"""More readers at once would take the two or more cores that receiving needs, and end no sooner."""
_SECONDS = 30.0
_AGAIN_SECONDS = 0.1


class Readers:
    """Runs work on cursors off the event loop, so that receiving goes on while people ask."""

    def __init__(self, ledger: Ledger, *, at_once: int = AT_ONCE, seconds: float = _SECONDS) -> None:
        """`seconds` is what one piece of work may take, waiting for its turn included."""
        self._ledger = ledger
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(at_once, "reader")
        self.running: set[duckdb.DuckDBPyConnection] = set()
        """Cursors at work."""
        self._lock = threading.Lock()  # around `running` and `_closed`
        self._closed = False

    async def run(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """What `work` returns, given a cursor. Raises QueryTimedOut, Stopping, and what `work` raises."""
        deadline = time.monotonic() + self._seconds
        try:
            reading = self._threads.submit(self._work, work, deadline)
        except RuntimeError as error:
            raise self._stopping() from error
        return await asyncio.wrap_future(reading)

    def close(self) -> None:
        """Begin nothing any more and interrupt what runs, so that the server can end. Returns at once."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=False)
        threading.Thread(target=self._interrupt, name="reader-end", daemon=True).start()

    def _interrupt(self) -> None:
        """Until nothing runs: an interrupt just before or between statements has no effect."""
        while True:
            with self._lock:
                if not self.running:
                    return
                for cursor in self.running:
                    cursor.interrupt()
            time.sleep(_AGAIN_SECONDS)

    def _work(self, work: Callable[[duckdb.DuckDBPyConnection], T], deadline: float) -> T:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise QueryTimedOut(self._seconds)
        with self._cursor() as cursor, _interrupted_after(seconds, cursor):
            try:
                return work(cursor)
            except duckdb.InterruptException as error:
                raise (self._stopping() if self._closed else QueryTimedOut(self._seconds)) from error

    @contextmanager
    def _cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A cursor that `close` interrupts. Raises Stopping."""
        with self._lock:
            if self._closed:
                raise self._stopping()
            cursor = self._ledger.cursor()
            self.running.add(cursor)
        try:
            yield cursor
        finally:
            with self._lock:
                self.running.remove(cursor)
            cursor.close()

    @staticmethod
    def _stopping() -> Stopping:
        return Stopping("The server is stopping; ask the file when it has ended.")


@contextmanager
def _interrupted_after(seconds: float, cursor: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Interrupt what runs on the cursor after a time, and again, as `Readers.close` does."""
    done = threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        cursor.interrupt()
        while not done.wait(_AGAIN_SECONDS):
            cursor.interrupt()

    watcher = threading.Thread(target=watch, name="reader-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
