"""The CLI as the demo uses it: the very commands that a reader can type, run as subprocesses."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any, cast

from spanledger_collector.demo import console
from spanledger_collector.demo.failure import DemoFailed
from spanledger_collector.demo.processes import script

__all__ = ["query", "show"]

_SECONDS = 60.0


def show(*words: str) -> str:
    """Print `spanledger WORDS` and what it answers; return the answer. Raises `DemoFailed` if it fails."""
    console.command(["spanledger", *words])
    answer = _run(words)
    console.line(answer.rstrip())
    console.line()
    return answer


def query(sql: str, *where: str) -> list[dict[str, Any]]:
    """The rows of `spanledger sql`, unseen; `where` is the ledger (`--url URL` or `--db FILE`)."""
    return cast("list[dict[str, Any]]", json.loads(_run(["sql", sql, *where, "--format", "json"])))


def _run(words: Sequence[str]) -> str:
    done = subprocess.run(
        [script("spanledger"), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(
            f"`spanledger {words[0]}` ended with code {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout
