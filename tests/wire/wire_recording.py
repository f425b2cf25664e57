"""What the instrumentation emitted during a test, and what the provider knows to be true of it."""

import gc
from collections.abc import Mapping, Sequence
from typing import cast

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from provider_server import Served
from spanledger import semconv
from spanledger.meters import METER_BY_NAME

USAGE_ATTRIBUTES = frozenset(meter.attribute for meter in METER_BY_NAME.values())


class Recording:
    """A tracer provider and the spans that ended on it."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self.provider = provider or TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Every ended span about a model, in order; garbage is collected first, as it may end some."""
        gc.collect()
        return [span for span in self._exporter.get_finished_spans() if "gen_ai.operation.name" in attributes_of(span)]

    @property
    def only(self) -> ReadableSpan:
        """The one span there must be."""
        spans = self.spans
        assert len(spans) == 1, [span.name for span in spans]
        return spans[0]

    @property
    def attributes(self) -> Mapping[str, object]:
        """The attributes of the one span there must be."""
        return attributes_of(self.only)

    def own_attribute_names(self) -> set[str]:
        """The names of the attributes on the ended spans of our own scope."""
        spans = self._exporter.get_finished_spans()
        own = (span for span in spans if getattr(span.instrumentation_scope, "name", None) == semconv.SCOPE_NAME)
        return {name for span in own for name in attributes_of(span)}

    def clear(self) -> None:
        """Forget what ended so far."""
        gc.collect()
        self._exporter.clear()


def attributes_of(span: ReadableSpan) -> Mapping[str, object]:
    return cast("Mapping[str, object]", span.attributes or {})


def usage_of(span: ReadableSpan) -> dict[str, object]:
    """The usage attributes of a span that are not zero."""
    return {name: value for name, value in attributes_of(span).items() if name in USAGE_ATTRIBUTES and value}


def true_usage(served: Served) -> dict[str, object]:
    """The same as the provider knows it: inclusive counts under the attribute names of the conventions."""
    usage = served.usage
    assert usage is not None
    inclusive = {
        "input": usage.input_tokens,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write + usage.cache_write_5m + usage.cache_write_1h,
        "cache_write_5m": usage.cache_write_5m,
        "cache_write_1h": usage.cache_write_1h,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning,
        "web_search": usage.web_search,
    }
    return {METER_BY_NAME[name].attribute: count for name, count in inclusive.items() if count}
