"""Readers of the ledger in a running server: few at once, each in a thread of its own, none for ever."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import duckdb

from spanledger_collector.errors import QueryTimedOut
from spanledger_collector.ledger.store import Ledger

__all__ = ["Readers"]

T = TypeVar("T")

_AT_ONCE = 4
"""More readers at once would take the two or more cores that receiving needs, and end no sooner."""
_SECONDS = 30.0
_AGAIN_SECONDS = 0.1


class Readers:
    """Runs work on cursors off the event loop, so that receiving goes on while people ask."""

    def __init__(self, ledger: Ledger, *, at_once: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        """`seconds` is what one piece of work may take, waiting for its turn included."""
        self._ledger = ledger
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(at_once, "reader")

    async def run(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """What `work` returns, given a cursor. Raises QueryTimedOut, and what `work` raises."""
        deadline = time.monotonic() + self._seconds
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, work, deadline)

    def close(self) -> None:
        """Begin nothing any more; what runs may end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, work: Callable[[duckdb.DuckDBPyConnection], T], deadline: float) -> T:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise QueryTimedOut(self._seconds)
        cursor = self._ledger.cursor()
        try:
            with _interrupted_after(seconds, cursor):
                return work(cursor)
        except duckdb.InterruptException as error:
            raise QueryTimedOut(self._seconds) from error
        finally:
            cursor.close()


@contextmanager
def _interrupted_after(seconds: float, cursor: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Interrupt what runs on the cursor after a time, and again: an interrupt between two statements has no effect."""
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
