"""What the process counts, sent as OTLP metrics to where the operator watches servers, by the names of `/metrics`."""

import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.metrics import CallbackOptions, Observation

from spanledger._version import __version__
from spanledger_collector.errors import ExportsToItself
from spanledger_collector.settings import Address
from spanledger_collector.stats import Stats

__all__ = ["send_metrics"]

_EVERY_SECONDS = 60.0


def send_metrics(
    stats: Stats, endpoint: str | None, own: Sequence[Address], *, every_seconds: float = _EVERY_SECONDS
) -> Callable[[], object]:
    """Send to the endpoint (OTLP over HTTP in protobuf), if there is one, until the returned function is called, and
    once then (which may block for some seconds).

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
    for family in stats.registry.collect():
        create = meter.create_observable_counter if family.type == "counter" else meter.create_observable_gauge
        create(family.name, [_observed(stats, family.name)], description=family.documentation)
    return provider.shutdown


def _nothing() -> None:
    """Where nothing is sent, nothing ends."""


def _observed(stats: Stats, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(sample.value, sample.labels)
            for family in stats.registry.collect()
            if family.name == name
            for sample in family.samples
        ]

    return observe


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
