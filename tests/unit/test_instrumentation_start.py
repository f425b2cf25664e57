"""Switching on: in processes of their own, as `opentelemetry-instrument` does, with SDKs healthy, broken and absent."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spanledger._report import other_instrumentors, report
from spanledger.providers import PROVIDERS, SDKS

FOREIGN = ("openai", "anthropic", "httpx", "httpx2", "pydantic", "duckdb", "grpc", "spanledger_collector")


def run(code: str, *, path: Path | None = None) -> list[str]:
    """Run `code` in a fresh interpreter, with `path` before everything else; the lines it printed."""
    environment = {"PYTHONPATH": str(path)} if path is not None else {}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def loaded_after(code: str) -> set[str]:
    return set(json.loads(run(f"{code}\nimport json, sys; print(json.dumps(list(sys.modules)))")[-1]))


def test_importing_spanledger_imports_the_api_only() -> None:
    loaded = loaded_after("import spanledger")
    assert not loaded & {*FOREIGN, "opentelemetry.sdk", "opentelemetry.sdk.trace", "wrapt"}


def test_switching_on_imports_no_sdk_and_nothing_of_the_collector() -> None:
    loaded = loaded_after("from spanledger.instrumentor import SpanLedgerInstrumentor as I\nI().instrument()")
    assert not loaded & {*FOREIGN, "opentelemetry.sdk.trace", "spanledger._call", "spanledger.providers.openai"}


def test_the_entry_point_leads_to_the_instrumentor() -> None:
    code = """
from importlib.metadata import entry_points
[entry] = entry_points(group="opentelemetry_instrumentor", name="spanledger")
instrumentor = entry.load()()
print(type(instrumentor).__name__, instrumentor.instrumentation_dependencies())
"""
    assert run(code) == ["SpanLedgerInstrumentor ()"]


@pytest.mark.parametrize("imports", ["first", "last"])
def test_the_order_of_imports_does_not_matter(imports: str) -> None:
    switch_on = "from spanledger.instrumentor import SpanLedgerInstrumentor as I; I().instrument()"
    lines = ["import openai, anthropic", switch_on]
    code = "\n".join(lines if imports == "first" else reversed(lines))
    code += """
import sys
from spanledger._report import report
for sdk in report():
    if sdk.sdk in ("openai", "anthropic"):
        imported = [point for point in sdk.points if point.point.partition(":")[0] in sys.modules]
        print(sdk.sdk, {point.status for point in imported if point.expected})
"""
    assert sorted(run(code)) == ["anthropic {'patched'}", "openai {'patched'}"]


def test_every_sdk_is_patched_when_it_is_imported_later() -> None:
    """Among them those whose outermost package is a name space that several distributions share."""
    here = [provider for provider in PROVIDERS if _is_here(provider.package)]
    imports = "\n".join(f"import {provider.package}" for provider in here)
    code = f"""
from spanledger import instrumentor
instrumentor.SpanLedgerInstrumentor().instrument()
{imports}
print(*sorted(sdk.distribution for sdk in instrumentor._switch.loaded))
"""
    assert run(code)[-1].split() == sorted(provider.load().distribution for provider in here)


def _is_here(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor the package around it
        return False


@pytest.mark.parametrize(
    "body",
    ["raise RuntimeError('broken')", "class SyncAPIClient: pass", "SyncAPIClient = AsyncAPIClient = None", ""],
)
def test_a_broken_sdk_breaks_only_itself(tmp_path: Path, body: str) -> None:
    package = tmp_path / "openai"
    package.mkdir()
    (package / "__init__.py").write_text("from openai import _base_client")
    (package / "_base_client.py").write_text(body)
    code = """
from spanledger.instrumentor import SpanLedgerInstrumentor
instrumentor = SpanLedgerInstrumentor()
instrumentor.instrument()
try:
    import openai
    print("imported")
except RuntimeError as error:
    print(error)
from spanledger._report import report
print({point.status for sdk in report() if sdk.sdk == "openai" for point in sdk.points} <= {"absent", "pending"})
instrumentor.uninstrument()
"""
    outcome, statuses = run(code, path=tmp_path)
    assert outcome == ("broken" if body.startswith("raise") else "imported")
    assert statuses == "True"


def test_it_never_raises(tmp_path: Path) -> None:
    code = """
from spanledger import _settings, instrumentor
def broken(*_): raise RuntimeError("broken on purpose")
instrumentor._settings.load = broken
it = instrumentor.SpanLedgerInstrumentor()
it.instrument(); it.uninstrument(); it.instrument(tracer_provider=object()); it.uninstrument()
print("alive")
"""
    assert run(code, path=tmp_path) == ["alive"]


@pytest.mark.parametrize(
    "switch", ["SPANLEDGER_ENABLED=false", "USAGE_TRACKING_ENABLED=0", "SPANLEDGER_DISABLED_SDKS=openai"]
)
def test_the_environment_switches_it_off(switch: str) -> None:
    name, value = switch.split("=")
    code = f"""
import os; os.environ[{name!r}] = {value!r}
from spanledger.instrumentor import SpanLedgerInstrumentor
SpanLedgerInstrumentor().instrument()
import openai
from spanledger._report import report
print({{point.status for sdk in report() if sdk.sdk == "openai" for point in sdk.points}})
"""
    assert run(code) == ["{'pending'}"]


def test_the_report_reads_metadata_only() -> None:
    code = """
import sys
from spanledger._report import report
for sdk in report():
    if sdk.sdk in ("openai", "anthropic"):
        print(sdk.sdk, sdk.installed is not None, sdk.in_range, {point.status for point in sdk.points})
print("openai" in sys.modules)
"""
    assert run(code) == ["openai True True {'pending'}", "anthropic True True {'pending'}", "False"]


def test_the_report_knows_which_versions_trace_by_themselves() -> None:
    [anthropic] = [sdk for sdk in report() if sdk.sdk == "anthropic"]
    traces = int(str(anthropic.installed).partition(".")[0]) >= 2
    assert anthropic.native_scope == ("com.anthropic.sdk.python" if traces else None)
    assert all(point.expected for point in anthropic.points) is traces


def test_an_sdk_that_is_not_installed_is_reported_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from spanledger import _report

    monkeypatch.setattr(_report, "SDKS", (replace(SDKS[0], distribution="no-such-distribution"),))
    [missing] = report()
    assert (missing.installed, missing.in_range) == (None, None)
    assert {point.status for point in missing.points} <= {"pending", "patched", "absent"}, "as its modules are here"


def test_other_instrumentors_are_listed_without_ours() -> None:
    assert "spanledger" not in [other.name for other in other_instrumentors()]
