"""A meter provider and what calls measured on it."""

from collections.abc import Generator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from wire_recording import Recording

from spanledger._metrics import TOKEN_USAGE
from spanledger.instrumentor import SpanLedgerInstrumentor


class Measured:
    """A meter provider and what was measured on it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def points(self, name: str) -> list[HistogramDataPoint]:
        data = self._reader.get_metrics_data()
        found = [metric for resource in (data.resource_metrics if data else ()) for metric in _metrics_of(resource)]
        return [point for metric in found if metric.name == name for point in metric.data.data_points]

    @property
    def tokens(self) -> dict[object, tuple[int, float]]:
        """By type of token: how many measurements, and their sum."""
        return {said_of(point)["gen_ai.token.type"]: (point.count, point.sum) for point in self.points(TOKEN_USAGE)}


def _metrics_of(resource: Any) -> list[Any]:  # noqa: ANN401  # a tree of the SDK's, walked for its leaves
    scopes = [scope for scope in resource.scope_metrics if scope.scope.name == "spanledger"]
    return [metric for scope in scopes for metric in scope.metrics]


def said_of(point: HistogramDataPoint) -> Mapping[str, object]:
    return dict(point.attributes or {})


@pytest.fixture
def measured(recording: Recording) -> Generator[Measured]:
    """The instrumentation switched on with a meter provider of its own."""
    measured, instrumentor = Measured(), SpanLedgerInstrumentor()
    instrumentor.instrument(tracer_provider=recording.provider, meter_provider=measured.provider)
    yield measured
    instrumentor.uninstrument()
