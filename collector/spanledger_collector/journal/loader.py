"""The thread that brings what is in the intake into the journal, in batches as large as what is waiting."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, NamedTuple

import duckdb

from spanledger_collector.errors import LedgerUnreadable
from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.intake import Intake
from spanledger_collector.journal.leftover import Batch, Leftover
from spanledger_collector.journal.loading import load_batch
from spanledger_collector.journal.position import Position
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.store import ROWS_PER_GROUP
from spanledger_collector.ledger.transactions import gave_up, is_about_size
from spanledger_collector.scheduling import BackgroundThread
from spanledger_collector.stats import Stats

__all__ = ["PAUSE_SECONDS", "Loader", "Logged"]

_logger = logging.getLogger(__name__)
_MOST: Final = Held(spans=24_576, bytes=64 * 1024 * 1024)
"""What may wait to be loaded, two batches: one that is being loaded, and one that gathers meanwhile. A third took
10 MiB more under a long flood, and brought nothing."""
_SPANS_PER_BATCH: Final = 2 * ROWS_PER_GROUP
"""What a transaction brings is in memory several times meanwhile. So many spans are written into the file at once, and
so is what they tell if half of them are model calls."""
PAUSE_SECONDS: Final = 0.2
"""Between batches, while spans gather: a transaction costs as much as 500 spans."""
_LONGEST: Final = 4
"""So many pauses are waited for a whole batch, at most, where spans come fast enough to make one in that time."""
_FIRST_RETRY_SECONDS: Final = 0.5
_LAST_RETRY_SECONDS: Final = 15.0
_TRIES_FOR_MEMORY: Final = 8
"""Before a request is set aside for which alone there is not the memory: about a minute, as it may be a question or a
reprice that takes it."""


class Logged(NamedTuple):
    """A frame of the intake that is durable, still in memory."""

    number: int
    held: Held
    entries: Sequence[Entry]


class Loader:
    """Loads first what was left behind, then what it is given, in this order. A failure is logged and tried again, more
    and more seldom; what waits stays in the intake meanwhile."""

    def __init__(
        self,
        writer: Writer,
        intake: Intake,
        left: Leftover,
        stats: Stats,
        *,
        on_load: Callable[[], None],
        on_fatal: Callable[[duckdb.Error], None] | None,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """`on_load` is called in the thread after each batch; `on_fatal` is told there when the database gave up."""
        self._writer = writer
        self._intake = intake
        self._left = left
        self._stats = stats
        self._on_load = on_load
        self._on_fatal = on_fatal
        self._pause_seconds = pause_seconds
        self._changed = threading.Condition()
        self._logged: deque[Logged] = deque()
        self._waiting = Held()
        self._left_over = left.held
        self._unreadable = Held()
        self._last_batch_at = -inf  # not 0: the clock may have begun with the machine, a moment ago
        self._oldest_ns = time.time_ns()
        self._trouble: str | None = None
        self._closing = False
        self._loaded = 0
        self._thread = BackgroundThread(target=self._run, name="load")
        self._thread.start()

    @property
    def waiting(self) -> Held:
        """What is acknowledged and not in the journal yet."""
        with self._changed:
            return self._waiting + self._left_over

    @property
    def unreadable(self) -> Held:
        """What was left behind, was acknowledged, and cannot be read: it stays in the intake."""
        with self._changed:
            return self._unreadable + self._left.unreadable

    def lag_seconds(self) -> float:
        """How long the oldest of it has been waiting."""
        with self._changed:
            anything = self._waiting.requests or self._left_over.requests
            return (time.time_ns() - self._oldest_ns) / 1e9 if anything else 0.0

    def wait_for_room(self) -> str | None:
        """Wait until more may be acknowledged, and return None; or return at once why it may not be for some time."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room() or self._trouble is not None)
            return None if self._has_room() else self._trouble

    def refuses(self) -> str | None:
        """Why no more may be acknowledged for some time; None if more may, or may soon."""
        with self._changed:
            return None if self._has_room() else self._trouble

    @property
    def trouble(self) -> str | None:
        """Why the last try to load failed, if it did; until there is no room, more is acknowledged all the same."""
        with self._changed:
            return self._trouble

    def put(self, logged: Logged) -> None:
        """Have it loaded."""
        with self._changed:
            if not self._logged and not self._left_over.requests:
                self._oldest_ns = logged.entries[0].received_ns
            self._logged.append(logged)
            self._waiting += logged.held
            self._changed.notify_all()

    def close(self) -> int:
        """Load what waits, and end; the number of the last frame that is loaded. What cannot be loaded stays in the
        intake. Blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        return self._loaded

    def _has_room(self) -> bool:
        return self._waiting.spans < _MOST.spans and self._waiting.bytes < _MOST.bytes

    def _run(self) -> None:
        try:
            if self._load_left():
                self._load_logged()
        finally:
            self._say("The thread that loads has ended.")
            self._writer.close()

    def _load_left(self) -> bool:
        """Whether all that was left behind is loaded."""
        try:
            for batch in self._left.batches():
                if not self._load(batch):
                    return False
                self._on_load()
                with self._changed:
                    self._left_over = self._left.held
        except LedgerUnreadable:
            _logger.exception(
                "The rest of what was left behind in the intake stays there until the next start: %d spans",
                self._left.held.spans,
            )
            with self._changed:
                self._left_over = self._unreadable = self._left.held
            return True
        with self._changed:
            self._left_over = Held()
            if self._logged:
                self._oldest_ns = self._logged[0].entries[0].received_ns
        return True

    def _load_logged(self) -> None:
        while batch := self._next_batch():
            entries = [entry for logged in batch for entry in logged.entries]
            last = batch[-1].number
            if not self._load(Batch(entries, Position(self._intake.log, last))):
                return
            self._last_batch_at = time.monotonic()
            self._loaded = last
            self._intake.forget(last)
            self._take_out(batch)
            self._on_load()

    def _next_batch(self) -> list[Logged]:
        """What is waiting, about one batch's worth; waits for it. Empty when closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._logged or self._closing)
            self._gather(1)
            if self._waiting.spans >= _SPANS_PER_BATCH // _LONGEST:
                self._gather(_LONGEST)
            batch: list[Logged] = []
            spans = 0
            for logged in self._logged:
                if spans >= _SPANS_PER_BATCH:
                    break
                batch.append(logged)
                spans += logged.held.spans
            return batch

    def _gather(self, pauses: int) -> None:
        """Wait until a batch is whole, or nothing more can come, but not longer than so many pauses after the last
        one."""
        left = self._last_batch_at + pauses * self._pause_seconds - time.monotonic()
        self._changed.wait_for(
            lambda: self._closing or self._waiting.spans >= _SPANS_PER_BATCH or not self._has_room(), max(0.0, left)
        )

    def _take_out(self, batch: Sequence[Logged]) -> None:
        with self._changed:
            for logged in batch:
                self._logged.popleft()
                self._waiting -= logged.held
            if self._logged:
                self._oldest_ns = self._logged[0].entries[0].received_ns
            self._changed.notify_all()

    def _load(self, batch: Batch) -> bool:
        """Load it, however often that takes; False when it cannot be and this is to end."""
        pause, in_vain = _FIRST_RETRY_SECONDS, 0
        while True:
            last = self._closing  # asked before: what was let in before the end is tried once more then
            left, give_up = len(batch.entries), in_vain >= _TRIES_FOR_MEMORY
            try:
                load_batch(self._writer, batch, self._left.folder, self._stats, give_up=give_up)
            except Exception as error:  # noqa: BLE001 - whatever fails is told, and tried again
                self._failed(error)
                in_vain = in_vain + 1 if is_about_size(error) and len(batch.entries) == left else 0
            else:
                self._say(None)
                return True
            if last:
                return False
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause)
            pause = min(2 * pause, _LAST_RETRY_SECONDS)

    def _failed(self, error: Exception) -> None:
        self._stats.commit_failures.inc()
        ours = None if isinstance(error, duckdb.Error | OSError) else error  # a trace helps with our own mistakes only
        _logger.error("What is acknowledged could not be brought into the journal yet: %s", error, exc_info=ours)
        if isinstance(error, duckdb.Error) and gave_up(error) and self._on_fatal is not None:
            self._on_fatal(error)
        self._say(str(error).partition("\n")[0])  # what else DuckDB says is about its settings

    def _say(self, trouble: str | None) -> None:
        with self._changed:
            self._trouble = trouble
            self._changed.notify_all()
