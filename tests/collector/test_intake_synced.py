"""What a power failure must not take: before a request is acknowledged its bytes are on the disk, and the names that
lead to them."""

import os
from pathlib import Path
from typing import Any

import pytest

from spanledger_collector.journal import intake, key_runs
from spanledger_collector.journal.frames import Held
from spanledger_collector.journal.intake import Intake, segments_in, write_aside
from spanledger_collector.journal.key_runs import write_run


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of the files and folders that are synced, in this order."""
    found: list[int] = []
    sync: Any = intake.sync

    def sync_path(path: Path) -> None:
        sync(path)
        found.append(path.stat().st_ino)

    def sync_data(descriptor: int) -> None:
        os.fsync(descriptor)
        found.append(os.fstat(descriptor).st_ino)

    for module in (intake, key_runs):
        monkeypatch.setattr(module, "sync", sync_path)
    monkeypatch.setattr(intake, "_sync_data", sync_data)
    return found


def test_a_request_is_synced_and_the_names_of_a_new_segment_are(tmp_path: Path, synced: list[int]) -> None:
    folder = tmp_path / "ledger.intake"
    log = Intake(folder)
    log.append(Held(1, 1), b"one")
    (segment,) = segments_in(folder)
    assert synced == [path.stat().st_ino for path in (segment, folder, tmp_path)]
    synced.clear()
    log.append(Held(1, 1), b"two")
    assert synced == [segment.stat().st_ino]
    assert segments_in(folder) == [segment]
    log.close(0)


def test_a_request_that_is_set_aside_is_synced_too(tmp_path: Path, synced: list[int]) -> None:
    """Its position is noted as loaded then, and the segment goes."""
    kept = write_aside(tmp_path / "ledger.intake", Held(1, 1), b"one")
    assert synced == [path.stat().st_ino for path in (kept, kept.parent)]


def test_a_run_of_keys_is_synced_before_the_ledger_believes_it(tmp_path: Path, synced: list[int]) -> None:
    """One that is not what was written might overlook a span that is stored."""
    folder = tmp_path / "ledger.known"
    record = write_run(folder, [[1, 2, 3]], 0, 9)
    assert synced == [path.stat().st_ino for path in (folder / record.file, folder)]
