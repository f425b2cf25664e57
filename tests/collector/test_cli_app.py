"""The command as a whole: what it loads, what it documents, how it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from spanledger._version import __version__
from spanledger_collector.cli import COMMANDS, spanledger

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ("duckdb", "grpc", "msgspec", "nanoarrow", "prometheus_client", "starlette", "uvicorn", "openai", "anthropic")
"""Modules of the extras `collector` and `demo`."""

ABSENT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
"""Makes the extras as absent as `pip install spanledger` leaves them."""


def run_code(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False)


def run_without_extras(*words: str) -> subprocess.CompletedProcess[str]:
    return run_code(f"{ABSENT}\nfrom spanledger_collector.cli import main\nmain()", *words)


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(spanledger)
    for name in COMMANDS:
        command = spanledger.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {one}", below) for one, below in command.commands.items())


def test_every_command_of_the_table_can_be_loaded() -> None:
    assert [name for name, _ in commands() if " " not in name] == list(COMMANDS)


def test_every_command_and_every_option_is_in_the_manual() -> None:
    manual = MANUAL.read_text("utf-8")
    for name, command in commands():
        assert f"`spanledger {name}" in manual
        for parameter in command.params:
            words = (
                parameter.opts
                if isinstance(parameter, click.Option)
                else [parameter.make_metavar(click.Context(command)).strip("[]")]
            )
            assert any(f"`{word}" in manual or f" {word}" in manual for word in words), f"{name} {words}"


def test_every_command_explains_itself_and_every_option() -> None:
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{name} {parameter.name}"


def test_help_and_version_load_nothing_heavy() -> None:
    code = """
import sys
from spanledger_collector.cli import spanledger
try:
    spanledger(["--help"])
except SystemExit:
    pass
print(sorted(set(name.partition(".")[0] for name in sys.modules)))
"""
    done = run_code(code)
    assert all(name in done.stdout for name in COMMANDS)
    loaded = done.stdout.splitlines()[-1]
    assert not [name for name in (*HEAVY, "tabulate") if f"'{name}'" in loaded]


def test_the_version() -> None:
    assert CliRunner().invoke(spanledger, ["--version"]).stdout == f"spanledger, version {__version__}\n"


@pytest.mark.parametrize("words", [["usage", "--db", str(MANUAL)], ["serve", "--db", "never.duckdb"]])
def test_without_the_extra_it_says_what_to_install(words: list[str]) -> None:
    done = run_without_extras(*words)
    assert done.returncode == 3
    assert "pip install 'spanledger[collector]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_a_server_can_be_asked() -> None:
    done = run_without_extras("usage", "--url", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert "No server answers at http://127.0.0.1:9" in done.stderr


def test_without_the_extra_the_doctor_works() -> None:
    done = run_without_extras("doctor", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No server answers at http://127.0.0.1:9" in done.stdout


def test_the_absent_modules_of_these_tests_are_those_of_the_extras() -> None:
    named = {
        line.partition(";")[0].rstrip("<>=!~0123456789., ")
        for line in requires("spanledger") or ()
        if "extra ==" in line
    }
    modules = {"grpcio": "grpc", "prometheus-client": "prometheus_client"}
    extras = {modules.get(name, name) for name in named}
    assert set(HEAVY) <= extras


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["nonsense"], 2),
        (["usage", "--nonsense"], 2),
        (["usage", "--format", "xml"], 2),
        (["trace"], 2),
        (["-h"], 0),
    ],
)
def test_wrong_usage_ends_with_2(words: list[str], code: int) -> None:
    result = CliRunner().invoke(spanledger, words)
    assert result.exit_code == code
    assert "Usage: " in result.output


def test_an_output_that_knows_few_characters_gets_escapes(small_ledger: Path) -> None:
    code = "from spanledger_collector.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "usage", "--db", str(small_ledger)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"\\u2014" in done.stdout


def test_a_reader_that_leaves_early_is_no_error(small_ledger: Path) -> None:
    """As in `spanledger sql ... | head -1`."""
    code = "from spanledger_collector.cli import main; main()"
    words = ["sql", "FROM range(10000)", "--format", "csv", "--db", str(small_ledger)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
