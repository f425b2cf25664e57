"""Which SDK functions SpanLedger patches in the versions installed here: found by patching them in this process."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points

from spanledger import _settings
from spanledger._patching import Sdk, apply, remove
from spanledger._report import OtherInstrumentor, PatchReport, PointReport, other_instrumentors, report
from spanledger.providers import SDKS
from spanledger_collector.cli.checks.finding import Finding

__all__ = ["check_patches"]

_DONE = ("patched",)


def check_patches() -> list[Finding]:
    """Every SDK that SpanLedger knows, and other instrumentors that see the same ones."""
    disabled = _settings.load().disabled_sdks
    installed = {facts.sdk for facts in report() if facts.installed}
    sdks = [sdk for sdk in SDKS if sdk.distribution in installed - disabled]
    try:
        broken = {sdk.distribution: reason for sdk in sdks if (reason := _patch(sdk))}
        found = [_sdk(facts, broken.get(facts.sdk)) for facts in report() if facts.sdk in installed - disabled]
    finally:
        for sdk in sdks:
            remove(sdk.points)
    missing = [sdk.distribution for sdk in SDKS if sdk.distribution not in installed]
    return [*_entry_point(), *found, *_missing(missing), *_others(other_instrumentors())]


def _patch(sdk: Sdk) -> str | None:
    """Patch an SDK as its import would; the reason if it cannot be imported."""
    apply(sdk.points)
    for module in {point.module for point in sdk.points}:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):  # else this version lacks the module: the report says so
                return str(error)
        except Exception as error:  # noqa: BLE001 - somebody else's package runs here: whatever it raises is the finding
            return f"{type(error).__name__}: {error}"
    return None


def _sdk(facts: PatchReport, broken: str | None) -> Finding:
    about = f"{facts.sdk} {facts.installed}"
    if broken:
        return Finding(about, "trouble", f"cannot be imported: {broken}", f"Install {facts.sdk} again.")
    points = tuple(map(_settled, facts.points))
    missed = [point for point in points if point.expected and point.status not in _DONE]
    if missed:
        reasons = "; ".join(f"{point.point} {point.status} {point.reason or ''}".strip() for point in missed)
        remedy = f"SpanLedger knows {facts.sdk} {facts.supported}."
        return Finding(about, "trouble", f"not patched: {reasons}", remedy, points)
    patched = sum(point.status in _DONE for point in points)
    native = f"; its own spans ({facts.native_scope}) are used" if facts.native_scope else ""
    seen = f"{patched} functions patched{native}"
    if not facts.in_range:
        remedy = f"This version is not tested: SpanLedger is tested with {facts.supported}."
        return Finding(about, "note", seen, remedy, points)
    return Finding(about, "ok", seen, points=points)


def _settled(point: PointReport) -> PointReport:
    """A point after everything was imported: what still waits for its module waits for one that is not there."""
    return replace(point, status="absent") if point.status == "pending" else point


def _missing(sdks: Sequence[str]) -> list[Finding]:
    return [Finding("other SDKs", "note", f"not installed here: {', '.join(sdks)}")] if sdks else []


def _entry_point() -> Sequence[Finding]:
    if any(entry.name == "spanledger" for entry in entry_points(group="opentelemetry_instrumentor")):
        return ()
    seen = "opentelemetry-instrument does not find SpanLedger in this environment"
    return (Finding("instrumentation", "trouble", seen, "Install it where your app runs: pip install spanledger"),)


def _others(others: Sequence[OtherInstrumentor]) -> list[Finding]:
    return [
        Finding(
            f"{other.distribution} {other.version}",
            "note",
            f"also makes spans for {other.sdk}; each call still counts once",
        )
        for other in others
        if other.sdk is not None
    ]
