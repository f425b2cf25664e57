"""The response ids of all settled observations: in a filter in memory, which overlooks none, so that a new id costs no
look at the index, however long that is.

An index of the database over them would have to be in memory whole: 80 MiB for each million. The filter takes 87 MB at
most, which is room for 16 million ids. Beyond that it takes more and more new ids for known ones (one in 5,000 at 32
million, one in 26 at 100 million), which costs time only: a pass that has one reads the index once, and knows exactly.
"""

from collections.abc import Collection, Sequence
from typing import Final

import duckdb

from spanledger_collector.journal.key_filter import GrowingFilter
from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.sql import query

__all__ = ["KnownIds"]

_AT_ONCE: Final = 8192


class KnownIds:
    """Asks and answers through one cursor. Nothing else may write to `store.settle_index` meanwhile."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Reads the ids that are there: some seconds for ten million. Blocks this thread, and no other for long."""
        self._cursor = cursor
        ((count,),) = cursor.execute(query("settling.count_ids")).fetchall()
        self._filter = GrowingFilter(2 * int(count))
        for keys in integers(cursor.sql(query("settling.ids"))):
            for start in range(0, len(keys), _AT_ONCE):  # in parts, so that other threads get their turn
                self._filter.add(keys[start : start + _AT_ONCE])

    def suspects(self, keys: Sequence[int]) -> list[int]:
        """The places of the ids that settled observations may have; they have no other one."""
        return self._filter.suspects(keys)

    def seen(self, keys: Collection[int]) -> set[int]:
        """Those of the ids that settled observations have. What the filter only takes for known costs a search of the
        whole index, which is exact."""
        asked = sorted(keys)
        suspects = [asked[place] for place in self._filter.suspects(asked)]
        if not suspects:
            return set()
        return {key for (key,) in self._cursor.execute(query("settling.seen_ids"), {"keys": suspects}).fetchall()}

    def add(self, keys: Collection[int]) -> None:
        """Know these ids too, before they are stored: one too many does no harm, one too few would."""
        self._filter.add(list(keys))
