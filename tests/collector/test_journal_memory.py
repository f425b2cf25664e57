"""Batches for which the database has not the memory: what is too large at once is stored in smaller pieces, and a
request that is too large alone is set aside, so that it holds up no other."""

import random
from collections.abc import Generator, Sequence
from pathlib import Path

import duckdb
import pytest
from receiving import CHAT, PatientJournal, journal_on, received, stored, until

from spanledger_collector import dialects
from spanledger_collector.journal import Journal, load_leftover, loader
from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.intake import intake_of
from spanledger_collector.journal.leftover import Batch
from spanledger_collector.journal.loading import load_batch
from spanledger_collector.journal.position import Position, position_in
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import is_about_size
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.pricing import shipped_book
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats

MIB = 1024 * 1024
NUMBERS = "SELECT span - 1 FROM store.spans ORDER BY span"
PLACE = Position(5, 7)


@pytest.fixture
def cramped(db: Path) -> Generator[Ledger]:
    """A ledger whose database may have 10 MiB, where that of a server has 144."""
    with Ledger.open(db):
        pass
    with Ledger.open(db, memory_bytes=10 * MIB) as ledger:
        yield ledger


def calls(first: int, count: int) -> list[ReceivedSpan]:
    """Of 8 kB each, which do not get small by compression."""
    rng = random.Random(first)
    return [
        received(number, {**CHAT, **{f"app.tag{tag}": rng.randbytes(200).hex() for tag in range(20)}})
        for number in range(first, first + count)
    ]


def entry_of(spans: list[ReceivedSpan]) -> Entry:
    return Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of(spans), 1_000))


def numbers(ledger: Ledger) -> list[int]:
    return [number for (number,) in stored(ledger, NUMBERS)]


def test_a_batch_that_is_too_large_is_stored_in_smaller_pieces(cramped: Ledger) -> None:
    entries = [entry_of(calls(first, 64)) for first in range(0, 1536, 64)]
    stats = Stats()
    writer = Writer(cramped, stats)
    try:
        with pytest.raises(duckdb.Error) as too_large:
            writer.commit(entries, PLACE)
        assert is_about_size(too_large.value)
        assert numbers(cramped) == []
        load_batch(writer, Batch([*entries], PLACE), intake_of(cramped.path), stats)
        with cramped.cursor() as cursor:
            assert position_in(cursor) == PLACE
    finally:
        writer.close()
    assert numbers(cramped) == [*range(1536)]
    counts = stats.snapshot()
    assert (counts["spans_journaled"], counts["spans_duplicate"], counts["requests_set_aside"]) == (1536, 0, 0)
    assert Settler(cramped, shipped_book()).settle_pending() == 1536, "settled by halves too"
    assert stored(cramped, "SELECT count(*), sum(input_tokens) FROM calls") == [(1536, 1536 * 12)]


async def test_a_request_that_is_too_large_alone_is_set_aside_after_a_while(
    cramped: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loader, "_FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(loader, "_LAST_RETRY_SECONDS", 0.001)
    with journal_on(cramped) as (journal, stats):
        await journal.append(calls(0, 8))
        await journal.append(calls(100, 1500))
        await journal.append(calls(5000, 8))
        assert journal.refuses() is None
        counts = stats.snapshot()
    assert numbers(cramped) == [*range(8), *range(5000, 5008)]
    assert (counts["requests_set_aside"], counts["journal_commit_failures"]) == (1, loader._TRIES_FOR_MEMORY)  # pyright: ignore[reportPrivateUsage] - how often is its own
    (kept,) = intake_of(cramped.path).iterdir()
    assert f"is kept as {kept}: " in caplog.text
    cramped.close()
    kept.rename(kept.with_name("00000001.frames"))
    with Ledger.open(cramped.path) as roomy:
        load_leftover(roomy)
        assert len(numbers(roomy)) == 1516, "with more memory it is a log as every other"


async def test_memory_that_is_there_again_soon_sets_nothing_aside(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a question or a reprice took it for a while; what is stored meanwhile is not stored again."""
    monkeypatch.setattr(loader, "_FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(loader, "_LAST_RETRY_SECONDS", 0.001)
    commit, refusals = Writer.commit, [None] * loader._TRIES_FOR_MEMORY  # pyright: ignore[reportPrivateUsage] - one more sets it aside

    def short(writer: Writer, batch: Sequence[Entry], position: Position | None = None) -> None:
        if any(11 in entry.columns["span"] for entry in batch) and refusals:
            if len(batch) == 1:
                refusals.pop()
            raise duckdb.OutOfMemoryException("failed to pin block")
        commit(writer, batch, position)

    monkeypatch.setattr(Writer, "commit", short)
    journal = PatientJournal(ledger, stats := Stats(), dialects, lambda: None)
    for first in range(0, 40, 5):
        await Journal.append(journal, [received(number) for number in range(first, first + 5)])
    until(lambda: journal.waiting.requests == 0)
    journal.close()
    assert numbers(ledger) == [*range(40)]
    counts = stats.snapshot()
    assert (counts["spans_journaled"], counts["spans_duplicate"], counts["requests_set_aside"]) == (40, 0, 0)
