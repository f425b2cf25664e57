"""The entry point that `opentelemetry-instrument` finds. It never raises: whatever goes wrong is logged once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import (
    BaseInstrumentor,  # pyright: ignore[reportMissingTypeStubs]  # untyped upstream
)

from spanledger import _call, _patching, _settings
from spanledger._guard import guarded
from spanledger.providers import SDKS

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.trace import TracerProvider

__all__ = ["SpanLedgerInstrumentor"]


class SpanLedgerInstrumentor(BaseInstrumentor):
    """Makes one span for each model call of every SDK in `spanledger.providers`, with its usage and who spent it.

    `instrument(tracer_provider=...)` uses another provider than the global one. SDKs are patched when the application
    imports them; `uninstrument()` restores them, for clients that exist already too.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: each SDK is patched when it is there."""
        return ()

    def _instrument(self, **kwargs: object) -> None:
        guarded("switch on", _switch_on, cast("TracerProvider | None", kwargs.get("tracer_provider")))

    def _uninstrument(self, **kwargs: object) -> None:  # noqa: ARG002  # the signature is the base class's
        guarded("switch off", _switch_off)


def _switch_on(tracer_provider: TracerProvider | None) -> None:
    settings = _settings.load()
    if not settings.enabled:
        return
    _call.configure(settings, tracer_provider)
    for sdk in SDKS:
        if sdk.distribution not in settings.disabled_sdks:
            _patching.apply(sdk.points)
    guarded("add the attribution processor", _add_processor, tracer_provider, settings)


def _switch_off() -> None:
    _call.configure(None)
    if (processor := sys.modules.get("spanledger._processor")) is not None:
        processor.switch_off()
    for sdk in SDKS:
        _patching.remove(sdk.points)


def _add_processor(tracer_provider: TracerProvider | None, settings: _settings.Settings) -> None:
    provider = tracer_provider or trace.get_tracer_provider()
    if hasattr(provider, "add_span_processor"):
        # Needs the OpenTelemetry SDK, which whoever made this provider has loaded.
        from spanledger import _processor  # noqa: PLC0415

        _processor.add_to(provider, settings)
