"""Environments of released packages, of Python and of npm, made when they are first needed and kept under `.emitters/`.

One of Python holds the releases that its file in `pins/` names, all of them: pip finds at once what it need not choose,
where it would try for an hour, and a release of tomorrow breaks no test of today. Delete that file to get the newest:
the next run writes it anew, with uv, which chooses in seconds. The name of an environment's folder contains a digest of
requirements and pins, so that changed ones make another environment.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

__all__ = [
    "ADK",
    "FRAMEWORKS",
    "GOOGLE_2",
    "LLAMA_INDEX",
    "MISTRAL_1",
    "MLFLOW",
    "OLDER_SDKS",
    "OPENAI_V2",
    "OTHER_SDKS",
    "PINS",
    "STRANDS",
    "TRACERS",
    "XAI",
    "Environment",
    "NodeEnvironment",
]

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / ".emitters"
PINS = Path(__file__).parent / "pins"
"""The folder of the files with the releases, one for each environment of Python."""
_COMPLETE = "spanledger-environment-is-complete"


@dataclass(frozen=True, slots=True)
class Environment:
    """Packages that can be installed together."""

    name: str
    requirements: tuple[str, ...]

    def python(self) -> Path:
        """The interpreter of the environment, which is made now if it is not there or was left half made."""
        pins = self.pins()
        folder = _folder(self.name, sys.version_info[:2], self.requirements, pins.read_text())
        python = folder / "bin" / "python"
        if not (folder / _COMPLETE).exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", pins]
            subprocess.run([*install, "--editable", _ROOT, *self.requirements], check=True)
            (folder / _COMPLETE).touch()
        return python

    def pins(self) -> Path:
        """The file with one line `NAME==VERSION` for each package that the environment holds, which is written now, of
        the newest that work together, if it is not there."""
        pins = PINS / f"{self.name}.txt"
        if not pins.exists():
            uv = shutil.which("uv")
            assert uv is not None, f"uv is needed to choose what goes into {pins.name}: pip install uv"
            choose = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", sys.executable]
            wanted = "\n".join(self.requirements)
            files = [_ROOT / "pyproject.toml", "-", "--output-file", pins]
            subprocess.run([*choose, *files], input=wanted, text=True, check=True)
        return pins


@dataclass(frozen=True, slots=True)
class NodeEnvironment:
    """Packages of npm, with their versions, that can be installed together."""

    name: str
    packages: tuple[str, ...]

    def folder(self) -> Path:
        """The folder with `node_modules`, which is filled now if it was not, or was left half filled."""
        folder = _folder(self.name, self.packages)
        if not (folder / _COMPLETE).exists():
            npm = shutil.which("npm")
            assert npm is not None, "npm is needed to install these emitters"
            folder.mkdir(parents=True, exist_ok=True)
            install = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix", folder]
            subprocess.run([*install, *self.packages], check=True, stdin=subprocess.DEVNULL)
            (folder / _COMPLETE).touch()
        return folder

    def script(self, name: str) -> Path:
        """The path of a command that a package brings."""
        return self.folder() / "node_modules" / ".bin" / name


def _folder(name: str, *parts: object) -> Path:
    digest = sha256(repr(parts).encode()).hexdigest()[:10]
    return _FOLDER / f"{name}-{digest}"


FRAMEWORKS = Environment(
    "frameworks",
    (
        "openai",
        "anthropic",
        "langchain",
        "langchain-anthropic",
        "langchain-openai",
        "logfire",
        "openai-agents",
        "pydantic-ai-slim[anthropic,openai]",
        *(f"openinference-instrumentation-{name}" for name in ("openai", "anthropic", "langchain", "openai-agents")),
        *(f"opentelemetry-instrumentation-{name}" for name in ("openai", "anthropic", "langchain", "openai-agents")),
        *(
            f"opentelemetry-instrumentation-genai-{name}"
            for name in ("openai", "anthropic", "langchain", "openai-agents")
        ),
    ),
)
"""The newest SDKs, and the frameworks that work with these."""

TRACERS = Environment(
    "tracers",
    (
        "openai",
        "anthropic",
        "langchain",
        "langchain-anthropic",
        "langchain-openai",
        "langfuse",
        "langsmith[otel]",
        "openinference-instrumentation-openai",
        "opentelemetry-instrumentation-openai",
    ),
)
"""The SDKs of tracing products."""

MLFLOW = Environment(
    "mlflow", ("mlflow", "openai", "anthropic", "langchain", "langchain-openai", "langchain-anthropic")
)
"""MLflow, whole: its smaller packages cannot trace by themselves."""

MISTRAL_1 = Environment("mistral-1", ("mistralai<2", "opentelemetry-instrumentation-mistralai"))
"""OpenLLMetry's instrumentation of Mistral's SDK, which does not work with the newest."""

STRANDS = Environment(
    "strands",
    (
        "strands-agents[anthropic,openai,otel]",
        "openinference-instrumentation-openai",
        *(f"opentelemetry-instrumentation-{name}" for name in ("openai", "anthropic")),
    ),
)
"""Strands, which wants older SDKs."""

ADK = Environment(
    "adk",
    (
        "google-adk",
        *(f"openinference-instrumentation-{name}" for name in ("google-adk", "google-genai")),
        "opentelemetry-instrumentation-google-generativeai",
    ),
)
"""Google's ADK."""

XAI = Environment("xai", ("xai-sdk", "opentelemetry-exporter-otlp-proto-http"))
"""xAI's SDK, which makes spans by itself."""

OPENAI_V2 = Environment(
    "openai-v2",
    (
        "openai<3",
        "opentelemetry-instrumentation-openai-v2",
        "opentelemetry-util-genai==0.4b0",
        "opentelemetry-instrumentation-openai",
        "openinference-instrumentation-openai",
    ),
)
"""The first official instrumentation of the OpenAI SDK, which does not work with newer versions of what it needs."""

LLAMA_INDEX = Environment(
    "llama-index",
    (
        "anthropic<1",  # what LlamaIndex calls has other parameters since
        "llama-index-core",
        "llama-index-embeddings-openai",
        "llama-index-llms-anthropic",
        "llama-index-llms-openai",
        "opentelemetry-instrumentation-genai-llama-index",
        *(f"openinference-instrumentation-{name}" for name in ("llama-index", "openai", "anthropic")),
        *(f"opentelemetry-instrumentation-{name}" for name in ("llamaindex", "openai", "anthropic")),
        *(f"opentelemetry-instrumentation-genai-{name}" for name in ("openai", "anthropic")),
    ),
)
"""LlamaIndex, which says itself which SDKs it works with."""

OTHER_SDKS = Environment(
    "other-sdks",
    (
        "google-genai",
        "mistralai",
        "opentelemetry-instrumentation-google-generativeai",
        "openinference-instrumentation-google-genai",
        "openinference-instrumentation-mistralai",
    ),
)
"""SDKs of other providers."""

GOOGLE_2 = Environment(
    "google-2",
    (
        "google-genai<3",
        "opentelemetry-instrumentation-google-genai",
        "openinference-instrumentation-google-genai",
    ),
)
"""The official instrumentation of Google's SDK, which does not work with the newest."""

OLDER_SDKS = Environment(
    "older-sdks",
    (
        "litellm[mcp]",
        *("fastapi", "orjson", "soundfile"),  # which LiteLLM imports for its callbacks without asking for them
        "openlit>=1.45",  # those of a year ago work with any release of OpenTelemetry, and are no news
        "anthropic",
        *(f"openinference-instrumentation-{name}" for name in ("openai", "anthropic", "litellm")),
        *(f"opentelemetry-instrumentation-{name}" for name in ("openai", "anthropic")),
        *(f"opentelemetry-instrumentation-genai-{name}" for name in ("openai", "anthropic")),
    ),
)
"""LiteLLM and OpenLIT, which want SDKs older than the newest: the Anthropic SDK here makes no spans by itself."""
