"""The journal: requests are made durable in the intake by one thread, one sync for all who wait, and acknowledged;
another thread brings them into the database."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from spanledger_collector.errors import NotStored, RetryableError, Stopping
from spanledger_collector.journal.entries import Entry, encode_entries, encode_entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.intake import Intake
from spanledger_collector.journal.leftover import Leftover
from spanledger_collector.journal.line import Line
from spanledger_collector.journal.loader import PAUSE_SECONDS, Loader, Logged
from spanledger_collector.journal.loading import held_by
from spanledger_collector.journal.probe import refusal_of_disk
from spanledger_collector.journal.rows import Dialects
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.received_spans import NO_SPANS, ReceivedSpans
from spanledger_collector.stats import Stats

__all__ = ["Journal"]

_logger = logging.getLogger(__name__)
_QUIET_SECONDS = 15
_FULL = "As much waits for the database as may, which takes nothing: "


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that waits for its spans to be durable."""

    submission: Submission
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]

    def resolve(self, refusal: RetryableError | None = None) -> None:
        self.loop.call_soon_threadsafe(_settle_future, self.future, refusal)


class Journal:
    """Accepts spans from any event loop; `append` returns when they are durable.

    What arrives during one sync is in the next one: no timer, so a lone request waits for nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        stats: Stats,
        dialects: Dialects,
        on_commit: Callable[[], None],
        handover: Handover | None = None,
        *,
        on_fatal: Callable[[duckdb.Error], None] | None = None,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """Begins with what an earlier process left in the intake; meanwhile spans are accepted.

        `on_commit` is called in the loading thread after each transaction; it must return at once. `handover` is
        offered the observations before. `on_fatal` is told, in the same thread, when the database gave up. Between
        transactions spans gather for `pause_seconds`. Raises LedgerUnreadable for an intake that cannot be read.
        """
        self._extractor = Extractor(dialects, stats)
        self._stats = stats
        self._db = ledger.path
        left = Leftover(ledger)
        self._intake = Intake(left.folder)
        writer = Writer(ledger, stats, handover)
        self._loader = Loader(
            writer, self._intake, left, stats, on_load=on_commit, on_fatal=on_fatal, pause_seconds=pause_seconds
        )
        stats.watch_intake(lambda: self.waiting.spans, lambda: self.waiting.bytes, self._loader.lag_seconds)
        stats.intake_unreadable.set_function(lambda: self._loader.unreadable.spans)
        stats.damaged_bytes.inc(left.damaged_bytes)
        self._line: Line[_Waiting] = Line()
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, name="journal")
        self._thread.start()

    @property
    def waiting(self) -> Held:
        """What is durable, and not in the database yet."""
        return self._loader.waiting

    def refuses(self) -> str | None:
        """Why nothing can be stored now; None if something can. Blocks, as it tries the disk."""
        if self._line.closed:
            return "The server is stopping."
        if not self._thread.is_alive():
            return "The journal has ended."
        trouble = self._loader.refuses()
        return refusal_of_disk(self._db) if trouble is None else _FULL + trouble

    @property
    def trouble(self) -> str | None:
        """Why what is durable does not get into the database now, if it does not."""
        return self._loader.trouble

    async def append(self, spans: ReceivedSpans | Sequence[ReceivedSpan], client: str = "") -> None:
        """Store the spans and return when they are durable. Clients take turns. Raises NotStored or Stopping: none of
        the spans is stored.

        Who keeps no spans of its own has them freed as soon as they are read, where they are in the CPU's cache: that
        takes a third of what it takes after the answer.
        """
        if not len(spans):
            return
        loop = asyncio.get_running_loop()
        durable = loop.create_future()
        waiting = _Waiting(Submission(ReceivedSpans.of(spans), time.time_ns()), loop, durable)
        if not self._line.put(client, len(spans), waiting):
            raise Stopping("The server is stopping; send the same request again.")
        del spans, waiting
        await durable

    def close(self) -> None:
        """Refuse new spans, bring those accepted into the database, and end the threads; what it does not take stays in
        the intake. Blocks; may be called twice."""
        self._line.close()
        self._thread.join()
        self._intake.close(self._loader.close())

    def _run(self) -> None:
        while self._line.wait():
            trouble = self._loader.wait_for_room()
            batch = self._line.take()  # as late as this: who came meanwhile has its turn too
            if trouble is not None:
                self._refuse(batch, _FULL + trouble)
                continue
            try:
                self._take(batch)
            except Exception as error:  # whatever fails, those who wait are told and the thread lives on
                _logger.exception("The journal could not take %d request(s)", len(batch))
                self._refuse(batch, str(error))

    def _take(self, batch: Sequence[_Waiting]) -> None:
        """Make a batch durable and tell all who wait for it."""
        entries: list[Entry] = []
        encoded: list[bytes] = []
        durable: list[_Waiting] = []
        for waiting in batch:
            try:
                entry = self._extractor.entry_of(waiting.submission)
                encoded.append(encode_entry(entry))
                waiting.submission.spans = NO_SPANS
            except Exception as error:  # a request that cannot be stored must not take the others with it
                _logger.exception("A request cannot be stored")
                self._refuse([waiting], str(error))
            else:
                entries.append(entry)
                durable.append(waiting)
        if entries:
            self._log(entries, encode_entries(encoded), durable)

    def _log(self, entries: Sequence[Entry], payload: bytes, durable: Sequence[_Waiting]) -> None:
        held = sum(map(held_by, entries), Held())
        try:
            number, held = self._intake.append(held, payload)
        except OSError as error:
            self._complain(error)
            self._refuse(durable, str(error))
            return
        self._stats.logged.inc(held.spans)
        self._loader.put(Logged(number, held, entries))  # first, so that what is acknowledged is waiting or stored
        for waiting in durable:
            waiting.resolve()

    def _complain(self, error: OSError) -> None:
        """Tell the operator, but not once for each request that comes again: a disk is full for hours."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            _logger.error(
                "The intake takes nothing, and requests are refused (told every %d s): %s", _QUIET_SECONDS, error
            )

    def _refuse(self, batch: Sequence[_Waiting], reason: str) -> None:
        """Tell those who wait to come again."""
        self._stats.intake_failures.inc()
        for waiting in batch:
            waiting.resolve(NotStored(f"The spans could not be stored: {reason}"))


def _settle_future(future: asyncio.Future[None], refusal: RetryableError | None) -> None:
    if future.done():  # the client has gone; its spans are stored all the same
        return
    if refusal is None:
        future.set_result(None)
    else:
        future.set_exception(refusal)
