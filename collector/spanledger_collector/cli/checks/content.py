"""Whether prompts and completions are captured, how much of them, and which variable says so."""

from collections.abc import Iterable, Mapping

from spanledger._report import PatchReport, content_report
from spanledger._settings import Capture
from spanledger_collector.cli.checks.finding import Finding

__all__ = ["check_content"]

_ABOUT = "content"
_WHAT = "prompts and completions"
_PLACES = {(True, False): "on spans", (False, True): "in events", (True, True): "on spans and in events"}


def check_content(environment: Mapping[str, str], sdks: Iterable[PatchReport]) -> list[Finding]:
    """What an application with these variables captures, and which of its `sdks` write content by themselves."""
    report = content_report(environment)
    setting = f"{report.setting}={report.said}" if report.said else f"{report.setting} is not set"
    if report.capture is not None:
        found = _captured(environment, report.capture, setting, report.limited_by)
    elif report.understood:
        setting += "" if report.enabled else ", and the instrumentation is switched off"
        found = [Finding(_ABOUT, "ok", f"{_WHAT} are not captured: {setting}")]
    else:
        remedy = "Set it to SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT, or unset it."
        found = [Finding(_ABOUT, "note", f"{_WHAT} are not captured: {setting} is no such mode", remedy)]
    return [*found, *(finding for facts in sdks for finding in _by_itself(environment, facts))]


def _captured(
    environment: Mapping[str, str], capture: Capture, setting: str, limited_by: str | None
) -> Iterable[Finding]:
    where = _PLACES[capture.on_spans, capture.on_events]
    length = f"cut to {capture.longest:,} characters ({limited_by})" if limited_by else "in full length"
    data = f"kept up to {capture.inline_bytes:,} bytes" if capture.inline_bytes else "described, not kept"
    yield Finding(
        _ABOUT,
        "note",
        f"{_WHAT} are captured {where} ({setting}), {length}; images, audio and files are {data}"
        " (SPANLEDGER_CONTENT_INLINE_BYTES)",
        "SpanLedger's collector does not store them; make sure that whoever else gets your telemetry may.",
    )
    if capture.on_events and environment.get("OTEL_LOGS_EXPORTER", "").strip().lower() == "none":
        yield Finding(
            _ABOUT, "note", "OTEL_LOGS_EXPORTER=none: no event is made", "Set it to otlp, or capture on spans."
        )


def _by_itself(environment: Mapping[str, str], facts: PatchReport) -> Iterable[Finding]:
    """An SDK whose own spans have content whatever our variable says."""
    switch = facts.content_switch
    if facts.installed and switch and environment.get(switch, "").strip().lower() not in ("1", "true"):
        seen = f"{facts.sdk} writes {_WHAT} to its own spans by itself: {switch} is not set"
        yield Finding(_ABOUT, "note", seen, "Set it to 1 if they must not be on spans.")
