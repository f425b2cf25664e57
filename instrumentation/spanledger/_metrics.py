"""The client metrics of the conventions: how long a call took and the tokens it used, recorded once, at its end.

Nothing is done, and no instrument made, while there is no meter provider; one may come after the instrumentation.
Names, units, boundaries and attributes are those of the GenAI conventions (`gen_ai.client.*`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace

from spanledger import semconv
from spanledger._version import __version__
from spanledger.meters import METER_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

__all__ = ["DURATION", "TOKEN_USAGE", "Metrics"]

DURATION = "gen_ai.client.operation.duration"
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105  # not that kind of token

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))

_SHARED = (
    semconv.OPERATION_NAME,
    semconv.PROVIDER_NAME,
    semconv.REQUEST_MODEL,
    semconv.RESPONSE_MODEL,
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
)
_TOKEN_TYPES = tuple((name, METER_BY_NAME[name].attribute) for name in ("input", "output"))

_API: Final = metrics.get_meter_provider.__globals__
_ELSEWHERE: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class _Instruments:
    duration: Histogram
    tokens: Histogram


class Metrics:
    """The instruments of one meter provider: the one given, or the global one, as soon as there is one."""

    def __init__(self, provider: MeterProvider | None = None) -> None:
        self._given = provider
        self._asked = False
        self._instruments: _Instruments | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is a meter provider."""
        return self._made() is not None

    def record(self, span: Span, attributes: Mapping[str, AttributeValue], seconds: float) -> None:
        """Record a call by the attributes that its span has, or would have. `span` is what an exemplar points to.

        Tokens are recorded of calls that are metered and did not fail: a part of the tokens is no usage.
        """
        instruments = self._made()
        if instruments is None:
            return
        within = trace.set_span_in_context(span)
        shared = {name: attributes[name] for name in _SHARED if name in attributes}
        failed = attributes.get(semconv.ERROR_TYPE)
        timed = shared if failed is None else {**shared, semconv.ERROR_TYPE: failed}
        instruments.duration.record(seconds, timed, within)
        if failed is not None or attributes.get(semconv.USAGE_STATUS) != "metered":
            return
        for kind, attribute in _TOKEN_TYPES:
            count = attributes.get(attribute)
            if isinstance(count, int):
                instruments.tokens.record(count, {**shared, semconv.TOKEN_TYPE: kind}, within)

    def _made(self) -> _Instruments | None:
        if self._instruments is None:
            provider = self._given or (_global_provider() if self._asked else metrics.get_meter_provider())
            self._asked = True
            # What the API has by itself does nothing, or waits for a real one to be set.
            if provider is not None and not type(provider).__module__.startswith(metrics.__name__):
                self._instruments = _make(provider)
        return self._instruments


def _global_provider() -> MeterProvider | None:
    """The global provider, if one has been set since `metrics.get_meter_provider` was asked, which looks at the whole
    environment each time: too much for every call. Where the API keeps it elsewhere, ask again."""
    known: MeterProvider | None = _API.get("_METER_PROVIDER", _ELSEWHERE)
    return metrics.get_meter_provider() if known is _ELSEWHERE else known


def _make(provider: MeterProvider) -> _Instruments:
    meter = provider.get_meter(semconv.SCOPE_NAME, __version__)
    return _Instruments(
        duration=meter.create_histogram(
            DURATION,
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        tokens=meter.create_histogram(
            TOKEN_USAGE,
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        ),
    )
