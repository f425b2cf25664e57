"""Run on a disk of its own, whose files are locked for a while, and on which then the system meets an error and lets
nothing be written any more: a server there, and the next one when the disk is repaired.

    python read_only_disk.py IMAGE FOLDER

Says "as it should be" at its end. Needs a mount namespace of its own and a loop device; leaves by 77 without.
"""

import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from full_disk import MANY, post, server
from receiving import stored

from spanledger_collector.journal import load_leftover
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Address

BYTES = 64 * 1024 * 1024
BEFORE, AFTER = 20, 5
"""Requests before nothing can be written, and then, each time."""
FIRST = BEFORE + AFTER


def run(*command: str | Path, allowed: int = 0) -> None:
    """Raises CalledProcessError for an exit code beyond the allowed."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode > allowed:
        sys.stderr.buffer.write(done.stderr)
        done.check_returncode()


@contextmanager
def mounted(image: Path, folder: Path) -> Generator[None]:
    """The file system in the image, in the folder."""
    run("mount", "-o", "loop,errors=remount-ro", image, folder)
    try:
        yield
    finally:
        run("umount", folder)


def break_disk(folder: Path) -> None:
    """Have the kernel meet an error in the file system that is mounted there, and in no other."""
    (device,) = (line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if f" {folder} " in line)
    name = device.removeprefix("/dev/")
    assert name.startswith("loop"), device
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")


def answers(address: Address, first: int, count: int) -> Iterator[int | None]:
    """The status of so many requests; None where the server is gone."""
    for request in range(first, first + count):
        try:
            yield post(address, range(request * MANY, (request + 1) * MANY))
        except OSError:
            yield None


def is_locked_for_a_while(db: Path) -> None:
    """Nothing is acknowledged as long as the files must not be written; then the same server takes it, or says that it
    ends."""
    with server(db) as to:
        assert set(answers(to.address, 0, BEFORE)) == {200}
        run("chattr", "-R", "+i", *db.parent.glob(f"{db.name}*"), db.parent)
        refused = set(answers(to.address, BEFORE, AFTER))
        run("chattr", "-R", "-i", db.parent, *db.parent.glob(f"{db.name}*"))
        assert refused <= {503, None}, refused
        again = set(answers(to.address, BEFORE, AFTER))
        assert again == {200} or to.process.wait(timeout=60) == 3, again
        to.process.kill()
    with Ledger.open(db) as ledger:
        load_leftover(ledger)
        spans = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
        assert spans >= set(range((FIRST if again == {200} else BEFORE) * MANY))


def meets_the_error(db: Path) -> None:
    """Nothing is acknowledged any more, and nothing is refused for good."""
    with server(db) as to:
        assert set(answers(to.address, 0, FIRST + BEFORE)) == {200}
        break_disk(db.parent)
        refused = set(answers(to.address, FIRST + BEFORE, AFTER))
        assert refused <= {503, None}, refused
        to.process.terminate()
        _, said = to.process.communicate(timeout=60)
    # It may have been about to end by itself, as the database gave up: then a signal ends it at once.
    assert to.process.returncode in (0, 3, -signal.SIGTERM), (to.process.returncode, said)
    assert "Traceback" not in said, said
    assert "Read-only file system" in said, said


def starts_again(db: Path) -> None:
    """What was acknowledged is there, and what comes again is there once."""
    with Ledger.open(db) as ledger:
        load_leftover(ledger)
        spans = {span - 1 for (span,) in stored(ledger, "SELECT span FROM store.spans")}
        assert spans >= set(range((FIRST + BEFORE) * MANY))
    with server(db) as to:
        assert set(answers(to.address, 0, 2 * FIRST)) == {200}
        to.process.terminate()
        assert to.process.wait(timeout=60) == 0
    count = 2 * FIRST * MANY
    with Ledger.open(db, read_only=True) as ledger:
        assert stored(ledger, "SELECT count(*), count(DISTINCT span) FROM store.spans") == [(count, count)]
        assert stored(ledger, "SELECT count(*) FROM calls") == [(count // 4,)]


def main(image: Path, folder: Path) -> None:
    """Raises AssertionError where something is not as it should be."""
    with image.open("wb") as file:
        file.truncate(BYTES)
    try:
        run("mkfs.ext4", "-q", image)
        with mounted(image, folder):
            pass
    except (OSError, subprocess.CalledProcessError):
        sys.exit(77)
    with mounted(image, folder):
        is_locked_for_a_while(folder / "ledger.duckdb")
        meets_the_error(folder / "ledger.duckdb")
    run("e2fsck", "-p", image, allowed=1)  # 1: repaired
    with mounted(image, folder):
        starts_again(folder / "ledger.duckdb")
    sys.stdout.write("as it should be\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
