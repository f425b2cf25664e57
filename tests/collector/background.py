"""A server of asyncio in a thread of its own, so that a test may block."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Thread
from typing import TypeVar

__all__ = ["in_background"]

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
        yield ready.result(timeout=20)
    finally:
        stop.set()
        thread.join()
