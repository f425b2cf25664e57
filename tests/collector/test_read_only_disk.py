"""A disk that cannot be written any more while a server runs on it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("read_only_disk.py")
NEEDED = ("unshare", "mkfs.ext4", "e2fsck", "chattr")


def test_what_was_acknowledged_stays_and_the_rest_is_refused_until_it_can_be_written(tmp_path: Path) -> None:
    """On a file system of its own, in a namespace of its own (`read_only_disk.py`)."""
    if missing := [each for each in NEEDED if shutil.which(each) is None]:
        pytest.skip(f"this system has no {', '.join(missing)}")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["unshare", "--mount", sys.executable, PROGRAM, tmp_path / "image", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"mounting is not permitted here: {done.stderr}")
    assert "as it should be" in done.stdout, done.stderr
