"""What the process counts and the ledger holds, sent as OTLP metrics to where the operator watches servers, by the
names of `/metrics`."""

import math
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from prometheus_client.metrics_core import Metric

from spanledger._version import __version__
from spanledger_collector.errors import ExportsToItself
from spanledger_collector.serve.metrics import LedgerFamilies
from spanledger_collector.settings import Address
from spanledger_collector.stats import Stats

__all__ = ["send_metrics"]

_EVERY_SECONDS = 60.0
_ROUND_SECONDS = 1.0
"""The instruments are observed one after the other, which takes some milliseconds."""


def send_metrics(
    stats: Stats,
    ledger: LedgerFamilies,
    endpoint: str | None,
    own: Sequence[Address],
    *,
    every_seconds: float = _EVERY_SECONDS,
) -> Callable[[], object]:
    """Send to the endpoint (OTLP over HTTP in protobuf), if there is one, until the returned function is called, and
    once then (which may block for some seconds). The ledger is read in a thread of the exporter.

    A server that cannot be reached is logged by the exporter and changes nothing. Raises ExportsToItself for an
    endpoint that is one of `own` addresses.
    """
    if endpoint is None:
        return _nothing
    _check_other(endpoint, own)
    # Only now: few use it, and it costs what an HTTP client costs.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    exporter = OTLPMetricExporter(endpoint=_with_path(endpoint), timeout=5)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000 * every_seconds)
    resource = Resource({"service.name": "spanledger", "service.version": __version__})
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter("spanledger_collector", __version__)
    _observe(meter, stats.registry.collect(), stats.registry.collect)
    _observe(meter, ledger.describe(), ledger.collect)
    return provider.shutdown


def _nothing() -> None:
    """Where nothing is sent, nothing ends."""


def _observe(meter: Meter, described: Iterable[Metric], collect: Callable[[], Iterable[Metric]]) -> None:
    """Make an instrument for each family."""
    collected = _Collected(collect)
    for family in described:
        create = meter.create_observable_counter if family.type == "counter" else meter.create_observable_gauge
        create(family.name, [partial(collected.observations, family.name)], description=family.documentation)


class _Collected:
    """What is collected at once for all instruments that are observed in one round."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect
        self._families: Mapping[str, Metric] = {}
        self._collected_at = -math.inf

    def observations(self, name: str, _options: CallbackOptions) -> Sequence[Observation]:
        """The samples of one family. An error of collecting is logged by the caller, who goes on."""
        if time.monotonic() - self._collected_at > _ROUND_SECONDS:
            self._families = {family.name: family for family in self._collect()}
            self._collected_at = time.monotonic()
        return [Observation(float(sample.value), sample.labels) for sample in self._families[name].samples]


def _with_path(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return urlunsplit(parts if parts.path.strip("/") else parts._replace(path="/v1/metrics"))


def _check_other(endpoint: str, own: Sequence[Address]) -> None:
    """What a server tells itself of what it received it would receive, and tell itself."""
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    hosts = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower(), *(address.host.lower() for address in own)}
    if port in {address.port for address in own} and (parts.hostname or "") in hosts:
        raise ExportsToItself(endpoint)
