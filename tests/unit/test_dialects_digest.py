"""The digest of the tables: the same in every process, another one when a row changes."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from spanledger_collector.dialects import digest
from spanledger_collector.dialects.digest import reading_digest
from spanledger_collector.dialects.table import DIALECTS

PRINT = "from spanledger_collector.dialects.digest import reading_digest; print(reading_digest())"


def test_it_is_the_same_in_every_process() -> None:
    """Sets have another order in each, unless that is fixed."""
    variables = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", PRINT], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == reading_digest()


@pytest.mark.parametrize(("change", "differs"), [({"before": "9"}, True), ({"notes": "other words"}, False)])
def test_it_changes_with_what_is_read(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], *, differs: bool
) -> None:
    first = reading_digest()
    monkeypatch.setattr(digest, "DIALECTS", (replace(DIALECTS[0], **change), *DIALECTS[1:]))
    assert (reading_digest() != first) is differs
