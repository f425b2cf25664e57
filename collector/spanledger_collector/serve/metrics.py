"""`/metrics`: gauges over the ledger, beside what the process counted. For alerts; whoever wants the ledger asks it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from spanledger_collector.errors import QueryTimedOut, Stopping
from spanledger_collector.ledger.queries import Document, gauges
from spanledger_collector.serve.readers import Readers

__all__ = ["LedgerFamilies", "LedgerGauges"]

_LABELS = ("provider", "model", "usage_status", "price_status")
_FRESH_SECONDS = 10.0
"""How often scrapes may make the server read the ledger."""


class LedgerGauges:
    """The ledger as Prometheus text (how far it is, calls, tokens, known cost), read at most every ten seconds."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._text = b""
        self._read_at: float | None = None

    async def text(self) -> bytes:
        """The gauges in the text format; what was read before, where the ledger takes too long to answer."""
        if self._read_at is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
            with suppress(QueryTimedOut, Stopping):
                self._text = _exposed(*await self._readers.run(gauges))
                self._read_at = time.monotonic()
        return self._text


_PROGRESS = {
    "settle_lag_seconds": "Since when the first observation waits that no call shows yet",
    "file_bytes": "Size of the ledger file",
    "free_bytes": "Bytes of it that hold nothing, and are filled again",
    "log_bytes": "Size of its write-ahead log, which a checkpoint brings into the file",
}


class LedgerFamilies(Collector):
    """The ledger as metrics, read whenever they are collected."""

    def __init__(self, read: Callable[[], tuple[Document, Sequence[Document]]]) -> None:
        """`read` gives what `gauges` does."""
        self._read = read

    def describe(self) -> Sequence[Metric]:
        """What there is to collect, without reading the ledger."""
        return _families({}, ())

    def collect(self) -> Sequence[Metric]:
        """Called by the registry. Raises what `read` does."""
        return _families(*self._read())


def _families(progress: Document, rows: Sequence[Document]) -> Sequence[Metric]:
    """A sum that is not known has no sample: it is not zero."""
    calls = GaugeMetricFamily("spanledger_ledger_calls", "Calls in the ledger", labels=_LABELS)
    cost = GaugeMetricFamily("spanledger_ledger_cost_usd", "Known cost of the calls in the ledger", labels=_LABELS)
    tokens = GaugeMetricFamily("spanledger_ledger_tokens", "Known tokens", labels=(*_LABELS, "direction"))
    for row in rows:
        labels = [str(row[name] or "") for name in _LABELS]
        calls.add_metric(labels, row["calls"])
        if row["cost_usd"] is not None:
            cost.add_metric(labels, float(Decimal(row["cost_usd"])))  # Prometheus knows floats only
        for direction in ("input", "output"):
            if row[f"{direction}_tokens"] is not None:
                tokens.add_metric([*labels, direction], row[f"{direction}_tokens"])
    gauged = [
        GaugeMetricFamily(f"spanledger_ledger_{name}", text, progress.get(name)) for name, text in _PROGRESS.items()
    ]
    return calls, cost, tokens, *gauged


def _exposed(progress: Document, rows: Sequence[Document]) -> bytes:
    registry = CollectorRegistry()
    registry.register(LedgerFamilies(lambda: (progress, rows)))
    return generate_latest(registry)
