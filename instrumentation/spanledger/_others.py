"""Spans that other instrumentations of the same SDK make: the call they stand for must not get a second one from us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context, trace

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["anothers_call"]

INFERENCE_CONTEXT_KEY = "opentelemetry.genai.client.inference.context"
"""Set by instrumentations built on opentelemetry-util-genai while a call of theirs is active."""

_OTHERS: tuple[tuple[str, bool], ...] = (
    ("opentelemetry.instrumentation.genai.bedrock", False),
    ("opentelemetry.instrumentation.genai.", True),
    *(
        (f"{family}.{sdk}", False)
        for family in ("openinference.instrumentation", "opentelemetry.instrumentation", "openlit.instrumentation")
        for sdk in ("openai", "anthropic", "groq", "mistralai", "mistral", "cohere", "together", "ollama", "bedrock")
    ),
    ("openinference.instrumentation.google_genai", False),
    ("opentelemetry.instrumentation.google_genai", False),
    ("opentelemetry.instrumentation.google_generativeai", False),
    ("openlit.instrumentation.google_ai_studio", False),
)
"""Prefix of the scope of an instrumentation of an SDK, and whether its counts mean what the conventions say, so that
ours may stand beside them. The first prefix that fits counts. Instrumentations of frameworks are not here: their spans
may stand for several calls."""


def anothers_call() -> tuple[bool, Span | None]:
    """Whether another instrumentation observes the call that is about to be made, and its span if we may add to it."""
    active = context.get_value(INFERENCE_CONTEXT_KEY) is not None
    span = trace.get_current_span()
    scope = getattr(span, "instrumentation_scope", None)
    if scope is None or not span.is_recording():
        return active, None
    adoptable = next((adoptable for prefix, adoptable in _OTHERS if scope.name.startswith(prefix)), None)
    if adoptable is None:
        return active, None
    taken = "end" in vars(span)  # by an earlier call within the same span
    return True, span if adoptable and not taken else None
