"""The oldest SDKs that are supported, in an environment of their own: the same tests must pass there."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from spanledger._patching import Sdk
from spanledger.providers import (
    anthropic,
    botocore,
    cohere,
    google_genai,
    groq,
    mistralai,
    ollama,
    openai,
    together,
    xai,
)

ROOT = Path(__file__).parents[2]
OURS = f"{ROOT}[collector]"
"""With the collector, by whose code tests/wire/test_fetched_wire.py counts calls, and its servers, which tests need."""

TOOLS = ("google-auth", "hypothesis", "pytest>=9", "pytest-asyncio>=1.2")
TOGETHER: dict[str, tuple[tuple[Sdk, ...], tuple[str, ...]]] = {
    "openai and anthropic": (
        (openai.SDK, anthropic.SDK),
        (
            "tests/wire/test_openai_wire.py",
            "tests/wire/test_openai_media_wire.py",
            "tests/wire/test_openai_helpers_wire.py",
            "tests/wire/test_stream_usage_wire.py",
            "tests/wire/test_fetched_wire.py",
            "tests/wire/test_anthropic_wire.py",
            "tests/wire/test_anthropic_platforms_wire.py",
            "tests/wire/test_odd_shapes.py",
            "tests/wire/test_one_span_wire.py",
            "tests/wire/test_who_bills_wire.py",
            "tests/wire/test_content_wire.py",
            "tests/wire/test_content_ways_wire.py",
            "tests/wire/test_content_fetched_wire.py",
            "tests/unit/test_instrumentation_start.py",
        ),
    ),
    "google, mistral, cohere and xai": (
        (google_genai.SDK, mistralai.SDK, cohere.SDK, xai.SDK),
        (
            "tests/wire/test_google_genai_wire.py",
            "tests/wire/test_google_live_wire.py",
            "tests/wire/test_google_fetched_wire.py",
            "tests/wire/test_mistralai_wire.py",
            "tests/wire/test_cohere_wire.py",
            "tests/wire/test_xai_wire.py",
            "tests/wire/test_content_google_xai_wire.py",
            "tests/wire/test_content_interactions_wire.py",
            "tests/wire/test_content_mistral_wire.py",
            "tests/wire/test_content_cohere_wire.py",
        ),
    ),
    "groq, together, ollama and bedrock": (
        (groq.SDK, together.SDK, ollama.SDK, botocore.BOTOCORE, botocore.AIOBOTOCORE),
        (
            "tests/wire/test_groq_wire.py",
            "tests/wire/test_together_wire.py",
            "tests/wire/test_ollama_wire.py",
            "tests/wire/test_bedrock_wire.py",
            "tests/wire/test_bedrock_usage_wire.py",
            "tests/wire/test_bedrock_errors_wire.py",
            "tests/wire/test_content_bedrock_wire.py",
            "tests/wire/test_content_open_models_wire.py",
        ),
    ),
}
"""Which SDKs share an environment, and the tests that must pass in it."""


def lowest(sdk: Sdk) -> str:
    [version] = [part.version for part in SpecifierSet(sdk.supported) if part.operator == ">="]
    return version


def oldest(sdk: Sdk) -> str:
    return f"{sdk.distribution}=={lowest(sdk)}"


def boto3_beside(sdks: tuple[Sdk, ...]) -> str:
    """Of the same version as botocore, where that is an old one: left to itself, pip tries every release since, for
    minutes."""
    return f"boto3=={lowest(botocore.BOTOCORE)}" if botocore.BOTOCORE in sdks else "boto3"


@pytest.mark.slow
@pytest.mark.parametrize("which", TOGETHER)
def test_the_oldest_supported_sdks(tmp_path: Path, which: str) -> None:
    sdks, tests = TOGETHER[which]
    python = tmp_path / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", OURS, *map(oldest, sdks), boto3_beside(sdks), *TOOLS], check=True)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
