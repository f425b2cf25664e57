"""Where a context of OpenTelemetry holds what a call needs to know of it.

A context is a mapping that does not change; with its keys, one context that was got once answers every question. Two of
the keys have no public name, and are what the public function that sets them leaves in an empty context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BAGGAGE_KEY", "SPAN_KEY", "baggage_in", "suppressed_in"]

(SPAN_KEY,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())
(BAGGAGE_KEY,) = baggage.set_baggage("name", "value", Context())

_SUPPRESSING_KEY: Final = "suppress_instrumentation"
_OTHER_SUPPRESSING_KEY: Final = str(getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", _SUPPRESSING_KEY))
"""The context keys of `suppress_instrumentation()`; this one has no public name."""


def suppressed_in(within: Context) -> bool:
    """Whether the application asked for no instrumentation in this context."""
    return bool(within.get(_SUPPRESSING_KEY) or within.get(_OTHER_SUPPRESSING_KEY))


def baggage_in(within: Context) -> Mapping[str, object]:
    """What `baggage.get_all` gives."""
    carried = within.get(BAGGAGE_KEY)
    return baggage.get_all(within) if carried else {}
