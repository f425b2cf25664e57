"""Observations are numbered in the order in which they are stored, each once, whatever fails: settling goes by these
numbers, and would pass over a second one of the same number."""

import pytest
from receiving import CHAT, received, stored

from spanledger_collector import dialects
from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.intake import intake_of
from spanledger_collector.journal.leftover import Batch
from spanledger_collector.journal.loading import load_batch
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import shipped_book
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats


def _entry(first: int, count: int) -> Entry:
    spans = [received(number, CHAT) for number in range(first, first + count)]
    return Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of(spans), 1_000))


def test_what_fails_after_a_commit_gives_no_number_twice(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is not the memory to hand observations over that are stored: they are read from the file instead."""
    stats, handover = Stats(), Handover()
    settler = Settler(ledger, shipped_book(), handover)
    writer = Writer(ledger, stats, handover)

    def full(*_: object) -> None:
        raise MemoryError

    try:
        with monkeypatch.context() as patched:
            patched.setattr(handover, "put", full)
            with pytest.raises(MemoryError):
                writer.commit([_entry(0, 3)])
        load_batch(writer, Batch([_entry(0, 3)], None), intake_of(ledger.path), stats)
        assert settler.settle_pending() == 3
        load_batch(writer, Batch([_entry(10, 4)], None), intake_of(ledger.path), stats)
    finally:
        writer.close()
    assert stored(ledger, "SELECT seq FROM store.observations ORDER BY seq") == [(seq,) for seq in range(1, 8)]
    assert settler.settle_pending() == 4
    assert stored(ledger, "SELECT count(*) FROM calls") == [(7,)]
