"""A ledger with a journal to write to and a settler beside it, for the tests of settling and rebuilding."""

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spanledger_collector import dialects
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.pricing import shipped_book
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats

__all__ = ["SettlingBench", "settling_bench"]

_DERIVED_AND_JOURNALED = (
    "calls",
    "charge_rows",
    "meter_rows",
    "call_history",
    "store.source_rows",
    "store.settle_index",
    "store.repeated_keys",
    "store.set_aside",
    "store.observations",
    "store.spans",
)

_SNAPSHOT = """
    SELECT * EXCLUDE (revision, settled_at, bill),
        (SELECT list((trace_hi, trace_lo, span, part, reason) ORDER BY trace_hi, trace_lo, span)
         FROM store.call_sources s WHERE s.call_id = c.call_id AND s.revision = c.revision) AS told_by,
        (SELECT list((meter, quantity) ORDER BY meter) FROM call_meters m
         WHERE m.call_id = c.call_id AND m.revision = c.revision) AS meters,
        (SELECT list((meter, amount_usd) ORDER BY meter) FROM charges h
         WHERE h.call_id = c.call_id AND h.revision = c.revision) AS charged
    FROM calls c ORDER BY call_id
"""
_LEFT_OVER = """
    SELECT count(*) FROM (SELECT call_id, revision FROM call_meters UNION ALL SELECT call_id, revision FROM charges
                          UNION ALL SELECT call_id, revision FROM store.call_sources)
    ANTI JOIN calls USING (call_id, revision)
"""


class SettlingBench:
    """What a test does to the ledger and asks of it."""

    def __init__(self, ledger: Ledger, *, observations_per_pass: int, handover: Handover | None = None) -> None:
        self.ledger = ledger
        self._limit = observations_per_pass
        self._handover = handover
        self.settler = self.new_settler(handover)
        self._extractor = Extractor(dialects, Stats())
        self._writer = Writer(ledger, Stats(), handover)

    def new_settler(self, handover: Handover | None = None) -> Settler:
        """A settler that knows nothing but what the ledger holds, as after a restart, and what it is handed."""
        return Settler(self.ledger, shipped_book(), handover, observations_per_pass=self._limit)

    def arrive(self, spans: Iterable[ReceivedSpan]) -> None:
        """Journal the spans in one commit."""
        self._writer.commit([self._extractor.entry_of(Submission(ReceivedSpans.of([*spans]), time.time_ns()))])

    def settle(self, *spans: ReceivedSpan) -> int:
        """Journal the spans in one commit and settle."""
        self.arrive(spans)
        return self.settler.settle_pending()

    def ask(self, sql: str) -> list[Any]:
        """All rows of an answer."""
        cursor = self.ledger.cursor()
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    def snapshot(self) -> list[Any]:
        """Every call with all that belongs to it, except revision numbers and times of settling."""
        assert self.ask(_LEFT_OVER) == [(0,)]
        assert self.ask("SELECT call_id FROM calls GROUP BY ALL HAVING count(*) > 1") == []
        return self.ask(_SNAPSHOT)

    def empty(self) -> None:
        """Begin again: emptying is quicker than opening another file."""
        cursor = self.ledger.cursor()
        for table in _DERIVED_AND_JOURNALED:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM meta WHERE key LIKE 'settled%'")
        cursor.close()
        if self._handover is not None:
            self._handover.take(2**62, 0)  # forgets what is settled, as all is that was handed over
        self.settler = self.new_settler(self._handover)

    def run(self, batches: Iterable[Sequence[ReceivedSpan]]) -> list[Any]:
        """What the ledger shows when the spans arrive in these batches and are settled after each."""
        self.empty()
        for batch in batches:
            self.settle(*batch)
        return self.snapshot()

    def close(self) -> None:
        """Let go of the journal's cursor."""
        self._writer.close()


@contextmanager
def settling_bench(
    path: Path, *, observations_per_pass: int = 1000, handover: Handover | None = None
) -> Generator[SettlingBench]:
    """A bench over a new file. With a handover, observations need not be read from it again."""
    with Ledger.open(path) as ledger:
        bench = SettlingBench(ledger, observations_per_pass=observations_per_pass, handover=handover)
        try:
            yield bench
        finally:  # else a thread of the journal's lives on, and with it the process of a test that failed
            bench.close()
