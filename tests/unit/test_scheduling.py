"""Who comes first in the process of a server."""

import asyncio
import gc
import os
import sys
import threading
import weakref
from pathlib import Path

import pytest

from spanledger_collector import scheduling
from spanledger_collector.scheduling import BackgroundThread, answers_first
from spanledger_collector.service import serving
from spanledger_collector.settings import Address, Settings

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="no priorities of threads are known elsewhere")
ANYWHERE = Address("127.0.0.1", 0)


class Cycle:
    """Only the collector can take it away."""

    def __init__(self) -> None:
        self.self = self


def priorities() -> dict[int, int]:
    """The priority of each thread of this process, by the system's number of it."""
    return {
        int(task.name): os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()
    }


@on_linux
def test_a_background_thread_and_what_it_starts_come_after_the_others() -> None:
    found: list[int] = []

    def tell() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def tell_and_start() -> None:
        tell()
        inner = threading.Thread(target=tell)
        inner.start()
        inner.join()

    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    for thread in (BackgroundThread(target=tell_and_start), threading.Thread(target=tell)):
        thread.start()
        thread.join()
    tell()
    assert found == [ours + 5, ours + 5, ours, ours]


def test_nothing_is_done_about_priorities_where_threads_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is a thread's here may be that of somebody else's process there."""
    asked: list[int] = []

    def ask(_which: int, thread: int, _priority: int) -> None:
        asked.append(thread)

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "setpriority", ask)
    done = threading.Event()
    BackgroundThread(target=done.set).start()
    assert done.wait(10)
    assert not asked


@on_linux
def test_a_server_settles_and_loads_behind_the_answers(tmp_path: Path) -> None:
    async def started() -> dict[int, int]:
        settings = Settings(db=tmp_path / "ledger.duckdb", grpc=ANYWHERE, http=ANYWHERE, web=ANYWHERE)
        async with serving(settings):
            return priorities()

    before = priorities()
    ours = before[threading.get_native_id()]
    among = [priority for thread, priority in asyncio.run(started()).items() if thread not in before]
    assert among.count(ours + 5) >= 4, "settling, loading, retention, sealing, and the database's own"
    assert among.count(ours) >= 1, "the journal"


def test_garbage_is_looked_for_now_and_then_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_COLLECT_SECONDS", 0.01)
    gc.unfreeze()  # another library, or test, may have frozen what was there
    before = gc.isenabled(), gc.get_freeze_count(), sys.getswitchinterval()

    async def serve() -> None:
        with answers_first():
            assert not gc.isenabled()
            assert sys.getswitchinterval() < before[2]
            seen = weakref.ref(Cycle())
            assert seen() is not None
            async with asyncio.timeout(20):
                while seen() is not None:  # noqa: ASYNC110 - nobody tells when it has gone
                    await asyncio.sleep(0.01)

    asyncio.run(serve())
    assert (gc.isenabled(), gc.get_freeze_count(), sys.getswitchinterval()) == before
