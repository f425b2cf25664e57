"""What the process counts, per stage, so that every span that came in can be accounted for.

received = rejected + logged (+ not acknowledged). What is logged, now or before a restart, is duplicate, conflict or
journaled, or still waiting in the intake; and journaled = recognised + skipped.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

__all__ = ["Snapshot", "Stats"]

Snapshot = dict[str, "float | Snapshot"]

_PREFIX = "spanledger_"


class Stats:
    """The counters of one server, in a registry of their own (`/metrics` shows it). Safe to use from every thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second time series for each counter, saying when it began
        self.registry = CollectorRegistry(auto_describe=True)
        self.set_aside = Gauge(
            _PREFIX + "observations_set_aside",
            "Observations that settling failed with, which wait for a rebuild",
            registry=self.registry,
        )
        self.requests = self._counter(
            "requests", "OTLP requests by how they ended: `ok`, or why not", "transport", "signal", "outcome"
        )
        self.received = self._counter("spans_received", "Spans that arrived in decodable requests")
        self.rejected = self._counter("spans_rejected", "Spans refused in a partial success", "reason")
        self.duplicates = self._counter("spans_duplicate", "Spans that were already in the journal")
        self.conflicts = self._counter("spans_conflicting", "Spans with another content than the journal's of that id")
        self.logged = self._counter("spans_logged", "Spans made durable in the intake, and acknowledged")
        self.journaled = self._counter("spans_journaled", "Spans brought into the journal for the first time")
        self.recognised = self._counter("spans_recognised", "Journaled spans that are about a model call", "dialect")
        self.skipped = self._counter("spans_skipped", "Journaled spans that are not about a model call")
        self.unreadable = self._counter("spans_unreadable", "Skipped spans that a dialect failed to read")
        self.log_records_skipped = self._counter(
            "log_records_skipped", "Log records that tell of no model call; those that do are counted as spans"
        )
        self.commits = self._counter("journal_commits", "Transactions that brought spans into the journal")
        self.commit_failures = self._counter("journal_commit_failures", "Transactions of the journal that failed")
        self.intake_failures = self._counter("intake_failures", "Times that spans could not be made durable")
        self.refused = self._counter("requests_set_aside", "Acknowledged requests that the journal cannot take")
        self.damaged_bytes = self._counter("intake_damaged_bytes", "Acknowledged bytes that the start found damaged")
        self.settled = self._counter("observations_settled", "Observations brought into the ledger")
        self.settle_failures = self._counter("settle_failures", "Settling passes that failed")
        self.dropped = self._counter("retention_dropped", "What retention took out of the ledger", "what")
        self.pending = self._gauge("observations_pending", "Observations not yet in the ledger")
        self.intake_spans = self._gauge("intake_spans", "Spans acknowledged and not in the journal yet")
        self.intake_bytes = self._gauge("intake_bytes", "Bytes of the intake that are not in the journal yet")
        self.intake_lag = self._gauge("intake_lag_seconds", "How long the oldest of these have been waiting")
        self.intake_unreadable = self._gauge(
            "intake_unreadable_spans", "Acknowledged spans that an earlier server left behind and that cannot be read"
        )
        self.waiting_bytes = self._gauge("waiting_bytes", "Bytes of requests that are being read, decoded or stored")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(_PREFIX + name, text, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self.registry)

    def watch_settling(self, pending: Callable[[], int], set_aside: Callable[[], int]) -> None:
        """Ask these whenever the number of observations that are not settled yet, or cannot be, is wanted."""
        self.pending.set_function(pending)
        self.set_aside.set_function(set_aside)

    def watch_intake(self, spans: Callable[[], int], size: Callable[[], int], lag_seconds: Callable[[], float]) -> None:
        """Ask these whenever it is wanted how many spans are acknowledged and not in the journal yet, of how many
        bytes, and for how long."""
        self.intake_spans.set_function(spans)
        self.intake_bytes.set_function(size)
        self.intake_lag.set_function(lag_seconds)

    def snapshot(self) -> Snapshot:
        """All counts as a document: a number for each metric, or numbers by its labels, nested in their order."""
        document: Snapshot = {}
        for family in self.registry.collect():
            for sample in family.samples:
                _put(document, [family.name.removeprefix(_PREFIX), *sample.labels.values()], sample.value)
        return document


def _put(document: Snapshot, path: list[str], value: float) -> None:
    *parents, leaf = path
    for parent in parents:
        inner = document.setdefault(parent, {})
        assert isinstance(inner, dict), f"{parent} is a number and a group"  # noqa: S101 - a metric has labels or has not
        document = inner
    document[leaf] = value
