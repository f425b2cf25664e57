"""What the journal knows of the spans that it holds: nothing stored is overlooked, at any size, after any restart."""

from pathlib import Path
from random import Random

import duckdb
import pytest
from receiving import CHAT, journal_on, received, stored, until

from spanledger_collector.journal import Appended, known
from spanledger_collector.journal.known import KnownSpans
from spanledger_collector.ledger.sql import migrations
from spanledger_collector.ledger.store import Ledger

_SPANS = [received(number, CHAT if number % 2 else None) for number in range(40)]


def _keys(ledger: Ledger) -> list[int]:
    return [key for (key,) in stored(ledger, "SELECT xor(trace_lo, span) FROM store.spans")]


async def test_what_was_stored_before_is_suspected_and_what_is_new_is_not(ledger: Ledger) -> None:
    with journal_on(ledger) as (journal, _):
        await journal.append(_SPANS)
    random = Random(1)
    new = [random.getrandbits(64) for _ in range(1000)]
    spans = KnownSpans(ledger)
    until(lambda: not spans.suspects(new))
    assert spans.suspects(_keys(ledger)) == list(range(len(_SPANS)))
    spans.close()


def test_a_filter_that_is_full_grows_and_forgets_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_FEWEST", 100)
    monkeypatch.setattr(known, "_MOST", 1000)
    random = Random(2)
    keys = [random.getrandbits(64) for _ in range(5000)]
    spans = KnownSpans(ledger)
    until(lambda: not spans.suspects(keys[:1]))
    for start in range(0, len(keys), 50):
        assert len(spans.suspects(keys[start : start + 50])) < 50
        spans.add(keys[start : start + 50])
    assert spans.suspects(keys) == list(range(len(keys)))
    spans.close()


async def test_a_wrong_suspicion_costs_a_look_and_changes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownSpans, "suspects", lambda _, keys: list(range(len(keys))))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with journal_on(ledger) as (journal, _):
        assert await journal.append(_SPANS[:20]) == Appended(20)
        assert await journal.append(_SPANS) == Appended(20, duplicates=20)


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
            assert await journal.append(_SPANS[:2]) == Appended(1, conflicts=1)
        assert stored(ledger, "SELECT span, epoch_ns(started_at) > 5 FROM store.spans ORDER BY span") == [
            (1, False),
            (2, True),
        ]
