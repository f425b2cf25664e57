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
_PAUSE_SECONDS = 0.2
"""Before each turn: settling would hardly get one of its own if this thread asked for the next at once."""


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
        """Class by class, turn by turn, until nothing is left of what is too old now. What becomes so meanwhile is left
        to the next sweep: where spans never cease to come, this one would never end. At last the room is made use of,
        also that of superseded calls."""
        now_ns = self._clock_ns()
        for kept in self._retention.by_class():
            more = True
            while more and not self._closing.wait(_PAUSE_SECONDS):
                more = self._take_a_turn(kept, now_ns, total)
        if not self._closing.is_set():
            self._ledger.reclaim()

    def _take_a_turn(self, kept: Retention, now_ns: int, total: Dropped) -> bool:
        """Whether the turn was over before all was done. What went in it is counted in `total` too."""
        turn, over = Dropped(), False

        def stopping() -> bool:
            nonlocal over
            over = self._closing.is_set() or time.monotonic() > end
            return over

        try:
            with self._settler.paused():
                end = time.monotonic() + _TURN_SECONDS
                sweep(self._ledger, kept, now_ns, stopping, turn)
        finally:  # what a turn has dropped before it failed is dropped
            total.add(turn)
            for what, count in asdict(turn).items():
                self._stats.dropped.labels(what).inc(count)
        return over
