"""The journal: group commit of spans in one writer thread, so that one sync to disk serves all who wait for it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import duckdb

from spanledger_collector.errors import NotStored, RetryableError, Stopping
from spanledger_collector.journal.rows import Dialects
from spanledger_collector.journal.writer import Appended, Submission, Writer
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.stats import Stats

__all__ = ["Journal"]

_logger = logging.getLogger(__name__)
_SPANS_PER_COMMIT = 8192
"""Enough to make a commit cheap per span, few enough to keep memory and the wait of the next request small."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that waits for its spans to be durable."""

    submission: Submission
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Appended]

    def resolve(self, outcome: Appended | RetryableError) -> None:
        self.loop.call_soon_threadsafe(_settle_future, self.future, outcome)


class Journal:
    """Accepts spans from any event loop; `append` returns when they are durable.

    What arrives during one commit is the next one: no timer, so a lone request waits for nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        stats: Stats,
        dialects: Dialects,
        on_commit: Callable[[], None],
        handover: Handover | None = None,
        *,
        on_fatal: Callable[[duckdb.FatalException], None] | None = None,
    ) -> None:
        """`on_commit` is called in the writer thread after each commit; it must return at once. `handover` is offered
        the observations before. `on_fatal` is told, in the same thread, when the database gave up."""
        self._on_fatal = on_fatal
        self._writer = Writer(ledger, stats, dialects, handover)
        self._stats = stats
        self._on_commit = on_commit
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closing = threading.Lock()  # between the look at `_closed` and the put, so that no one waits for ever
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal")
        self._thread.start()

    async def append(self, spans: Sequence[ReceivedSpan]) -> Appended:
        """Store the spans and return when they are durable. Raises NotStored or Stopping: none of them is stored."""
        if not spans:
            return Appended(0)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(Submission(spans, time.time_ns()), loop, loop.create_future())
        with self._closing:
            if self._closed:
                raise Stopping("The server is stopping; send the same request again.")
            self._queue.put(waiting)
        return await waiting.future

    def close(self) -> None:
        """Refuse new spans, finish the commits of those accepted, and end the thread. Blocks; may be called twice."""
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._commit(batch)
        self._writer.close()

    def _next_batch(self) -> list[_Waiting] | None:
        """What is waiting now, up to one commit's worth; waits for the first. None when closed and empty."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        count = len(first.submission.spans)
        while count < _SPANS_PER_COMMIT:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
            count += len(following.submission.spans)
        return batch

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = self._writer.commit([waiting.submission for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whatever fails, those who wait are told and the writer lives on
            self._failed(batch, error)
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.resolve(outcome)
            self._on_commit()

    def _failed(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Tell every request to come again; one that cannot be stored must not take the others with it."""
        disk_or_memory = isinstance(error, duckdb.OperationalError | duckdb.FatalException)
        if len(batch) > 1 and not disk_or_memory:
            for waiting in batch:
                self._commit([waiting])
            return
        self._stats.commit_failures.inc()
        ours = None if isinstance(error, duckdb.Error) else error  # a trace helps with our own mistakes only
        _logger.error("The journal could not commit %d request(s): %s", len(batch), error, exc_info=ours)
        if isinstance(error, duckdb.FatalException) and self._on_fatal is not None:
            self._on_fatal(error)
        for waiting in batch:
            waiting.resolve(NotStored(f"The journal could not be written: {error}"))


def _settle_future(future: asyncio.Future[Appended], outcome: Appended | RetryableError) -> None:
    if future.done():  # the client has gone; its spans are stored all the same
        return
    if isinstance(outcome, RetryableError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
