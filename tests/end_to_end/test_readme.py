"""The README's commands, run.

Every ```sh block of "Quickstart" and "Use it on your app" is run, in order, by one shell in a fresh copy of this
repository, with free ports in the environment. The only liberty: after a line that ends with `&` the shell waits until
the server that it started is ready, as a reader does. The commands of "Ask the ledger" are run on a ledger that holds
one run of the example app, with the words TRACE_ID and CALL_OR_SPAN_ID replaced by ids of that ledger.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanledger_collector.demo.processes import free_ports, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.conftest import Outcome

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")
RUN_IN_ORDER = ("Quickstart", "Use it on your app")
WAIT_FOR_SERVER = (
    """until python -c "import urllib.request as r; r.urlopen('http://$SPANLEDGER_WEB/readyz')" 2>/dev/null; """
    "do sleep 0.1; done"
)
SECONDS = 600


def shell_blocks(section: str) -> list[str]:
    """The ```sh blocks below the heading `## section`."""
    found = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {section!r}"
    blocks = re.findall(r"^```sh\n(.*?)^```$", found[1], re.MULTILINE | re.DOTALL)
    assert blocks, f"the section {section!r} has no ```sh block"
    return blocks


def shell_script(sections: tuple[str, ...]) -> str:
    """One script of all blocks, which stops at the first command that fails and ends what it started."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p); wait' EXIT"]
    for line in "\n".join(block for section in sections for block in shell_blocks(section)).splitlines():
        lines += [line, WAIT_FOR_SERVER] if line.endswith("&") else [line]
    return "\n".join(lines)


def environment(folder: Path) -> dict[str, str]:
    """This process's, without its virtual environment and our settings, and with free ports for the usual ones."""
    grpc, http, web = (f"127.0.0.1:{port}" for port in free_ports(3))
    foreign = ("OTEL_", "SPANLEDGER_", "PYTHON", "VIRTUAL_ENV")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    ports = {"SPANLEDGER_GRPC": grpc, "SPANLEDGER_HTTP": http, "SPANLEDGER_WEB": web}
    path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), own["PATH"]])
    return own | ports | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{grpc}", "PATH": path, "HOME": str(folder)}


def test_quickstart_and_use_run_as_written(tmp_path: Path) -> None:
    clone = tmp_path / "spanledger"
    litter = shutil.ignore_patterns(
        ".git", ".venv", "__pycache__", ".demo", ".emitters", ".*_cache", ".hypothesis", "*.duckdb*", "dist"
    )
    shutil.copytree(REPOSITORY, clone, ignore=litter)
    shell = subprocess.Popen(
        ["bash", "-x", "-c", shell_script(RUN_IN_ORDER)],
        cwd=clone,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = shell.communicate(timeout=SECONDS)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, printed
    assert "Traceback" not in printed
    assert (clone / "spanledger.duckdb").is_file()


def ask_commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in shell_blocks("Ask the ledger") for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize("command", ask_commands())
def test_ask_the_ledger(command: str, run_over: Callable[[str], Outcome], tmp_path: Path) -> None:
    outcome = run_over("grpc")
    shutil.copy(outcome.db, tmp_path / "spanledger.duckdb")
    [ids] = outcome.rows("SELECT trace_id, call_id FROM calls ORDER BY cost_usd DESC NULLS LAST LIMIT 1")
    words = shlex.split(command.replace("TRACE_ID", ids["trace_id"]).replace("CALL_OR_SPAN_ID", ids["call_id"]))
    done = subprocess.run(
        [script(words[0]), *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
