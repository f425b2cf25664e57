"""The thread that settles what the journal took, as soon as it is woken."""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import duckdb

from spanledger_collector.ledger.transactions import gave_up
from spanledger_collector.scheduling import BackgroundThread
from spanledger_collector.stats import Stats

__all__ = ["SettleThread", "Settles"]

_logger = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.4
"""Between passes, while observations gather: the statements of a pass cost as much as 500 observations."""


class Settles(Protocol):
    """What the thread asks of `ledger.settling.Settler`."""

    def settle_pending(self, stopping: Callable[[], bool]) -> int:
        """Settle what is pending, in short passes until `stopping`; how many observations that was."""
        ...

    def kept_ready(self) -> AbstractContextManager[None]:
        """For the time of a block, be ready to settle often."""
        ...


class SettleThread:
    """Settles at its start and after each `wake`. A failure is logged and tried again, and never stops the journal;
    `on_fatal` is told, in this thread, when the database gave up."""

    def __init__(
        self,
        settler: Settles,
        stats: Stats,
        on_fatal: Callable[[duckdb.Error], None] | None = None,
        *,
        retry_seconds: float = _RETRY_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._on_fatal = on_fatal
        self._settler = settler
        self._stats = stats
        self._retry_seconds = retry_seconds
        self._pause_seconds = pause_seconds
        self._awake = threading.Event()
        self._awake.set()
        self._closing = threading.Event()
        self._deadline = math.inf
        self._trouble: str | None = None
        self._thread = BackgroundThread(target=self._run, name="settle")
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it settles what comes."""
        return self._thread.is_alive()

    @property
    def trouble(self) -> str | None:
        """Why the last try failed, if it did; from any thread."""
        return self._trouble

    def wake(self) -> None:
        """There is something to settle. Returns at once; may be called from any thread."""
        self._awake.set()

    def close(self, seconds: float) -> None:
        """Settle what is pending, for so long at most, and end. What is left is settled at the next start. Blocks."""
        self._deadline = time.monotonic() + seconds
        self._closing.set()
        self._awake.set()
        self._thread.join()

    def _run(self) -> None:
        with self._settler.kept_ready():
            self._settle_until_closed()

    def _settle_until_closed(self) -> None:
        while True:
            self._awake.wait()
            self._awake.clear()
            last = self._closing.is_set()  # asked before settling, so that what came before `close` is settled
            settled = self._settled()
            if last:
                return
            self._closing.wait(self._pause_seconds if settled else self._retry_seconds)
            if not settled:
                self._awake.set()

    def _settled(self) -> bool:
        try:
            self._stats.settled.inc(self._settler.settle_pending(lambda: time.monotonic() > self._deadline))
        except duckdb.Error as error:
            self._failed(error)
            if gave_up(error) and self._on_fatal is not None:
                self._on_fatal(error)
            _logger.error("Settling failed, what is pending stays in the journal and is tried again: %s", error)  # noqa: TRY400 - the database says it all
            return False
        except Exception as error:
            self._failed(error)
            _logger.exception("Settling failed; what is pending stays in the journal and is tried again")
            return False
        self._trouble = None
        return True

    def _failed(self, error: Exception) -> None:
        self._stats.settle_failures.inc()
        self._trouble = f"{type(error).__name__}: {error}".partition("\n")[0]
