"""What was acknowledged and cannot be read any more, though the server began with it: it stays, is counted and told."""

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest
from receiving import CHAT, PatientJournal, received, stored, until

from spanledger_collector import dialects
from spanledger_collector.journal import leftover
from spanledger_collector.journal.entries import Entry, encode_entries, encode_entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.intake import Intake, intake_of, segments_in
from spanledger_collector.journal.loading import held_by, load_leftover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats


def left_behind(db: Path, *segments: Sequence[ReceivedSpan]) -> None:
    """Each as a process that was killed left it in a segment of its own."""
    for spans in segments:
        entry = Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of([*spans]), 1_000))
        log = Intake(intake_of(db))
        log.append(held_by(entry), encode_entries([encode_entry(entry)]))
        log.close(0)


FIRST = [received(number, CHAT) for number in range(10)]
SECOND = [received(number, CHAT) for number in range(10, 25)]
LATER = [received(100, CHAT)]


async def test_a_segment_that_cannot_be_read_any_more_is_still_counted_as_waiting(
    db: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left_behind(db, FIRST, SECOND)
    first, second = segments_in(intake_of(db))
    read = Path.read_bytes
    begun: list[Path] = []

    def fail(path: Path) -> bytes:
        begun.append(path)
        if begun.count(second) > 1:  # it could be read when the server began
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    with Ledger.open(db) as ledger:
        stats = Stats()
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_bytes", fail)
            journal = PatientJournal(ledger, stats, dialects, lambda: None)
            until(lambda: stats.snapshot()["intake_unreadable_spans"] == len(SECOND))
        assert (journal.waiting.spans, journal.waiting.observations) == (15, 15)
        assert stats.snapshot()["intake_spans"] == 15
        await super(PatientJournal, journal).append(LATER)
        until(lambda: stored(ledger, "SELECT count(*) FROM store.spans") == [(len(FIRST) + 1,)])
        until(lambda: journal.waiting.spans == 15)  # what came since is loaded all the same
        journal.close()
    assert "stays there until the next start: 15 spans" in caplog.text
    assert (first.exists(), second.exists()) == (False, True)
    with Ledger.open(db) as ledger:
        assert load_leftover(ledger).spans == 15
        assert stored(ledger, "SELECT count(*) FROM store.spans") == [(26,)]


def test_a_frame_that_this_version_cannot_read_is_kept_and_counted(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_behind(db, FIRST, SECOND)
    decode = leftover.decode_entries

    def misread(content: bytes | memoryview) -> list[Entry]:
        entries = decode(content)
        if entries[0].spans == len(SECOND):
            raise ValueError("spans without a column")
        return entries

    monkeypatch.setattr(leftover, "decode_entries", misread)
    with Ledger.open(db) as ledger:
        journal = PatientJournal(ledger, stats := Stats(), dialects, lambda: None)
        until(lambda: journal.waiting.requests == 0)
        journal.close()
        assert stats.snapshot()["intake_unreadable_spans"] == len(SECOND)
        assert stored(ledger, "SELECT count(*) FROM store.spans") == [(len(FIRST),)]
    assert [file.suffix for file in intake_of(db).iterdir()] == [".damaged"]
