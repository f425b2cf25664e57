"""What is known of the spans and ids in a large ledger is read after the start, in threads of its own: a server is
ready before, and overlooks nothing meanwhile."""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import pytest
from receiving import CHAT, Appended, journal_on, received, request, stored, until
from whole_server import server_with

from spanledger_collector.journal.known import KnownSpans
from spanledger_collector.journal.sealed import SealedKeys
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.service import Running
from spanledger_collector.settings import Settings

_SPANS = [received(number, CHAT if number % 2 else None) for number in range(40)]
_MORE = [received(number, CHAT) for number in range(40, 60)]


class _Held:
    """A method that is entered, and goes on when the block of this ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: type, method: str) -> None:
        self.entered, self._go_on = Event(), Event()
        real: Any = getattr(of, method)

        def wait(*given: object) -> object:
            self.entered.set()
            assert self._go_on.wait(60)
            return real(*given)

        monkeypatch.setattr(of, method, wait)

    def __enter__(self) -> None:
        assert self.entered.wait(30)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()


def _send(running: Running) -> int:
    """All spans at once: the status."""
    body = request([*_SPANS, *_MORE]).SerializeToString()
    sent = Request(f"{running.http.url}/v1/traces", body, {"content-type": "application/x-protobuf"})
    with urlopen(sent, timeout=20) as answer:
        return answer.status


async def test_while_what_is_stored_is_read_every_span_is_looked_for(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_on(ledger) as (journal, _):
        await journal.append(_SPANS)
    held = _Held(monkeypatch, KnownSpans, "_read")
    with journal_on(ledger) as (journal, _), held:
        assert await journal.take([*_SPANS, *_MORE]) == Appended(20, duplicates=40)
        assert await journal.take(_MORE) == Appended(0, duplicates=20)
    assert stored(ledger, "SELECT count(*), count(DISTINCT span) FROM store.spans") == [(60, 60)]


async def test_while_the_filter_of_the_sealed_ones_is_made_they_are_looked_for_in_their_files(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_spans: Any = KnownSpans.__init__

    def in_short_runs(*given: object) -> None:
        known_spans(*given, spans_per_run=10)

    monkeypatch.setattr(KnownSpans, "__init__", in_short_runs)
    with journal_on(ledger) as (journal, _):
        async with asyncio.timeout(30):
            while not stored(ledger, "FROM store.key_runs"):
                await journal.append(_SPANS)
    held = _Held(monkeypatch, SealedKeys, "fill")
    with journal_on(ledger) as (journal, _), held:
        assert await journal.take([*_SPANS, *_MORE]) == Appended(20, duplicates=40)
    assert stored(ledger, "SELECT count(*), count(DISTINCT span) FROM store.spans") == [(60, 60)]


def test_a_server_is_ready_and_takes_spans_before_all_that_is_stored_is_known(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_with(Settings(db=db)) as running:
        assert _send(running) == 200
    spans, ids = _Held(monkeypatch, KnownSpans, "_read"), _Held(monkeypatch, KnownIds, "__init__")
    with server_with(Settings(db=db)) as running:
        with spans, ids:
            assert _send(running) == 200
            stats = running.state.stats
            until(lambda: stats.snapshot()["spans_duplicate"] == 60)
            assert stats.snapshot()["spans_journaled"] == 0
            calls = stored(running.state.ledger, "SELECT count(*) FROM calls")
        until(lambda: running.state.settler.pending() == 0)
        assert stored(running.state.ledger, "SELECT count(*) FROM calls") == calls
