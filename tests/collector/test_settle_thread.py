"""The settle thread: woken, failing and trying again, and closed with nothing left behind."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
from receiving import until

from spanledger_collector.settle_thread import SettleThread
from spanledger_collector.stats import Stats


class Pile:
    """Observations that wait, and a settler of them that fails so often first."""

    def __init__(self, waiting: int, failures: int = 0) -> None:
        self.waiting = waiting
        self.failures = failures
        self.passes = 0
        self.threads: set[int] = set()

    def kept_ready(self) -> AbstractContextManager[None]:
        """Nothing to keep."""
        return nullcontext()

    def settle_pending(self, stopping: Callable[[], bool]) -> int:
        """Settle them one by one."""
        self.passes += 1
        self.threads.add(threading.get_ident())
        if self.failures:
            self.failures -= 1
            raise ValueError("no luck")
        settled = 0
        while self.waiting and not stopping():
            self.waiting -= 1
            settled += 1
        return settled


def settled(stats: Stats) -> Callable[[int], bool]:
    return lambda count: stats.snapshot()["observations_settled"] == count


def test_it_settles_at_the_start_and_when_woken() -> None:
    stats, pile = Stats(), Pile(3)
    thread = SettleThread(pile, stats)
    until(lambda: settled(stats)(3))
    pile.waiting = 2
    thread.wake()
    until(lambda: settled(stats)(5))
    assert pile.passes == 2, "it does not look again unless woken"
    thread.close(10)
    assert len(pile.threads) == 1


def test_a_failure_is_logged_counted_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    stats, pile = Stats(), Pile(3, failures=2)
    thread = SettleThread(pile, stats, retry_seconds=0.01)
    until(lambda: settled(stats)(3))
    thread.close(10)
    assert stats.snapshot()["settle_failures"] == 2
    assert ["no luck" in (record.exc_text or "") for record in caplog.records] == [True, True]


def test_closing_settles_what_was_there_before() -> None:
    for _ in range(50):
        stats, pile = Stats(), Pile(0)
        thread = SettleThread(pile, stats)
        pile.waiting = 7
        thread.close(10)
        assert settled(stats)(7)


def test_closing_does_not_wait_for_the_next_try() -> None:
    pile = Pile(1, failures=10**9)
    thread = SettleThread(pile, Stats(), retry_seconds=3600)
    until(lambda: pile.passes > 0)
    thread.close(10)


def test_closing_leaves_what_takes_too_long() -> None:
    pile = Pile(10**12)
    thread = SettleThread(pile, Stats())
    until(lambda: pile.waiting < 10**12)  # it may be late to its work, and then has no time left for any
    thread.close(0.05)
    assert pile.waiting > 0
    assert not thread.is_alive
