"""Whether a collector can be reached from here, and what has arrived there."""

import socket
from collections.abc import Mapping

from spanledger_collector.cli.access import Access
from spanledger_collector.cli.checks.exporting import target
from spanledger_collector.cli.checks.finding import Finding
from spanledger_collector.cli.notes import READ_BY_OLDER_RULES, plural
from spanledger_collector.cli.source import fetch
from spanledger_collector.errors import CannotReach, SpanLedgerError
from spanledger_collector.ledger.queries import STATUS, Document
from spanledger_collector.ledger.queries.status import OLDER_RULES

__all__ = ["check_collector"]

_SECONDS = 2.0
_HTTP = "http-client"


def check_collector(environment: Mapping[str, str], url: str, access: Access) -> list[Finding]:
    """Whether something listens where spans are sent, and what the server at `url` (its web port) says of itself."""
    try:
        status = fetch(url, STATUS.path, access, seconds=_SECONDS)
    except CannotReach as error:
        remedy = "Start `spanledger serve`, or name its web port with --url (or SPANLEDGER_URL)."
        return [_listening(environment), Finding("ledger", "note", str(error), remedy)]
    except SpanLedgerError as error:
        return [_listening(environment), Finding("ledger", "trouble", str(error))]
    return [_listening(environment), *_arrived(status, url)]


def _listening(environment: Mapping[str, str]) -> Finding:
    try:
        exporting = target(environment)
    except ValueError as error:
        return Finding("export", "trouble", str(error), "Set OTEL_EXPORTER_OTLP_ENDPOINT to a URL.")
    where = f"{exporting.host}:{exporting.port} ({exporting.protocol})"
    try:
        socket.create_connection((exporting.host, exporting.port), _SECONDS).close()
    except OSError as error:
        remedy = "Start `spanledger serve`, or set OTEL_EXPORTER_OTLP_ENDPOINT to where your collector listens."
        return Finding("export", "trouble", f"nothing answers where spans are sent, {where}: {error}", remedy)
    return Finding("export", "ok", f"something listens where spans are sent, {where}")


def _arrived(status: Document, url: str) -> list[Finding]:
    about = "ledger"
    server = f"SpanLedger {status['version']} at {url} (process {status['pid']}) keeps {status['db']}"
    found = [Finding(about, "ok", server)]
    spans, calls = status["spans"], status["calls"]
    observations = status["observations"] - _requests(status)
    counts = (
        f"{plural(spans, 'span')} arrived, {observations:,} about model calls, {plural(calls, 'call')} in the ledger"
    )
    if spans == 0:
        remedy = "Run your app as `opentelemetry-instrument python app.py`, with the settings above."
        found.append(Finding(about, "note", "no span has arrived yet", remedy))
    elif observations == 0:
        remedy = "Is SpanLedger installed where the app runs? Run `spanledger doctor` there."
        found.append(Finding(about, "trouble", f"{counts}", remedy))
    else:
        found.append(
            Finding(about, "ok", f"{counts}, the last span at {status['received_at'][:19].replace('T', ' ')} UTC")
        )
    mapped: Mapping[str, str] = status.get("attribution_map") or {}
    if mapped:
        said = "; ".join(f"{field}: {sources}" for field, sources in mapped.items())
        found.append(Finding("attribution", "note", f"the server has a map of who spends: {said}"))
    if status.get("read_by") == OLDER_RULES:
        found.append(Finding(about, "note", READ_BY_OLDER_RULES))
    if status.get("trouble"):
        remedy = "The server tries again; its log says more. Nothing that was acknowledged is lost."
        found.append(Finding(about, "trouble", status["trouble"], remedy))
    refused = _refused(status["counters"])
    if refused:
        found.append(Finding(about, "trouble", f"refused since the server started: {refused}"))
    found += _left_out(status["counters"], status["db"])
    if status["conflicts"]:
        seen = f"{plural(status['conflicts'], 'span')} came again with another content; the first one counts"
        found.append(Finding(about, "note", seen, "spanledger sql 'FROM conflicts'"))
    return found


def _requests(status: Document) -> int:
    """Observations that are mere requests to models (`spanledger coverage`), about no call."""
    by_dialect: list[Document] = status.get("observations_by_dialect") or []
    return sum(row["observations"] for row in by_dialect if row["dialect"] == _HTTP)


_LEFT_OUT = {
    "intake_unreadable_spans": "acknowledged spans that an earlier server left behind cannot be read",
    "intake_damaged_bytes": "bytes of acknowledged requests were found damaged at the start",
    "requests_set_aside": "acknowledged requests cannot be stored",
}


def _left_out(counters: Document, db: str) -> list[Finding]:
    """What was acknowledged and is in no answer; it is kept beside the ledger."""
    counts = {name: int(counters.get(name) or 0) for name in _LEFT_OUT}
    remedy = f"It is kept in {db}.intake; the server's log says why. Make it readable, and start the server again."
    return [
        Finding("ledger", "trouble", f"{count:,} {_LEFT_OUT[name]}", remedy) for name, count in counts.items() if count
    ]


def _refused(counters: Document) -> str:
    rejected: Document = counters.get("spans_rejected") or {}
    return ", ".join(f"{plural(int(count), 'span')} ({reason})" for reason, count in rejected.items() if count)
