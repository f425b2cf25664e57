"""What is patched and what is not, and whether content is captured: the facts behind `spanledger doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from spanledger import _settings
from spanledger._patching import PatchPoint, Sdk, status_of
from spanledger.providers import SDKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanledger._patching import PointStatus
    from spanledger._settings import Capture

__all__ = [
    "ContentReport",
    "OtherInstrumentor",
    "PatchReport",
    "PointReport",
    "content_report",
    "other_instrumentors",
    "report",
]

_OUR_ENTRY_POINT = "spanledger"


@dataclass(frozen=True, slots=True)
class PointReport:
    """One patch point: `point` is `module:attribute`; `expected` is false where this version is known to lack it."""

    point: str
    status: PointStatus
    reason: str | None
    expected: bool


@dataclass(frozen=True, slots=True)
class PatchReport:
    """One SDK: the installed version (`None`: not installed), whether that is a supported one, and each patch point.

    `native_scope` is the instrumentation scope of the spans that this version makes by itself, which are adopted;
    `content_switch` the variable that keeps it from writing prompts to these (see `Sdk`).
    """

    sdk: str
    installed: str | None
    supported: str
    in_range: bool | None
    native_scope: str | None
    content_switch: str | None
    points: tuple[PointReport, ...]


@dataclass(frozen=True, slots=True)
class OtherInstrumentor:
    """Somebody else's instrumentor that `opentelemetry-instrument` would load; `sdk` is set when both see that SDK."""

    name: str
    distribution: str
    version: str
    sdk: str | None


@dataclass(frozen=True, slots=True)
class ContentReport:
    """Whether prompts and completions are captured: `capture` is `None` where they are not, also where nothing is
    `enabled`. `setting` is the variable that decides it, `said` its value (empty: not set), which may not be
    `understood`; `limited_by` is the variable that limits their length."""

    enabled: bool
    capture: Capture | None
    setting: str
    said: str
    understood: bool
    limited_by: str | None


def content_report(environment: Mapping[str, str]) -> ContentReport:
    """What an application with these environment variables would capture."""
    settings = _settings.load(environment)
    said = environment.get(_settings.CAPTURE_VARIABLE, "").strip()
    return ContentReport(
        enabled=settings.enabled,
        capture=settings.capture if settings.enabled else None,
        setting=_settings.CAPTURE_VARIABLE,
        said=said,
        understood=settings.capture is not None or said.lower() in _settings.NO_CONTENT,
        limited_by=_settings.length_limit(environment)[0],
    )


def report() -> list[PatchReport]:
    """Every SDK that SpanLedger knows, whether or not the instrumentation is switched on in this process."""
    return [_report_of(sdk) for sdk in SDKS]


def other_instrumentors() -> list[OtherInstrumentor]:
    """Other entry points of the group `opentelemetry_instrumentor`, by name."""
    known = {sdk.distribution for sdk in SDKS}
    others: list[OtherInstrumentor] = []
    for entry in entry_points(group="opentelemetry_instrumentor"):
        if entry.dist is not None and entry.name != _OUR_ENTRY_POINT:
            words = entry.name.replace("-", "_").split("_")
            sdk = next((word for word in words if word in known), None)
            others.append(OtherInstrumentor(entry.name, entry.dist.name, entry.dist.version, sdk))
    return sorted(others, key=lambda other: other.name)


def _report_of(sdk: Sdk) -> PatchReport:
    installed = _installed(sdk.distribution)
    native = sdk.native_since is not None and _at_least(installed, sdk.native_since)
    return PatchReport(
        sdk=sdk.distribution,
        installed=installed,
        supported=sdk.supported,
        in_range=None if installed is None else SpecifierSet(sdk.supported).contains(installed, prereleases=True),
        native_scope=sdk.native_scope if native else None,
        content_switch=sdk.content_switch if native else None,
        points=tuple(_report_of_point(point, installed) for point in sdk.points),
    )


def _report_of_point(point: PatchPoint, installed: str | None) -> PointReport:
    status, reason = status_of(point)
    expected = not point.optional and (point.since is None or _at_least(installed, point.since))
    return PointReport(point.key, status, reason, expected)


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _at_least(installed: str | None, wanted: str) -> bool:
    try:
        return installed is not None and Version(installed) >= Version(wanted)
    except InvalidVersion:
        return False
