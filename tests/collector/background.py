"""What runs beside a test: a server in a thread of its own, another process that has a file open."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

__all__ = ["held", "in_background"]

T = TypeVar("T")

Serve = Callable[[Callable[[T], None], Callable[[], Awaitable[object]]], Coroutine[None, None, None]]
"""Told with `ready(what)` that it runs, it waits with `await until_stopped()`."""


@contextmanager
def in_background(serve: Serve[T]) -> Generator[T]:
    """Run `serve(ready, until_stopped)` during a `with` block; gives what it was ready with, raises what it raised."""
    ready: Future[T] = Future()
    stop = Event()

    def run() -> None:
        try:
            asyncio.run(serve(ready.set_result, lambda: asyncio.to_thread(stop.wait)))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield ready.result(timeout=60)
    finally:
        stop.set()
        thread.join()


@contextmanager
def held(db: Path) -> Generator[int]:
    """Another process has the file open; its number."""
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process.pid
        process.communicate(timeout=20)
