"""The entry point that `opentelemetry-instrument` finds. It never raises: whatever goes wrong is logged once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import wrapt
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import (
    BaseInstrumentor,  # pyright: ignore[reportMissingTypeStubs]  # untyped upstream
)

from spanledger import _settings
from spanledger._guard import guarded
from spanledger.providers import PROVIDERS, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from spanledger._patching import Sdk
    from spanledger._settings import Settings

__all__ = ["SpanLedgerInstrumentor"]


class SpanLedgerInstrumentor(BaseInstrumentor):
    """Makes one span for each model call of every SDK in `spanledger.providers`, with its usage and who spent it.

    `instrument(tracer_provider=..., meter_provider=...)` uses other providers than the global ones. SDKs are patched
    when the application imports them; `uninstrument()` restores them, for clients that exist already too.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: each SDK is patched when it is there."""
        return ()

    def _instrument(self, **kwargs: object) -> None:
        tracer_provider = cast("TracerProvider | None", kwargs.get("tracer_provider"))
        meter_provider = cast("MeterProvider | None", kwargs.get("meter_provider"))
        guarded("switch on", _switch_on, tracer_provider, meter_provider)

    def _uninstrument(self, **kwargs: object) -> None:  # noqa: ARG002  # the signature is the base class's
        guarded("switch off", _switch_off)


@dataclass(slots=True)
class _Switch:
    """What the instrumentation is switched on with; `loaded` are the SDKs that the application has imported since."""

    settings: Settings
    tracer_provider: TracerProvider | None
    meter_provider: MeterProvider | None
    loaded: list[Sdk] = field(default_factory=list["Sdk"])


_switch: _Switch | None = None
_hooked: set[Provider] = set()


def _switch_on(tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
    global _switch  # noqa: PLW0603  # one process, one switch: import hooks look at it
    settings = _settings.load()
    if not settings.enabled:
        return
    _switch = _Switch(settings, tracer_provider, meter_provider)
    for provider in PROVIDERS:
        if provider in _hooked:
            if provider.package in sys.modules:
                guarded(f"patch {provider.package}", _patch, provider)
            continue
        _hooked.add(provider)
        guarded("register an import hook", wrapt.register_post_import_hook, _hook(provider), provider.package)
    guarded("add the attribution processor", _add_processor, tracer_provider, settings)


def _hook(provider: Provider) -> Callable[[object], None]:
    return lambda _module: guarded(f"patch {provider.package}", _patch, provider)


def _patch(provider: Provider) -> None:
    if _switch is None:
        return
    # Imported now: an application that uses none of the SDKs pays for none of this.
    from spanledger import _call, _patching  # noqa: PLC0415

    sdk = provider.load()
    if sdk.distribution not in _switch.settings.disabled_sdks:
        if not _switch.loaded:
            _call.configure(_switch.settings, _switch.tracer_provider, _switch.meter_provider)
        _switch.loaded.append(sdk)
        _patching.apply(sdk.points)


def _switch_off() -> None:
    global _switch  # noqa: PLW0603
    if _switch is not None and _switch.loaded:
        from spanledger import _call, _patching  # noqa: PLC0415

        _call.configure(None)
        for sdk in _switch.loaded:
            _patching.remove(sdk.points)
    _switch = None
    if (processor := sys.modules.get("spanledger._processor")) is not None:
        processor.switch_off()


def _add_processor(tracer_provider: TracerProvider | None, settings: Settings) -> None:
    provider = tracer_provider or trace.get_tracer_provider()
    if hasattr(provider, "add_span_processor"):
        # Needs the OpenTelemetry SDK, which whoever made this provider has loaded.
        from spanledger import _processor  # noqa: PLC0415

        _processor.add_to(provider, settings)
