"""The intake: what is acknowledged outlives every end of the process, is loaded once, and nothing else is believed."""

import asyncio
import errno
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from receiving import CHAT, PatientJournal, journal_on, received, stored, until
from tests.observed import whole_reading

from spanledger_collector import dialects
from spanledger_collector.cli import spanledger
from spanledger_collector.errors import LedgerUnreadable, NotStored
from spanledger_collector.journal import Journal, intake, load_leftover, loader
from spanledger_collector.journal.entries import Entry, decode_entries, encode_entries, encode_entry
from spanledger_collector.journal.extraction import Extractor, Submission
from spanledger_collector.journal.frames import Frame, Held, frame_of, frames_in
from spanledger_collector.journal.intake import Head, Intake, intake_of, segments_in
from spanledger_collector.journal.leftover import Leftover
from spanledger_collector.journal.reading import StoredReading
from spanledger_collector.journal.rows import NOTHING_TOLD, Columns
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.compaction import compact
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.ledger.retention import sweep
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.observation_columns import joined, observations_in
from spanledger_collector.pricing import shipped_book
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.settings import Retention
from spanledger_collector.stats import Stats

ROWS = "SELECT * EXCLUDE (received_at) FROM store.spans ORDER BY ALL"
READINGS = "SELECT * EXCLUDE (seq, received_at) FROM store.observations ORDER BY ALL"
_PARENTS = (None, b"\xff" * 8, bytes(7) + b"\1")
REQUESTS = [
    [received(number, CHAT if number % 2 else None, parent=_PARENTS[number % 3]) for number in range(first, first + 5)]
    for first in range(0, 40, 5)
]


def _entry(spans: Sequence[ReceivedSpan]) -> Entry:
    return Extractor(dialects, Stats()).entry_of(Submission(ReceivedSpans.of([*spans]), 1_000))


def _logged(folder: Path, requests: Sequence[Sequence[ReceivedSpan]]) -> Intake:
    """A log that holds these requests, each in a frame of its own, as a process that is gone left it."""
    log = Intake(folder)
    for spans in requests:
        log.append(Held(1, len(spans)), encode_entries([encode_entry(_entry(spans))]))
    return log


def _spans_stored(ledger: Ledger) -> list[int]:
    return [span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans ORDER BY span")]


def _numbers(requests: Sequence[Sequence[ReceivedSpan]]) -> list[int]:
    return [int.from_bytes(span.span_id) - 1 for spans in requests for span in spans]


@pytest.fixture
def stuck() -> Generator[pytest.MonkeyPatch]:
    """The database takes nothing, until this is undone: what is acknowledged stays in the intake."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Writer, "commit", full)
        yield patched


def test_an_entry_is_read_as_it_was_written() -> None:
    entry = _entry(REQUESTS[0])
    (found,) = decode_entries(encode_entries([encode_entry(entry)]))
    assert _lists(found.columns) == _lists(entry.columns)
    assert _lists(found.told.columns) == _lists(entry.told.columns)
    assert [*found.told.places] == [*entry.told.places] == [1, 3]
    assert (found.received_ns, found.spans, found.told.observed) == (1_000, 5, None)
    assert _read_again(found) == _read_again(entry)


def test_an_entry_that_tells_of_no_call_is_read_as_it_was_written() -> None:
    entry = _entry([received(0)])
    (found,) = decode_entries(encode_entries([encode_entry(entry)]))
    assert _lists(found.columns) == _lists(entry.columns)
    assert found.told == entry.told == NOTHING_TOLD


def test_entries_of_other_columns_are_refused() -> None:
    ((received_ns, columns, told),) = msgspec.msgpack.decode(encode_entries([encode_entry(_entry(REQUESTS[0]))]))
    fewer = {name: column for name, column in columns.items() if name != "span"}
    with pytest.raises(ValueError, match="spans without span"):
        decode_entries(msgspec.msgpack.encode([(received_ns, fewer, told)]))
    for column in ([-1] * 5, ["x"] * 5, b"123"):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are those of `array`
            decode_entries(msgspec.msgpack.encode([(received_ns, {**columns, "span": column}, told)]))
    with pytest.raises(ValueError, match="the column name is written in another way"):
        decode_entries(msgspec.msgpack.encode([(received_ns, {**columns, "name": b"12345"}, told)]))
    with pytest.raises(ValueError, match="shorter"):
        decode_entries(msgspec.msgpack.encode([(received_ns, columns, {**told, "columns": told["columns"][1:]})]))


def _read_again(entry: Entry) -> bytes:
    return encode_entries([encode_entry(entry)])


def _lists(columns: Columns) -> dict[str, list[object]]:
    return {name: [*column] for name, column in columns.items()}


PAYLOADS = st.lists(st.binary(max_size=60), max_size=6)


def _file(payloads: Sequence[bytes]) -> bytes:
    return b"".join(frame_of(number, Held(1, 2, 3), each) for number, each in enumerate(payloads, 1))


def _read(frames: Sequence[Frame]) -> list[bytes]:
    return [bytes(frame.payload) for frame in frames]


@given(PAYLOADS, st.data())
def test_any_cut_gives_back_exactly_a_prefix(payloads: list[bytes], data: st.DataObject) -> None:
    content = _file(payloads)
    size = data.draw(st.integers(0, len(content)))
    found = frames_in(content[:size])
    count = len(found.whole)
    assert _read(found.whole) == payloads[:count]
    assert len(_file(payloads[:count])) + found.torn_bytes == size
    assert count == len(payloads) or size < len(_file(payloads[: count + 1]))
    assert found.damaged_bytes == 0


@given(PAYLOADS, st.binary(min_size=1, max_size=80))
def test_what_follows_the_last_frame_is_torn_whatever_it_is(payloads: list[bytes], rest: bytes) -> None:
    found = frames_in(_file(payloads) + rest)
    assert (_read(found.whole), found.torn_bytes, found.damaged_bytes) == (payloads, len(rest), 0)


@given(st.lists(st.binary(max_size=60), min_size=2, max_size=6), st.data())
def test_a_changed_byte_costs_one_frame_and_is_noticed(payloads: list[bytes], data: st.DataObject) -> None:
    content = bytearray(_file(payloads))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    found = frames_in(bytes(content))
    lost = next(number for number in range(len(payloads)) if place < len(_file(payloads[: number + 1])))
    assert _read(found.whole) == [each for number, each in enumerate(payloads) if number != lost]
    size = len(_file([payloads[lost]]))
    last = lost == len(payloads) - 1
    assert (found.torn_bytes, found.damaged_bytes) == ((size, 0) if last else (0, size))


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1))
def test_a_log_that_is_cut_anywhere_gives_the_ledger_a_prefix_of_the_requests(share: float) -> None:
    with TemporaryDirectory() as folder:
        db = Path(folder, "ledger.duckdb")
        _logged(intake_of(db), REQUESTS)
        (segment,) = segments_in(intake_of(db))
        content = segment.read_bytes()
        size = round(share * len(content))
        segment.write_bytes(content[:size])
        whole = [frame for frame in frames_in(content[:size]).whole if frame.held.requests]
        with Ledger.open(db) as ledger:
            assert load_leftover(ledger).requests == len(whole)
            assert _spans_stored(ledger) == _numbers(REQUESTS[: len(whole)])
        assert not intake_of(db).exists()


async def _acknowledged(db: Path) -> None:
    """What a journal leaves that is killed after it acknowledged and before it loaded."""
    with Ledger.open(db) as ledger:
        journal = Journal(ledger, Stats(), dialects, lambda: None)
        for spans in REQUESTS:
            await journal.append(spans)
        await asyncio.to_thread(journal.close)


async def test_what_cannot_be_loaded_is_acknowledged_and_left_to_the_next_start(
    db: Path, stuck: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await _acknowledged(db)
    stuck.undo()
    assert "could not be brought into the journal yet" in caplog.text
    with Ledger.open(db) as ledger:
        assert Leftover(ledger).held.requests == len(REQUESTS)
        with journal_on(ledger) as (journal, stats):
            await journal.append([received(100)])
            assert _spans_stored(ledger) == [*_numbers(REQUESTS), 100]
            assert stats.snapshot()["spans_journaled"] == 41
        assert stored(ledger, "SELECT count(*), max(seq) FROM observations") == [(20, 20)]
    assert not intake_of(db).exists(), "all of it is in the file"
    with TemporaryDirectory() as folder, Ledger.open(Path(folder, "at_once.duckdb")) as other:
        with journal_on(other) as (journal, _):
            await journal.append([span for spans in REQUESTS for span in spans])
        with Ledger.open(db) as ledger:
            assert stored(ledger, READINGS) == stored(other, READINGS)
            assert [row for row in stored(ledger, ROWS) if row[2] != 101] == stored(other, ROWS)


def test_loading_again_changes_nothing(db: Path, tmp_path: Path) -> None:
    """As after a kill when the spans were stored and the log not removed; also where the position is another log's."""
    _logged(intake_of(db), REQUESTS)
    copytree(intake_of(db), tmp_path / "kept")
    with Ledger.open(db) as ledger:
        load_leftover(ledger)
        before = stored(ledger, "SELECT * FROM store.spans ORDER BY ALL"), stored(ledger, READINGS)
        copytree(tmp_path / "kept", intake_of(db))
        assert load_leftover(ledger).requests == 0, "the ledger notes how far it is"
        for key in ("intake_log", "intake_frame"):
            with ledger.cursor() as cursor:
                cursor.execute("UPDATE meta SET value = '5' WHERE key = ?", [key])
        copytree(tmp_path / "kept", intake_of(db))
        assert load_leftover(ledger).requests == len(REQUESTS)
        assert (stored(ledger, "SELECT * FROM store.spans ORDER BY ALL"), stored(ledger, READINGS)) == before


def test_what_was_loaded_before_the_end_is_not_loaded_again(db: Path) -> None:
    log = _logged(intake_of(db), REQUESTS)
    with Ledger.open(db) as ledger, ledger.cursor() as cursor:
        for key, value in (("intake_log", log.log), ("intake_frame", 6)):
            cursor.execute("INSERT INTO meta VALUES (?, ?)", [key, str(value)])
        assert load_leftover(ledger).requests == 2
        assert _spans_stored(ledger) == _numbers(REQUESTS[6:])


def test_two_ends_in_a_row_keep_the_order(db: Path) -> None:
    """Each process begins a log of its own; what an earlier one left comes first."""
    _logged(intake_of(db), REQUESTS[:4])
    _logged(intake_of(db), REQUESTS[4:])
    assert len(segments_in(intake_of(db))) == 2
    with Ledger.open(db) as ledger:
        assert load_leftover(ledger).requests == len(REQUESTS)
        arrived = stored(ledger, "SELECT span - 1 FROM store.spans ORDER BY received_at, span")
    assert [span for (span,) in arrived] == _numbers(REQUESTS)


def test_damage_in_the_middle_costs_what_is_damaged_and_is_told(db: Path, caplog: pytest.LogCaptureFixture) -> None:
    _logged(intake_of(db), REQUESTS)
    (segment,) = segments_in(intake_of(db))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    with Ledger.open(db) as ledger:
        journal = PatientJournal(ledger, stats := Stats(), dialects, lambda: None)
        until(lambda: journal.waiting.requests == 0)
        journal.close()
        found = _spans_stored(ledger)
    assert len(found) == 35
    assert set(found) < set(_numbers(REQUESTS))
    assert stats.snapshot()["intake_damaged_bytes"] != 0
    assert "cannot be read that held acknowledged requests" in caplog.text
    assert [file.suffix for file in intake_of(db).iterdir()] == [".damaged"], "kept for whoever can read it"


def _second_format(spans: Sequence[ReceivedSpan]) -> list[Any]:
    """A request as the second format had it: lists of integers, and of each call the fields together."""
    entry = _entry(spans)
    columns = _lists(entry.columns)
    columns["parent"] = [parent or None for parent in columns["parent"]]
    fields = zip(*entry.told.columns.values(), strict=True)
    return [entry.received_ns, columns, [*zip(entry.told.places, fields, strict=True)]]


def _first_format(spans: Sequence[ReceivedSpan]) -> list[Any]:
    """A request as the first format had it: also with a time of arrival in each row, and whole observations as
    readings."""
    received_ns, columns, told = _second_format(spans)
    observed = _entry(spans).told.observed
    assert observed is not None
    observations = observations_in(joined(observed))
    readings = [whole_reading(StoredReading.of(observation)) for observation in observations]
    whole = [
        (place, [*fields[:9], reading, *fields[10:]]) for (place, fields), reading in zip(told, readings, strict=True)
    ]
    return [received_ns, {**columns, "received_at": [received_ns] * len(spans)}, whole]


@pytest.mark.parametrize("written", [_first_format, _second_format])
def test_a_log_of_an_earlier_format_is_loaded(db: Path, written: Callable[[Sequence[ReceivedSpan]], list[Any]]) -> None:
    """All that is in the ledger then is what a log of this format brings."""
    folder = intake_of(db)
    folder.mkdir()
    head = frame_of(0, Held(), b'{"log":1,"format":%d}' % (1 if written is _first_format else 2))
    frames = [
        frame_of(number, Held(1, 5, 2), msgspec.msgpack.encode([written(spans)]))
        for number, spans in enumerate(REQUESTS, 1)
    ]
    (folder / "00000001.frames").write_bytes(head + b"".join(frames))
    _logged(intake_of(other_db := db.with_name("other.duckdb")), REQUESTS)
    readings = READINGS.replace("(seq,", "(reading, seq,") if written is _first_format else READINGS
    with Ledger.open(db) as ledger, Ledger.open(other_db) as other:
        assert load_leftover(ledger).requests == len(REQUESTS)
        load_leftover(other)
        assert _spans_stored(ledger) == _numbers(REQUESTS)
        assert stored(ledger, ROWS) == stored(other, ROWS)
        sent = [span.parent_span_id for spans in REQUESTS for span in spans]
        parents = [parent for (parent,) in stored(ledger, "SELECT parent FROM store.spans ORDER BY span")]
        assert parents == [parent and int.from_bytes(parent) for parent in sent]
        assert stored(ledger, readings) == stored(other, readings)
        Settler(ledger, shipped_book()).settle_pending()
        found = rebuild(ledger, shipped_book())
    assert (found.equal, found.reread, found.calls) == (True, 0, 20)


def test_a_log_of_another_version_is_not_touched(db: Path) -> None:
    folder = intake_of(db)
    folder.mkdir()
    segment = folder / "00000001.frames"
    head = frame_of(0, Held(), b'{"log":1,"format":%d}' % (Head(1).format + 1))
    segment.write_bytes(head + frame_of(1, Held(1, 1), b"?"))
    with Ledger.open(db) as ledger, pytest.raises(LedgerUnreadable, match="another version"):
        Journal(ledger, Stats(), dialects, lambda: None)
    assert segment.exists()


async def test_a_disk_that_takes_nothing_is_told_and_leaves_nothing_half(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A sync that fails leaves the file alone for ever: what the kernel dropped, a second sync does not bring back."""
    with journal_on(ledger) as (journal, stats):
        await journal.append(REQUESTS[0])
        with monkeypatch.context() as patched:
            patched.setattr(intake, "_sync_data", _no_space)
            for _ in range(2):
                with pytest.raises(NotStored, match="No space left"):
                    await journal.append(REQUESTS[1])
        await journal.append(REQUESTS[2])
        segments = segments_in(intake_of(ledger.path))
        assert len(segments) == 1, "the first one is loaded and gone, the next was begun"
        frames = frames_in(segments[0].read_bytes())
        assert (len(frames.whole), frames.torn_bytes) == (2, 0)
    assert _spans_stored(ledger) == _numbers([REQUESTS[0], REQUESTS[2]])
    counts = stats.snapshot()
    assert (counts["intake_failures"], counts["spans_logged"]) == (2, 10)
    assert caplog.text.count("The intake takes nothing") == 1, "not with every request that comes again"


def test_what_could_not_be_written_is_taken_off_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Intake(tmp_path / "log")
    with monkeypatch.context() as patched:
        patched.setattr(intake, "_sync_data", _no_space)
        with pytest.raises(OSError, match="No space left"):
            log.append(Held(1, 1), b"first")
        assert segments_in(tmp_path / "log") == []
    log.append(Held(1, 1), b"one")
    (segment,) = segments_in(tmp_path / "log")
    size = segment.stat().st_size
    monkeypatch.setattr(intake, "_sync_data", _no_space)
    with pytest.raises(OSError, match="No space left"):
        log.append(Held(1, 1), b"two")
    assert segment.stat().st_size == size


def _no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("bound", ["spans", "bytes"])
async def test_when_as_much_waits_as_may_requests_are_refused_to_come_again(
    ledger: Ledger, stuck: pytest.MonkeyPatch, bound: str
) -> None:
    """One span, or byte, more may wait than the first request has."""
    unbounded = Held(spans=10**9, bytes=10**9)
    journal = Journal(ledger, stats := Stats(), dialects, lambda: None)
    try:
        await journal.append(REQUESTS[0])
        stuck.setattr(loader, "_MOST", replace(unbounded, **{bound: 1 + getattr(journal.waiting, bound)}))
        await journal.append(REQUESTS[1])
        until(lambda: stats.snapshot()["journal_commit_failures"] != 0)
        with pytest.raises(NotStored, match=r"takes nothing: .*No space left"):
            await journal.append(REQUESTS[2])
        assert stats.snapshot()["intake_spans"] == 10
    finally:
        stuck.undo()
        await asyncio.to_thread(journal.close)
    assert _spans_stored(ledger) == _numbers(REQUESTS[:2])


async def test_an_acknowledged_request_that_the_database_refuses_is_set_aside_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = Writer.commit

    def picky(writer: Writer, batch: Sequence[Entry], position: object = None) -> None:
        if any(11 in entry.columns["span"] for entry in batch):
            raise ValueError("eleven")
        commit(writer, batch, position)  # pyright: ignore[reportArgumentType] - as it came

    monkeypatch.setattr(Writer, "commit", picky)
    with journal_on(ledger) as (journal, stats):
        await asyncio.gather(*map(journal.append, REQUESTS))
    assert _spans_stored(ledger) == _numbers([*REQUESTS[:2], *REQUESTS[3:]])
    assert stats.snapshot()["requests_set_aside"] == 1
    (kept,) = intake_of(ledger.path).iterdir()
    assert f"is kept as {kept}: eleven" in caplog.text
    monkeypatch.undo()
    kept.rename(kept.with_name("00000001.frames"))
    load_leftover(ledger)
    assert _spans_stored(ledger) == _numbers(REQUESTS), "by its name it is a log as every other"


def test_compaction_and_retention_leave_the_log_alone(db: Path) -> None:
    with Ledger.open(db) as ledger:
        pass
    _logged(intake_of(db), REQUESTS)
    compact(db)
    with Ledger.open(db) as ledger:
        sweep(ledger, Retention(0, 0, 0), 2_000)
        assert load_leftover(ledger).requests == len(REQUESTS)
        assert _spans_stored(ledger) == _numbers(REQUESTS)


def test_commands_on_the_file_say_what_waits_or_take_it_in(db: Path) -> None:
    with Ledger.open(db):
        pass
    _logged(intake_of(db), REQUESTS)
    reading = CliRunner().invoke(spanledger, ["status", "--db", str(db)])
    assert reading.exit_code == 0
    assert (
        "8 requests with 40 spans, acknowledged by a server that was killed, are not in this answer" in reading.stderr
    )
    assert segments_in(intake_of(db))
    writing = CliRunner().invoke(spanledger, ["rebuild", "--db", str(db)])
    assert (writing.exit_code, writing.stderr) == (0, "")
    assert not intake_of(db).exists()
    with Ledger.open(db, read_only=True) as ledger:
        assert _spans_stored(ledger) == _numbers(REQUESTS)


def test_only_the_owner_may_read_it(db: Path) -> None:
    _logged(intake_of(db), REQUESTS[:1])
    assert intake_of(db).stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in segments_in(intake_of(db))] == [0o600]


def test_segments_go_when_all_of_them_is_loaded(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_SEGMENT_BYTES", 1)
    log = _logged(intake_of(db), REQUESTS)
    assert len(segments_in(intake_of(db))) == len(REQUESTS)
    log.forget(3)
    assert [path.stem for path in segments_in(intake_of(db))] == [f"{number:08}" for number in range(4, 9)]
    log.close(7)
    assert [path.stem for path in segments_in(intake_of(db))] == ["00000008"]
    log.forget(8)
    assert segments_in(intake_of(db)) == []
