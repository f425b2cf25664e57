"""LiteLLM in an environment of its own: it is large, and says itself which OpenAI SDK it wants."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("", "contract_", "content_", "left_out_", "media_", "metrics_")
CASES = tuple(f"tests/wire/litellm_{part}cases.py" for part in PARTS)
PINNED = (ROOT / "constraints.txt").read_text().splitlines()
AWS = tuple(line for line in PINNED if line.startswith(("aiobotocore==", "boto3==")))
"""Versions that go together: told only the names, pip tries one release after another, for many minutes."""
TOOLS = ("anthropic", "hypothesis", "pytest>=9", "pytest-asyncio>=1.2", "starlette", "uvicorn", *AWS)
UNDECLARED = "mcp"
"""What some versions of LiteLLM import for the Responses API without asking for it."""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["==1.80.0", ""], ids=["oldest", "newest"])
def test_litellm(tmp_path: Path, version: str) -> None:
    python = tmp_path / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", ROOT, f"litellm{version}", UNDECLARED, *TOOLS], check=True)
    command = [python, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", *CASES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
