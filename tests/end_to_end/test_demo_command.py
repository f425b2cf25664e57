"""`spanledger demo` as a newcomer runs it: it ends by itself with a verdict; interrupted, it leaves nothing."""

import os
import re
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from provider_server import ProviderServer
from spanledger_collector.demo.processes import script

SECONDS = 240


@contextmanager
def demo(*options: str, folder: Path, **variables: str) -> Generator[subprocess.Popen[str]]:
    """The command without keys of its own, its output on one pipe; killed if the test leaves early."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "ANTHROPIC_"))}
    process = subprocess.Popen(
        [script("spanledger"), "demo", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=own | {"PYTHONUNBUFFERED": "1"} | variables,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(process: subprocess.Popen[str], beginning: str) -> str:
    """What it prints up to the first line that begins so, which may be the last one it prints."""
    assert process.stdout is not None
    printed = ""
    for text in process.stdout:
        printed += text
        if text.startswith(beginning):
            break
    return printed


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=20):
            return True
    except (URLError, ConnectionError):
        return False


def test_ends_by_itself_with_a_verdict(tmp_path: Path) -> None:
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "demo.duckdb").write_bytes(b"left by an earlier demo")
    with demo(folder=tmp_path) as process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed
    assert printed.count("verdict") == 2
    assert "DIFFERS" not in printed
    assert not list((tmp_path / ".demo").glob("*.server.json"))
    for model in ("gpt-4o-mini", "claude-haiku-4-5", "acme-chat-1", "text-embedding-3-small"):
        assert model in printed
    for url in set(re.findall(r"http://127\.0\.0\.1:\d+", printed)):
        assert not answers(url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with demo(folder=tmp_path) as process:
        printed = read_until(process, "support with tool")
        process.send_signal(number)
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()
        assert process.wait(timeout=90) not in {0, None}
    urls = set(re.findall(r"http://127\.0\.0\.1:\d+", printed))
    assert urls, printed
    assert not [url for url in urls if answers(url)]


def test_live_with_one_key_and_keep(tmp_path: Path, provider: ProviderServer) -> None:
    """`--live` goes where the SDKs' own environment says, here to a provider that the demo does not know about."""
    live = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": f"{provider.url}/v1"}
    with demo("--live", "--keep", "--dir", "here", folder=tmp_path, **live) as process:
        printed = read_until(process, "--keep: a collector serves")
        printed += read_until(process, "collector  ")
        [url] = re.findall(r"web (http://127\.0\.0\.1:\d+)", printed.splitlines()[-1])
        assert answers(f"{url}/readyz")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=90) == 0
    assert not answers(url)
    assert "ANTHROPIC_API_KEY is not set" in printed
    assert printed.count("verdict") == 1
    assert {record.provider for record in provider.served} == {"openai"}
    assert (tmp_path / "here" / "demo.duckdb").is_file()


def test_live_without_keys_says_what_is_missing(tmp_path: Path) -> None:
    with demo("--live", folder=tmp_path) as process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "OPENAI_API_KEY" in printed
    assert "Traceback" not in printed
