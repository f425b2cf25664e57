"""The thread that forgets what is older than it is to be kept, every hour, a second at a time."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict

import duckdb

from spanledger_collector.ledger.retention import Dropped, sweep
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.scheduling import BackgroundThread
from spanledger_collector.settings import Retention
from spanledger_collector.stats import Stats

__all__ = ["RetentionThread"]

_logger = logging.getLogger(__name__)
_FIRST_SECONDS = 300.0
"""Not at once: who has just started a server wants it to receive. Nor much later: some servers start often."""
_EVERY_SECONDS = 3600.0
_TURN_SECONDS = 1.0
"""How long settling waits at a time."""


class RetentionThread:
    """Sweeps some time after its start, and then again and again. A failure is logged and tried again next time."""

    def __init__(
        self,
        ledger: Ledger,
        settler: Settler,
        retention: Retention,
        stats: Stats,
        *,
        first_seconds: float = _FIRST_SECONDS,
        every_seconds: float = _EVERY_SECONDS,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ledger = ledger
        self._settler = settler
        self._retention = retention
        self._stats = stats
        self._first_seconds = first_seconds
        self._every_seconds = every_seconds
        self._clock_ns = clock_ns
        self._closing = threading.Event()
        self._thread = BackgroundThread(target=self._run, name="retention")
        self._thread.start()

    def close(self) -> None:
        """End after the transaction that runs. Blocks."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._first_seconds
        while not self._closing.wait(pause):
            pause = self._every_seconds
            dropped = Dropped()
            try:
                self._sweep(dropped)
            except duckdb.Error as error:
                _logger.error("Retention failed and is tried again later: %s", error)  # noqa: TRY400 - the database says it all
            if dropped:
                _logger.info("Retention: %s", dropped)

    def _sweep(self, total: Dropped) -> None:
        """Turn by turn, until nothing is too old."""
        while True:
            turn = Dropped()
            try:
                self._take_a_turn(turn)
            finally:  # what a turn has dropped before it failed is dropped
                total.add(turn)
                for what, count in asdict(turn).items():
                    self._stats.dropped.labels(what).inc(count)
            if not turn or self._closing.is_set():
                return

    def _take_a_turn(self, dropped: Dropped) -> None:
        with self._settler.paused():
            end = time.monotonic() + _TURN_SECONDS
            sweep(
                self._ledger,
                self._retention,
                self._clock_ns(),
                lambda: self._closing.is_set() or time.monotonic() > end,
                dropped,
            )
