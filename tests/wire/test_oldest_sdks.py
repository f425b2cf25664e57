"""The oldest SDKs that are supported, in an environment of their own: the same tests must pass there."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from spanledger._patching import Sdk
from spanledger.providers import anthropic, openai

ROOT = Path(__file__).parents[2]
TESTS = (
    "tests/wire/test_openai_wire.py",
    "tests/wire/test_anthropic_wire.py",
    "tests/wire/test_odd_shapes.py",
    "tests/wire/test_one_span_wire.py",
    "tests/unit/test_instrumentation_start.py",
)


def oldest(sdk: Sdk) -> str:
    [lower] = [part.version for part in SpecifierSet(sdk.supported) if part.operator == ">="]
    return f"{sdk.distribution}=={lower}"


@pytest.mark.slow
def test_the_oldest_supported_sdks(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    tools = ("pytest>=9", "pytest-asyncio>=1.2", "hypothesis", "starlette", "uvicorn")
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", ROOT, oldest(openai.SDK), oldest(anthropic.SDK), *tools], check=True)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
