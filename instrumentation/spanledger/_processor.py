"""Attribution on GenAI spans that we do not make: an SDK's own, another instrumentation's, an application's."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from spanledger import semconv
from spanledger._guard import guarded
from spanledger.attribution import attribution_attributes

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from spanledger._settings import Settings

__all__ = ["add_to", "switch_off"]

_GENAI_PREFIXES = ("gen_ai.", "llm.", "openinference.", "traceloop.", "ai.", "langfuse.", "langsmith.")
"""Attribute names that mark a span of this kind when it starts."""


class _AttributionProcessor(SpanProcessor):
    """Copies attribution to a GenAI span when it starts. Values that the span has already stay."""

    def __init__(self) -> None:
        self.settings: Settings | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self.settings is not None:
            guarded("copy attribution to a span", _copy, span, parent_context, self.settings)


_processor = _AttributionProcessor()
_providers: WeakSet[TracerProvider] = WeakSet()


def add_to(provider: object, settings: Settings) -> None:
    """Add the processor to `provider` if that is the SDK's and has none yet. A processor cannot be removed again."""
    _processor.settings = settings
    if isinstance(provider, TracerProvider) and provider not in _providers:
        provider.add_span_processor(_processor)
        _providers.add(provider)


def switch_off() -> None:
    """Copy nothing from now on."""
    _processor.settings = None


def _copy(span: Span, parent_context: Context | None, settings: Settings) -> None:
    scope = span.instrumentation_scope
    if scope is not None and scope.name == semconv.SCOPE_NAME:
        return
    found = attribution_attributes(parent_context, settings.baggage_keys)
    if not found:
        return
    attributes = span.attributes or {}
    if any(name.startswith(_GENAI_PREFIXES) for name in attributes):
        span.set_attributes({name: value for name, value in found.items() if name not in attributes})
