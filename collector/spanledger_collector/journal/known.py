"""Which spans the journal may hold already: a filter in memory that overlooks none, so that a new span costs no look at
the table, however long that is.

A unique index would tell the same. But ids are random, and all of it must be in memory: at 10 million spans that took
600 MB and made inserting three times as dear (docs/decisions/0005-known-spans.md).
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Final

import duckdb
from rbloom import Bloom

from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger

__all__ = ["Key", "KnownSpans", "key_of"]

_logger = logging.getLogger(__name__)

Key = int
"""What the filter knows of an identity: 64 bits in which spans differ, in one trace or in several."""

_FEWEST: Final = 4_000_000
_MOST: Final = 24_000_000
"""Spans for which there is room, at 5.4 bytes each: from 22 to 130 MB. With more the filter errs more often."""
_ROOM: Final = 5
_ERRORS_WHEN_CROWDED: Final = 2**-6
"""A filter made to err so often asks for six bits of each key, which is quick; with room for five times as many keys
it takes less than one new span in 100,000 for a known one."""
_AT_ONCE: Final = 8192


def key_of(trace_lo: int, span: int) -> Key:
    """The key of an identity, as `journal.keys` makes it in SQL."""
    return trace_lo ^ span


class KnownSpans:
    """The keys of all spans in the journal.

    Those that are stored at the start are read in a thread of their own, so that spans can be accepted at once; until
    that is done every span may be known.
    """

    def __init__(self, ledger: Ledger) -> None:
        with closing(ledger.cursor()) as cursor:
            ((stored,),) = cursor.execute(query("journal.count")).fetchall()
        self._room = min(max(_FEWEST, 2 * int(stored)), _MOST)
        self._left = self._room - int(stored)
        self._filters = [_filter(self._room)]
        self._all_read = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(ledger,), name="known spans")
        self._thread.start()

    def suspects(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that may be known; every other key is certainly new."""
        if not self._all_read.is_set():
            return list(range(len(keys)))
        places = [place for known in self._filters for place, key in enumerate(keys) if key in known]
        return places if len(self._filters) == 1 else sorted(set(places))

    def add(self, keys: Sequence[Key]) -> None:
        """Remember the keys of spans before they are stored: one too many does no harm, one too few would."""
        self._left -= len(keys)
        if self._left < 0 and self._room < _MOST:
            more = min(self._room, _MOST - self._room)
            self._filters.append(_filter(more))
            self._room += more
            self._left += more
        _put(self._filters[-1], keys)

    def close(self) -> None:
        """End the thread. Blocks."""
        self._closing.set()
        self._thread.join()

    def _read(self, ledger: Ledger) -> None:
        try:
            with closing(ledger.cursor()) as cursor:
                for keys in integers(cursor.sql(query("journal.keys"))):
                    for start in range(0, len(keys), _AT_ONCE):  # in parts, so that other threads get their turn
                        if self._closing.is_set():
                            return
                        _put(self._filters[0], keys[start : start + _AT_ONCE])
        except duckdb.Error:
            _logger.exception("The spans in the journal could not be read; every span is looked for in it instead")
        else:
            self._all_read.set()


def _filter(room: int) -> Bloom:
    return Bloom(_ROOM * room, _ERRORS_WHEN_CROWDED)


def _put(known: Bloom, keys: Sequence[Key]) -> None:
    known.update(keys)  # pyright: ignore[reportUnknownMemberType] - its stub leaves open of what
