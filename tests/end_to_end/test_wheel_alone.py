"""The wheel in a clean environment: an app gets the instrumentation, no server, and a CLI that says what is missing."""

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from provider_server import ProviderServer

REPOSITORY = Path(__file__).parents[2]
COLLECTOR_ONLY = ("duckdb", "msgspec", "nanoarrow", "prometheus_client", "starlette", "uvicorn")
APP = """
import openai, spanledger
with spanledger.attribution(user="user-ana"):
    openai.OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment, without this process's OpenTelemetry and Python settings."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON", "OPENAI_"))}
        command = [str(self.folder / "bin" / words[0]), *words[1:]]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=own | variables, timeout=120, check=False
        )


def checked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    checked(subprocess.run([*command, str(REPOSITORY)], capture_output=True, text=True, check=False))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel and the one SDK that the app uses, nothing else."""
    environment = Environment(tmp_path_factory.mktemp("clean"))
    venv.create(environment.folder, with_pip=True)
    constraints = str(REPOSITORY / "constraints.txt")
    checked(environment.run("pip", "install", "--quiet", "--constraint", constraints, str(wheel), "openai"))
    return environment


def test_wheel_carries_the_examples_and_no_litter(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    examples = {name.removeprefix("spanledger_collector/examples/") for name in names if "/examples/" in name}
    assert {"app.py", "provider_server/__main__.py", "provider_server/server.py"} <= examples
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_nothing_of_the_collector_is_installed(clean: Environment) -> None:
    script = f"import importlib.util; print([n for n in {COLLECTOR_ONLY!r} if importlib.util.find_spec(n)])"
    assert checked(clean.run("python", "-c", script)).strip() == "[]"
    assert checked(clean.run("python", "-c", "import spanledger; print(spanledger.__version__)")).strip()


def test_doctor_works(clean: Environment) -> None:
    done = clean.run("spanledger", "doctor")
    assert done.returncode in {0, 1}, done.stderr  # 1: no collector answers, which is worth saying
    assert "openai" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_collector_commands_say_what_to_install(clean: Environment, command: str) -> None:
    done = clean.run("spanledger", command)
    assert done.returncode in {2, 3}
    assert "pip install 'spanledger[collector" in done.stderr
    assert "Traceback" not in done.stderr


def test_instrumented_app_emits_its_usage(clean: Environment, provider: ProviderServer) -> None:
    (clean.folder / "app.py").write_text(APP)
    printed = checked(
        clean.run(
            "opentelemetry-instrument",
            str(clean.folder / "bin" / "python"),
            "app.py",
            OTEL_TRACES_EXPORTER="console",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
            OPENAI_API_KEY="any",
            OPENAI_BASE_URL=f"{provider.url}/v1",
        )
    )
    span: dict[str, Any] = json.loads(printed)
    usage = provider.served[0].usage
    assert usage is not None
    assert span["attributes"]["gen_ai.usage.input_tokens"] == usage.input_tokens
    assert span["attributes"]["gen_ai.usage.output_tokens"] == usage.output_tokens
    assert span["attributes"]["gen_ai.response.id"] == provider.served[0].id
    assert span["attributes"]["user.id"] == "user-ana"
