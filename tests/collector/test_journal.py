"""The journal: durable, once, whole or not at all, whatever is sent how often and in whatever batches."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Generator, Sequence
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from receiving import CHAT, START, Appended, journal_on, received, stored, until

from spanledger_collector import dialects
from spanledger_collector.errors import NotStored, Stopping
from spanledger_collector.journal import Journal, intake
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.frames import Frame, frames_in
from spanledger_collector.journal.intake import intake_of, segments_in
from spanledger_collector.journal.reading import READINGS as STORED_READINGS
from spanledger_collector.journal.reading import StoredReading, decode_reading
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Observation, ReceivedSpan, Scope
from spanledger_collector.observation_columns import ReadInSpans
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats

ROWS = "SELECT * EXCLUDE (received_at) FROM store.spans ORDER BY ALL"
READINGS = "SELECT * EXCLUDE (seq, received_at) FROM store.observations ORDER BY ALL"


async def test_spans_are_stored_and_model_calls_observed(ledger: Ledger) -> None:
    commits: list[None] = []
    spans = [received(number, CHAT if number % 2 else {"http.route": "/"}) for number in range(10)]
    with journal_on(ledger, on_commit=lambda: commits.append(None)) as (journal, stats):
        assert await journal.take(spans) == Appended(10)
        assert await journal.take([]) == Appended(0)

    assert stored(ledger, "SELECT count(*), min(started_at), max(kind), max(service) FROM spans")[0][0] == 10
    columns = ", ".join(STORED_READINGS.columns)
    observed = stored(ledger, f"SELECT seq, attributes, {columns} FROM store.observations ORDER BY seq")
    assert [seq for seq, *_ in observed] == [1, 2, 3, 4, 5]
    told = [decode_reading(StoredReading._make(reading)) for _, _, *reading in observed]
    assert told == [dialects.recognise(span) for span in spans[1::2]]
    assert '"gen_ai.usage.input_tokens":12' in observed[0][1]
    assert len(commits) == 1
    counts = stats.snapshot()
    assert (counts["spans_journaled"], counts["spans_skipped"]) == (10, 5)
    assert counts["spans_recognised"] == {dialects_name(spans[1]): 5}


def dialects_name(span: ReceivedSpan) -> str:
    observation = dialects.recognise(span)
    assert observation is not None
    return observation.dialect


async def test_arrival_goes_forward_when_the_clock_goes_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, now in enumerate((2_000, 1_000, 1_000)):
        monkeypatch.setattr("spanledger_collector.journal.journal.time.time_ns", lambda now=now: now)
        with journal_on(ledger) as (journal, _):  # a journal of its own each time: a restart remembers too
            await journal.append([received(number)])
    arrivals = [ns for (ns,) in stored(ledger, "SELECT epoch_ns(received_at) FROM spans ORDER BY name, span_id")]
    assert sorted(arrivals) == [2_000, 2_001, 2_002]


async def test_times_keep_their_nanoseconds_and_ids_their_bits(ledger: Ledger) -> None:
    span = replace(received(0), trace_id=b"\xff" * 16, span_id=b"\x80" + b"\0" * 7, parent_span_id=b"\xfe" * 8)
    with journal_on(ledger) as (journal, _):
        await journal.append([span])
    sql = "SELECT trace_id, span_id, parent_span_id, epoch_ns(started_at), kind, status FROM spans"
    assert stored(ledger, sql) == [("f" * 32, "8" + "0" * 15, "fe" * 8, START, "client", "ok")]


async def test_a_repeated_span_changes_nothing(ledger: Ledger) -> None:
    spans = [received(number, CHAT) for number in range(6)]
    with journal_on(ledger) as (journal, stats):
        await journal.append(spans[:4])
        before = stored(ledger, "SELECT * FROM store.spans ORDER BY ALL")
        assert await journal.take(spans[:4]) == Appended(0, duplicates=4)
        assert stored(ledger, "SELECT * FROM store.spans ORDER BY ALL") == before
        assert await journal.take([*spans, spans[5]]) == Appended(2, duplicates=5)
    with journal_on(ledger) as (journal, _):  # as after a restart
        assert await journal.take(spans) == Appended(0, duplicates=6)
        assert await journal.take([received(6, CHAT)]) == Appended(1)
    assert stats.snapshot()["spans_duplicate"] == 9
    assert stored(ledger, "SELECT list(seq ORDER BY seq) FROM observations") == [([1, 2, 3, 4, 5, 6, 7],)]


async def test_another_content_under_the_same_identity_is_a_conflict(ledger: Ledger) -> None:
    first = received(1, CHAT)
    other = replace(first, attributes={**CHAT, "gen_ai.usage.output_tokens": 4})
    later = replace(first, started_ns=START + 10**15, ended_ns=START + 10**15)
    with journal_on(ledger) as (journal, stats):
        await journal.append([received(0), first])
        before = stored(ledger, ROWS)
        assert await journal.take([other, first, received(2)]) == Appended(1, duplicates=1, conflicts=1)
        assert await journal.take([other, later]) == Appended(0, conflicts=2)
        assert await journal.take([later, other, later]) == Appended(0, conflicts=3)
    expected = {(f"{_fingerprint(span):016x}", f"{_fingerprint(first):016x}") for span in (other, later)}
    conflicts = stored(ledger, "SELECT payload_hash, first_hash FROM conflicts")
    assert len(conflicts) == 2, "each content is on record once, however often it comes"
    assert set(conflicts) == expected
    assert stored(ledger, f"{ROWS} LIMIT 2")[:2] == before
    assert stats.snapshot()["spans_conflicting"] == 6
    assert len(stored(ledger, READINGS)) == 1


@pytest.fixture
def held_sync(monkeypatch: pytest.MonkeyPatch) -> Generator[Event]:
    """The second sync to the disk waits until the event is set: what is appended meanwhile waits for the third."""
    held, syncs = Event(), count(1)

    def sync(descriptor: int) -> None:
        if next(syncs) == 2:
            _wait(held)
        os.fsync(descriptor)

    monkeypatch.setattr(intake, "_sync_data", sync)
    yield held
    held.set()


async def test_requests_that_wait_share_a_sync(ledger: Ledger, held_sync: Event) -> None:
    with journal_on(ledger) as (journal, stats):
        await journal.append([received(0)])
        first = asyncio.ensure_future(journal.append([received(1)]))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(journal.take(*([received(0), received(number)] for number in range(2, 9))))
        for _ in range(3):  # the task begins, makes those of the requests, and these begin: then all are waiting
            await asyncio.sleep(0)
        held_sync.set()
        await first
        await waiting
        frames = _frames(ledger)
    assert [frame.held.requests for frame in frames][:2] == [0, 1]
    assert len(frames) <= 4, "the first frame names the log; the first, the second, and those that waited for it"
    counts = stats.snapshot()
    assert [counts[f"spans_{name}"] for name in ("logged", "journaled", "duplicate")] == [16, 9, 7]


async def test_clients_take_turns_in_what_is_synced_together(ledger: Ledger, held_sync: Event) -> None:
    large = [[received(number) for number in range(first, first + 512)] for first in range(8, 8 + 12 * 512, 512)]
    with journal_on(ledger) as (journal, _):
        await journal.append([received(0)])
        first = asyncio.ensure_future(journal.append([received(1)]))
        await asyncio.to_thread(until, lambda: len(_frames(ledger)) == 3)  # it is written, and its sync is held
        much = asyncio.gather(*(Journal.append(journal, spans, "much") for spans in large))
        await asyncio.sleep(0)
        little = asyncio.ensure_future(Journal.append(journal, [received(2)], "little"))
        await asyncio.sleep(0)
        held_sync.set()
        await asyncio.gather(first, much, little)
        sizes = [frame.held.spans for frame in _frames(ledger)]
    assert sizes[:3] == [0, 1, 1]
    assert sizes[3] == 4 * 512 + 1, "the little one did not wait for all of the other's"


def _frames(ledger: Ledger) -> list[Frame]:
    """What is written of the log, synced or not; the first one names the log."""
    return [frame for path in segments_in(intake_of(ledger.path)) for frame in frames_in(path.read_bytes()).whole]


async def test_a_request_that_cannot_be_stored_does_not_take_others_with_it(
    ledger: Ledger, held_sync: Event, caplog: pytest.LogCaptureFixture
) -> None:
    unwritable = received(2, name="\ud800")  # no UTF-8: decoding would have refused it
    with journal_on(ledger) as (journal, stats):
        await journal.append([received(0)])
        waiting = [
            asyncio.ensure_future(journal.append(spans))
            for spans in ([received(1)], [unwritable, received(3)], [received(4)])
        ]
        await asyncio.sleep(0)
        held_sync.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), NotStored, type(None)]
    assert stored(ledger, "SELECT list(span ORDER BY span) FROM store.spans") == [([1, 2, 5],)]
    assert stats.snapshot()["intake_failures"] == 1
    assert "A request cannot be stored" in caplog.text


def _wait(held: Event) -> None:
    assert held.wait(60)


class Clumsy:
    """Dialects that fail on some spans, as a rule of ours might on a span that nobody thought of."""

    def read_all(self, spans: ReceivedSpans, /) -> tuple[ReadInSpans, list[None]]:
        raise ValueError(len(spans))

    def recognise(self, span: ReceivedSpan, /) -> Observation | None:
        if span.name == "odd":
            raise KeyError("odd")
        return dialects.recognise(span)

    def peer_host(self, span: ReceivedSpan, /) -> str | None:
        raise ValueError(span.name)

    def kept_json(self, span: ReceivedSpan, /) -> str:
        return dialects.kept_json(span)


async def test_a_span_that_a_dialect_cannot_read_is_kept_counted_and_said_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    spans = [received(number, CHAT, name="odd" if number < 2 else "chat") for number in range(3)]
    with journal_on(ledger, Clumsy()) as (journal, stats):
        assert await journal.take(spans) == Appended(3)
    assert stored(ledger, "SELECT count(*), count(peer_host) FROM spans") == [(3, 0)]
    assert stored(ledger, "SELECT count(*) FROM observations") == [(1,)]
    assert stats.snapshot()["spans_unreadable"] == 3 + 2
    assert caplog.text.count("A dialect failed") == 2, "once for each kind of error"


async def test_a_client_that_leaves_does_not_stop_its_spans(ledger: Ledger) -> None:
    with journal_on(ledger) as (journal, _):
        task = asyncio.ensure_future(journal.append([received(0)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.append([received(1)])
    assert stored(ledger, "SELECT count(*) FROM spans") == [(2,)]


async def test_a_closed_journal_refuses_and_has_kept_what_it_accepted(ledger: Ledger) -> None:
    with journal_on(ledger) as (journal, _):
        accepted = asyncio.ensure_future(journal.append([received(0)]))
        await asyncio.sleep(0)
        await asyncio.to_thread(journal.close)
        await accepted
        with pytest.raises(Stopping):
            await journal.append([received(1)])
    assert stored(ledger, "SELECT count(*) FROM spans") == [(1,)]


async def test_what_waits_when_it_is_closed_is_kept(ledger: Ledger, held_sync: Event) -> None:
    """Also where the end is noticed behind requests that wait."""
    with journal_on(ledger) as (journal, _):
        await journal.append([received(0)])
        waiting = [asyncio.ensure_future(journal.append([received(1)]))]
        await asyncio.sleep(0)
        await asyncio.to_thread(until, lambda: len(_frames(ledger)) == 3)  # it is being synced
        waiting.append(asyncio.ensure_future(journal.append([received(2)])))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(journal.close))
        async with asyncio.timeout(30):
            while not waiting[-1].done():  # until it refuses: from then on the end is among what waits
                await asyncio.sleep(0.001)
                waiting.append(asyncio.ensure_future(journal.append([received(len(waiting) + 1)])))
                await asyncio.sleep(0)
        held_sync.set()
        await closing
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None)] * (len(waiting) - 1) + [Stopping]
    assert stored(ledger, "SELECT count(*) FROM spans") == [(len(waiting),)]


async def _append_all(db: Path, batches: Sequence[Sequence[ReceivedSpan]], together: int) -> list[tuple[object, ...]]:
    """What a new ledger holds after the batches, so many of them sent at once."""
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            for first in range(0, len(batches), together):
                await asyncio.gather(*(journal.append(batch) for batch in batches[first : first + together]))
        return [*stored(ledger, ROWS), *stored(ledger, READINGS)]


SPANS_SENT = [received(number, CHAT if number % 3 else None) for number in range(8)]


@settings(max_examples=25, deadline=None)
@given(
    repeats=st.lists(st.integers(0, len(SPANS_SENT) - 1), max_size=12),
    shuffle=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(0, 20), max_size=6),
    together=st.integers(1, 4),
)
def test_any_split_repetition_and_order_stores_the_same_rows(
    repeats: list[int], shuffle: random.Random, cuts: list[int], together: int
) -> None:
    sent = [*SPANS_SENT, *(SPANS_SENT[number] for number in repeats)]
    shuffle.shuffle(sent)
    edges = [0, *sorted(cut % len(sent) for cut in cuts), len(sent)]
    batches = [sent[start:end] for start, end in pairwise(edges)]
    with TemporaryDirectory() as folder:
        once = asyncio.run(_append_all(Path(folder, "once.duckdb"), [SPANS_SENT], 1))
        often = asyncio.run(_append_all(Path(folder, "often.duckdb"), batches, together))
    assert often == once
    assert len(once) == len(SPANS_SENT) + 5, "spans, and observations of the model calls among them"


def _fingerprint(span: ReceivedSpan) -> int:
    """As the journal makes it."""
    entry = Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of([span]), START))
    return int(entry.columns["payload_hash"][0])


_UNLIKE: tuple[dict[str, Any], ...] = (
    {"resource": {"service.name": "shop", "x": None}},
    {"scope": Scope("x", "2")},
    {"parent_span_id": b"p" * 8},
    {"name": "x"},
    {"kind": 1},
    {"status": 2},
    {"ended_ns": START + 10**10},
)


def test_fingerprints_of_model_calls_ignore_the_order_of_attributes_and_what_is_not_kept() -> None:
    span = replace(received(1), attributes={**CHAT, "a": 1, "b": {"x": 1, "y": 2}})
    same = replace(span, attributes={"b": {"y": 2, "x": 1}, "a": 1, **CHAT}, resource=dict(span.resource))
    assert _fingerprint(same) == _fingerprint(span)
    assert _fingerprint(replace(span, attributes={**span.attributes, "gen_ai.prompt": "Hi"})) == _fingerprint(span)
    others = [{**span.attributes, "a": value} for value in (1.0, "1", True, None, [1])]
    unlike = [replace(span, **change) for change in (*_UNLIKE, *({"attributes": other} for other in others))]
    assert len({*map(_fingerprint, [span, *unlike])}) == len(unlike) + 1


def test_fingerprints_of_other_spans_are_of_their_skeletons() -> None:
    span = replace(received(1), attributes={"server.address": "a.example", "http.route": "/"})
    assert _fingerprint(replace(span, attributes={"server.address": "A.example", "y": 1})) == _fingerprint(span)
    unlike = [replace(span, **change) for change in (*_UNLIKE, {"attributes": {"server.address": "b.example"}})]
    assert len({*map(_fingerprint, [span, *unlike])}) == len(unlike) + 1


DYING = """
import asyncio, os, sys
sys.path.insert(0, {tests!r})
from receiving import journal_on, received
from spanledger_collector.ledger.store import Ledger

async def main():
    with Ledger.open({db!r}) as ledger, journal_on(ledger) as (journal, _):
        for batch in range(5):
            await journal.append([received(number) for number in range(batch * 50, batch * 50 + 50)])
        os._exit(9)

asyncio.run(main())
"""


def test_a_log_cut_off_in_the_middle_of_a_commit_loses_that_commit_only(db: Path) -> None:
    program = DYING.format(tests=str(Path(__file__).parent), db=str(db))
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    log = db.with_name(f"{db.name}.wal")
    whole, file = log.read_bytes(), db.read_bytes()
    kept: list[int] = []
    for size in (len(whole), len(whole) - 1, len(whole) // 2, 100):
        db.write_bytes(file)
        log.write_bytes(whole[:size])
        with Ledger.open(db) as ledger:
            kept.append(stored(ledger, "SELECT count(*) FROM spans")[0][0])
    assert kept[:2] == [250, 200]
    assert kept == sorted(kept, reverse=True)
    assert {count % 50 for count in kept} == {0}, "a commit is there whole or not at all"
