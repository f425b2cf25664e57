"""Which spans the journal may hold already, overlooking none: told from memory and a glance at files, so that a new
span costs no look at the table, however long that is.

A unique index would tell the same. But ids are random, and all of it must be in memory: at 10 million spans that took
600 MB and made inserting three times as dear (docs/decisions/0005-known-spans.md).
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Final

import duckdb

from spanledger_collector.journal.key_filter import GrowingFilter, Key
from spanledger_collector.journal.sealed import SPANS_PER_RUN, SealedKeys, folder_of
from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.scheduling import BackgroundThread

__all__ = ["Key", "KnownSpans", "keys_of"]

_logger = logging.getLogger(__name__)
_AT_ONCE: Final = 8192
_EVER: Final = 2**63 - 2
"""Later than every time of arrival, in ns."""
_RETRY_SECONDS: Final = 60.0


def keys_of(trace_lo: Iterable[int], span: Iterable[int]) -> list[Key]:
    """The keys of identities, of which these are columns, as `known.keys` makes them in SQL."""
    return [low ^ own for low, own in zip(trace_lo, span, strict=True)]


class KnownSpans:
    """The keys of all spans in the journal: of the newest ones in a filter, of the others in runs (`sealed`).

    Those that are stored at the start are read in a thread of their own, so that spans can be accepted at once; until
    that is done every span may be known. The same thread seals the newest ones when they are many.
    """

    def __init__(self, ledger: Ledger, *, spans_per_run: int = SPANS_PER_RUN) -> None:
        self._ledger = ledger
        self._spans_per_run = spans_per_run
        with closing(ledger.cursor()) as cursor:
            self._sealed = SealedKeys(folder_of(ledger.path), cursor, spans_per_run)
            bounds = {"after": self._sealed.until_ns, "until": _EVER}
            ((newest,),) = cursor.execute(query("known.count"), bounds).fetchall()
            self._many = int(newest) >= spans_per_run
            """Stored at the start, and not sealed: that is done first, so that no filter of them is ever in memory."""
            self._closed_ns = self._last_arrival(cursor) if self._many else 0
        self._newest = GrowingFilter(0 if self._many else 2 * int(newest))
        self._closed: GrowingFilter | None = None
        """Filled; its keys are being sealed, which is done when it is None."""
        self._all_read = threading.Event()
        self._full = threading.Event()
        self._idle = threading.Event()
        self._closing = threading.Event()
        self._thread = BackgroundThread(target=self._run, name="known spans")
        self._thread.start()

    def suspects(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that may be known; every other key is certainly new."""
        unsealed = self._unsealed(keys)  # first: what is sealed meanwhile is in a run before it goes from there
        return unsealed if len(unsealed) == len(keys) else sorted({*unsealed, *self._sealed.suspects(keys)})

    def arrivals(self, keys: Sequence[Key]) -> tuple[int, int]:
        """Within which time all spans of these keys arrived that are stored: after the first, in ns, until the
        second."""
        newest = self._sealed.until_ns, _EVER
        found = [newest] if self._unsealed(keys) else []
        found += self._sealed.arrivals(keys)
        return min((after for after, _ in found), default=0), max((until for _, until in found), default=_EVER)

    def _unsealed(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that may be known and in no run."""
        if not self._all_read.is_set():
            return list(range(len(keys)))
        closed = self._closed
        places = self._newest.suspects(keys)
        return places if closed is None else sorted({*places, *closed.suspects(keys)})

    def add(self, keys: Sequence[Key]) -> None:
        """Remember the keys of spans before they are stored: one too many does no harm, one too few would. Spans of
        earlier keys are stored by then, or never."""
        if self._newest.count >= self._spans_per_run and self._closed is None and self._all_read.is_set():
            self._close_newest()
        self._newest.add(keys)

    @property
    def settled(self) -> bool:
        """Whether the thread has nothing to do: what is stored is read, and sealed where it is to be."""
        return self._idle.is_set() and not self._full.is_set()

    def close(self) -> None:
        """End the thread. Blocks."""
        self._closing.set()
        self._full.set()
        self._thread.join()
        self._sealed.close()

    def _close_newest(self) -> None:
        with closing(self._ledger.cursor()) as cursor:
            self._closed_ns = self._last_arrival(cursor)
        self._closed, self._newest = self._newest, GrowingFilter()
        self._full.set()

    def _last_arrival(self, cursor: duckdb.DuckDBPyConnection) -> int:
        after = {"after": self._sealed.until_ns}
        ((last_ns,),) = cursor.execute(query("known.last_arrival"), after).fetchall()
        return int(last_ns)

    def _run(self) -> None:
        try:
            with closing(self._ledger.cursor()) as cursor:
                if self._many:
                    self._try(self._seal_stored, cursor)  # what cannot be sealed is read, as far as there is room
                self._read(cursor)
                self._keep_sealing(cursor)
        except duckdb.Error:
            _logger.exception("The spans in the journal could not be read; every span is looked for in it instead")

    def _read(self, cursor: duckdb.DuckDBPyConnection) -> None:
        after = {"after": self._sealed.until_ns}
        for keys in integers(cursor.sql(query("known.keys"), params=after)):
            for start in range(0, len(keys), _AT_ONCE):  # in parts, so that other threads get their turn
                if self._closing.is_set():
                    return
                self._newest.add(keys[start : start + _AT_ONCE])
        self._all_read.set()

    def _keep_sealing(self, cursor: duckdb.DuckDBPyConnection) -> None:
        while not self._closing.is_set():
            if not self._try(self._seal, cursor):
                self._closing.wait(_RETRY_SECONDS)
                continue
            self._idle.set()
            self._full.wait()
            self._idle.clear()
            self._full.clear()

    def _try(self, seal: Callable[[duckdb.DuckDBPyConnection], None], cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether it did not fail, which is told."""
        try:
            seal(cursor)
        except (duckdb.Error, OSError) as error:
            _logger.warning("The keys of spans could not be sealed, and stay in memory for now: %s", error)
            return False
        return True

    def _seal_stored(self, cursor: duckdb.DuckDBPyConnection) -> None:
        if self._sealed.seal(cursor, self._closed_ns, self._closing.is_set):
            self._closed = None
            self._sealed.merge(cursor, self._closing.is_set)

    def _seal(self, cursor: duckdb.DuckDBPyConnection) -> None:
        stopping = self._closing.is_set
        if self._closed is not None:
            self._seal_stored(cursor)
        self._sealed.fill(stopping)
        self._sealed.tidy()
