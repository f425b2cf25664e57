"""`spanledger demo` as a newcomer runs it: it ends by itself with a verdict; interrupted, it leaves nothing."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from spanledger_collector.demo.processes import script

SECONDS = 90


@contextmanager
def demo(*options: str, folder: Path) -> Generator[subprocess.Popen[str]]:
    """The command, its output on one pipe; killed if the test leaves early."""
    process = subprocess.Popen(
        [script("spanledger"), "demo", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except (URLError, ConnectionError):
        return False


def test_ends_by_itself_with_a_verdict(tmp_path: Path) -> None:
    began = time.monotonic()
    with demo(folder=tmp_path) as process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed
    assert time.monotonic() - began < SECONDS
    assert printed.count("verdict") == 2
    assert "DIFFERS" not in printed
    assert (tmp_path / ".demo" / "demo.duckdb").is_file()
    assert not list((tmp_path / ".demo").glob("*.server.json"))
    for model in ("gpt-4o-mini", "claude-haiku-4-5", "acme-chat-1", "text-embedding-3-small"):
        assert model in printed
    for url in set(re.findall(r"http://127\.0\.0\.1:\d+", printed)):
        assert not answers(url)


def test_can_be_run_again_in_the_same_place(tmp_path: Path) -> None:
    old = tmp_path / "here" / "demo.duckdb"
    old.parent.mkdir()
    old.write_bytes(b"of an earlier demo")
    with demo("--dir", "here", folder=tmp_path) as process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with demo(folder=tmp_path) as process:
        assert process.stdout is not None
        printed = ""
        for text in process.stdout:
            printed += text
            if text.startswith("support with tool"):
                break
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(timeout=30) not in {0, None}
    urls = set(re.findall(r"http://127\.0\.0\.1:\d+", printed))
    assert urls, printed
    assert not [url for url in urls if answers(url)]


def test_live_without_keys_says_what_is_missing(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if name not in {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}}
    done = subprocess.run(
        [script("spanledger"), "demo", "--live"], cwd=tmp_path, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr
