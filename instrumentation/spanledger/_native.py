"""Spans that an SDK makes by itself: whether one of them can stand for a call of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from spanledger import _call

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["goes_where_ours_go"]


def goes_where_ours_go(span: Span | None) -> bool:
    """Whether `span` is recorded and ends up where our own spans do, so that it may be adopted.

    An SDK may have a tracer provider of its own, for its maker or for one client (Mistral's `telemetry="dedicated"`):
    what is only there, nobody who reads our spans would see. The OpenTelemetry SDK tells by the span processor, which
    tracers and spans of one provider share; it is public on the one and private on the other.
    """
    runtime = vars(_call)["_runtime"]
    if span is None or runtime is None or not span.is_recording():
        return False
    tracer = cast("object", runtime.tracer)
    tracer = getattr(tracer, "_tracer", tracer)  # one made before there was a provider stands in for the real one
    processor = getattr(span, "_span_processor", None)
    return processor is not None and processor is getattr(tracer, "span_processor", None)
