"""How far the ledger says that it has taken in the log: what came in after that is loaded by the next start."""

import asyncio
import errno
from pathlib import Path

import pytest
from receiving import CHAT, journal_on, received, stored

from spanledger_collector.journal import Journal, load_leftover
from spanledger_collector.journal.leftover import Leftover
from spanledger_collector.journal.writer import Writer
from spanledger_collector.ledger.store import Ledger


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("before", [1, 2, 3])
async def test_what_came_after_the_last_batch_is_left_to_the_next_start(
    db: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Some requests are loaded, then the database takes nothing, and the process ends."""
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _), monkeypatch.context() as stuck:
            for number in range(before):
                await journal.append([received(number, CHAT)])
            stuck.setattr(Writer, "commit", _full)
            for number in range(before, 5):
                await Journal.append(journal, [received(number, CHAT)])  # without waiting for the database
            await asyncio.to_thread(journal.close)
        assert stored(ledger, "SELECT count(*) FROM store.spans") == [(before,)]
        assert Leftover(ledger).held.requests == 5 - before
        load_leftover(ledger)
        assert stored(ledger, "SELECT span - 1 FROM store.spans ORDER BY span") == [(number,) for number in range(5)]
