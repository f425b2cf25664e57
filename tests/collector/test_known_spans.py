"""What the journal knows of the spans that it holds: nothing stored is overlooked, at any size, after any restart."""

import asyncio
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace
from receiving import CHAT, START, Appended, journal_on, received, stored, until

from spanledger_collector.journal import key_filter
from spanledger_collector.journal.key_filter import CrowdedFilter, GrowingFilter
from spanledger_collector.journal.key_runs import Run, write_run
from spanledger_collector.journal.known import KnownSpans
from spanledger_collector.journal.sealed import folder_of
from spanledger_collector.ledger.sql import migrations
from spanledger_collector.ledger.store import Ledger

_SPANS = [received(number, CHAT if number % 2 else None) for number in range(40)]
_RANDOM = Random(1)
_NEW = [_RANDOM.getrandbits(64) for _ in range(1000)]
_PER_RUN = 290
_INSERT = """
INSERT INTO store.spans
SELECT hash(i // 8), hash(i // 8, 1), hash(i, 2), NULL, 'x', 0, 's', 't', make_timestamp_ns($start + i),
       make_timestamp_ns($start + i + 1), 0, NULL, i, make_timestamp_ns($start + i // 20 * 20)
FROM range($first, $last) t(i)
"""


def _keys(ledger: Ledger) -> list[int]:
    return [key for (key,) in stored(ledger, "SELECT xor(trace_lo, span) FROM store.spans ORDER BY received_at")]


def _fill(ledger: Ledger, first: int, last: int) -> None:
    """Store the skeletons of these numbers, twenty of which arrive at a time."""
    with ledger.cursor() as cursor:
        cursor.execute(_INSERT, {"start": START, "first": first, "last": last})


@contextmanager
def _known(ledger: Ledger) -> Generator[KnownSpans]:
    """What is known, with few spans in a run, from when the stored ones are read."""
    spans = KnownSpans(ledger, spans_per_run=_PER_RUN)
    try:
        until(lambda: not spans.suspects(_NEW[:1]))
        yield spans
    finally:
        spans.close()


def _runs(ledger: Ledger) -> Sequence[dict[str, Any]]:
    """What the ledger notes of its runs."""
    rows = stored(ledger, "SELECT file, keys FROM store.key_runs ORDER BY after_ns")
    return [{"file": file, "keys": keys} for file, keys in rows]


def _files(db: Path) -> set[str]:
    return {file.name for file in folder_of(db).glob("*")}


def _seal(ledger: Ledger, spans: KnownSpans, runs: int) -> None:
    """Have what is stored sealed: it is when the next spans come."""

    def sealed() -> bool:
        spans.add([])
        return len(_runs(ledger)) >= runs

    until(sealed)


async def test_what_was_stored_before_is_suspected_and_what_is_new_is_not(ledger: Ledger) -> None:
    with journal_on(ledger) as (journal, _):
        await journal.append(_SPANS)
    with _known(ledger) as spans:
        assert spans.suspects(_NEW) == []
        assert spans.suspects(_keys(ledger)) == list(range(len(_SPANS)))
    assert _files(ledger.path) == set(), "few spans need no run"


@pytest.mark.parametrize("kind", [GrowingFilter, CrowdedFilter])
def test_a_filter_that_is_full_forgets_nothing(
    kind: type[GrowingFilter | CrowdedFilter], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, keys in (("_FEWEST", 100), ("_MOST", 500), ("_MOST_CROWDED", 500)):
        monkeypatch.setattr(key_filter, name, keys)
    known = kind(len(_NEW))
    for start in range(0, len(_NEW), 50):
        assert len(known.suspects(_NEW[start : start + 50])) < 50
        known.add(_NEW[start : start + 50])
    assert known.suspects(_NEW) == list(range(len(_NEW)))


def test_filters_grow_to_a_size_and_not_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that hundreds of millions of spans take no more memory than the first ones do."""
    for name, keys in (("_FEWEST", 100), ("_MOST", 500), ("_MOST_CROWDED", 500)):
        monkeypatch.setattr(key_filter, name, keys)
    growing, expecting, crowded = GrowingFilter(), GrowingFilter(10**6), CrowdedFilter(10**6)
    before = _bits(expecting), _bits(crowded)
    for start in range(0, len(_NEW), 50):
        for known in (growing, expecting, crowded):
            known.add(_NEW[start : start + 50])
    assert (_bits(expecting), _bits(crowded)) == before
    assert before == (_bits(GrowingFilter(500)), _bits(CrowdedFilter(500)))
    assert _bits(growing) <= 1.1 * before[0]


def _bits(known: GrowingFilter | CrowdedFilter) -> int:
    filters = known._filters if isinstance(known, GrowingFilter) else [known._filter]  # pyright: ignore[reportPrivateUsage] - as large as they are
    return sum(each.size_in_bits for each in filters)


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 20_000])
def test_a_run_holds_its_keys_and_no_others(tmp_path: Path, count: int) -> None:
    random = Random(count)
    keys = sorted({random.getrandbits(64) for _ in range(count)})
    record = write_run(tmp_path / "runs", [keys[start : start + 700] for start in range(0, count, 700)], 5, 9)
    run = Run(tmp_path / "runs", record)
    assert (record.after_ns, record.until_ns, record.keys) == (5, 9, count)
    assert [key for part in run.parts() for key in part] == keys
    assert all(key in run for key in keys)
    around = {key + step for key in keys for step in (-1, 1)} | {0, 2**64 - 1, *_NEW}
    assert not any(key in run for key in around.difference(keys) if 0 <= key < 2**64)
    run.close()


def test_spans_that_came_long_ago_are_in_runs_also_after_a_restart(ledger: Ledger) -> None:
    _fill(ledger, 0, 1000)
    with _known(ledger) as spans:
        _seal(ledger, spans, 4)
        _fill(ledger, 1000, 1100)
        keys = _keys(ledger)
        spans.add(keys[1000:])
        assert spans.suspects(keys) == list(range(1100))
        assert spans.suspects(_NEW) == []
    assert [run["keys"] for run in _runs(ledger)] == [300, 300, 300, 100], "what arrived at a time is not torn apart"
    with _known(ledger) as spans:
        assert spans.suspects(keys + _NEW) == list(range(1100))
        until(lambda: spans._sealed._filter is not None)  # pyright: ignore[reportPrivateUsage] - from here on it is asked first
        assert spans.suspects(keys + _NEW) == list(range(1100))
    assert len(_runs(ledger)) == 4, "nothing is sealed twice"


def test_what_a_start_finds_unsealed_is_sealed_at_once(ledger: Ledger) -> None:
    """No filter of it is made before: it would take 86 MB, and the seal comes on top of it."""
    _fill(ledger, 0, 1000)
    with _known(ledger) as spans:
        until(lambda: spans.settled)
        assert [run["keys"] for run in _runs(ledger)] == [300, 300, 300, 100]
        assert spans._newest.count == 0  # pyright: ignore[reportPrivateUsage] - what it takes of memory
        assert spans.suspects(_keys(ledger) + _NEW) == list(range(1000))


def test_while_spans_are_sealed_none_is_overlooked(ledger: Ledger) -> None:
    """Each round brings a third of a run and asks for all again, whatever the other thread does meanwhile."""
    with _known(ledger) as spans:
        keys: list[int] = []
        for first in range(0, 2000, 100):
            _fill(ledger, first, first + 100)
            keys += stored_since(ledger, first)
            spans.add(keys[first:])
            assert spans.suspects(keys) == list(range(len(keys)))
        assert spans.suspects(_NEW) == []
        _seal(ledger, spans, 3)
        assert spans.suspects(keys) == list(range(2000))


def stored_since(ledger: Ledger, first: int) -> list[int]:
    """The keys of the spans from that number on."""
    found = stored(ledger, f"SELECT xor(trace_lo, span) FROM store.spans WHERE payload_hash >= {first}")
    return [key for (key,) in found]


def test_runs_that_retention_left_little_of_become_one(ledger: Ledger) -> None:
    _fill(ledger, 0, 1200)
    with _known(ledger) as spans:
        _seal(ledger, spans, 4)
        files = _files(ledger.path)
    with ledger.cursor() as cursor:
        cursor.execute("DELETE FROM store.spans WHERE payload_hash < 600 AND payload_hash % 10 > 0")
    _fill(ledger, 1200, 1600)
    with _known(ledger) as spans:
        spans.add([])
        until(lambda: [run["keys"] for run in _runs(ledger)][:1] == [60])
        until(lambda: len(_files(ledger.path)) == len(_runs(ledger)))
        assert len(files & _files(ledger.path)) == 2
        keys = _keys(ledger)
        assert spans.suspects(keys) == list(range(len(keys)))


def _remove(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8])


def _from_another_machine(file: Path) -> None:
    other = file.rename(file.with_suffix({".little": ".big", ".big": ".little"}[file.suffix]))
    with duckdb.connect(file.parent.with_name("ledger.duckdb")) as connection:
        connection.execute("UPDATE store.key_runs SET file = ? WHERE file = ?", [other.name, file.name])


def _forget(file: Path) -> None:
    with duckdb.connect(file.parent.with_name("ledger.duckdb")) as connection:
        connection.execute("DELETE FROM store.key_runs WHERE file = ?", [file.name])


@pytest.mark.parametrize("damage", [_remove, _cut, _from_another_machine, _forget])
def test_a_run_that_cannot_be_used_is_made_again(
    db: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with Ledger.open(db) as ledger:
        _fill(ledger, 0, 1000)
        with _known(ledger) as spans:
            _seal(ledger, spans, 4)
        second = folder_of(db) / _runs(ledger)[1]["file"]
        assert second.suffix == f".{sys.byteorder}"
    damage(second)
    with Ledger.open(db) as ledger:
        keys = _keys(ledger)
        with _known(ledger) as spans:
            assert "keys of spans" in caplog.text
            assert spans.suspects(keys) == list(range(1000))
            spans.add([])
            until(lambda: [run["keys"] for run in _runs(ledger)] == [300, 300, 300, 100])
            assert spans.suspects(keys) == list(range(1000))
        assert second.name not in _files(db)


def test_a_copy_of_the_ledger_does_not_believe_runs_of_the_other(db: Path, tmp_path: Path) -> None:
    """Two files that were one go on apart; then one is put into the place of the other."""
    copy = tmp_path / "copy.duckdb"
    with Ledger.open(db) as ledger:
        _fill(ledger, 0, 400)
    copy.write_bytes(db.read_bytes())
    for path, numbers in ((db, (400, 900)), (copy, (5400, 5900))):
        with Ledger.open(path) as ledger:
            _fill(ledger, *numbers)
            with _known(ledger) as spans:
                _seal(ledger, spans, 3)
    copy.replace(db)
    with Ledger.open(db) as ledger, _known(ledger) as spans:
        keys = _keys(ledger)
        assert spans.suspects(keys) == list(range(900))


def test_where_no_file_can_be_made_all_stays_in_memory(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    folder_of(ledger.path).write_text("in the way")
    _fill(ledger, 0, 400)
    with _known(ledger) as spans:
        spans.add([])
        until(lambda: "could not be sealed, and stay in memory" in caplog.text)
        keys = _keys(ledger)
        assert spans.suspects(keys + _NEW) == list(range(400))


async def test_a_journal_finds_what_is_sealed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it came at another time, as a conflict does: it is looked for everywhere."""
    known_spans = KnownSpans.__init__
    monkeypatch.setattr(KnownSpans, "__init__", lambda *given: known_spans(*given, spans_per_run=10))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    for _ in range(2):
        with journal_on(ledger) as (journal, _stats):
            await journal.append(_SPANS[:20])
            await journal.append(_SPANS[20:])
            async with asyncio.timeout(30):
                while not _runs(ledger):
                    await journal.append(_SPANS)
            assert await journal.take(_SPANS) == Appended(0, duplicates=40)
            moved = [replace(span, started_ns=span.started_ns - 10**15) for span in _SPANS]
            assert await journal.take(moved) == Appended(0, conflicts=40)
    assert stored(ledger, "SELECT count(*) FROM spans") == [(40,)]


async def test_what_comes_when_the_clock_was_set_back_is_not_taken_for_sealed(ledger: Ledger) -> None:
    """Also where retention took all that was sealed."""
    _fill(ledger, 0, 400)
    with _known(ledger) as spans:
        _seal(ledger, spans, 2)
    with ledger.cursor() as cursor:
        cursor.execute("DELETE FROM store.spans")
        cursor.execute("UPDATE store.key_runs SET until_ns = until_ns + 4 * CAST(1e18 AS BIGINT) WHERE keys < 300")
    with journal_on(ledger) as (journal, _stats):
        assert await journal.take(_SPANS) == Appended(40)
    with _known(ledger) as spans:
        assert spans.suspects(_keys(ledger)) == list(range(40))


async def test_a_wrong_suspicion_costs_a_look_and_changes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownSpans, "suspects", lambda _, keys: list(range(len(keys))))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with journal_on(ledger) as (journal, _):
        assert await journal.take(_SPANS[:20]) == Appended(20)
        assert await journal.take(_SPANS) == Appended(20, duplicates=20)


async def test_a_ledger_that_had_a_key_is_migrated_with_its_spans(db: Path) -> None:
    with duckdb.connect(db) as connection:
        for version, script in migrations()[:2]:
            connection.execute(script)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", [str(version)])
        connection.execute(
            "INSERT INTO store.spans VALUES (0, 1, 1, NULL, 'GET /', 3, 'shop', 's', make_timestamp_ns(5),"
            " make_timestamp_ns(6), 0, NULL, 7, make_timestamp_ns(8))"
        )
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            assert await journal.take(_SPANS[:2]) == Appended(1, conflicts=1)
        assert stored(ledger, "SELECT span, epoch_ns(started_at) > 5 FROM store.spans ORDER BY span") == [
            (1, False),
            (2, True),
        ]
