"""What a call writes to its span is what `Span.set_attributes` would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import Span, SpanLimits, TracerProvider
from opentelemetry.trace import INVALID_SPAN

from spanledger import _attributes
from spanledger._attributes import write_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

_BEFORE: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "b": 1}
_VALUES = st.one_of(
    st.text(),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.lists(st.text()),
    st.lists(st.text()).map(tuple),
    st.lists(st.integers()).map(tuple),
)


def _span(limits: SpanLimits | None = None) -> Span:
    span = TracerProvider(span_limits=limits).get_tracer("test").start_span("chat", attributes=_BEFORE)
    assert isinstance(span, Span)
    return span


def _pair(limits: SpanLimits | None = None) -> tuple[Span, Span]:
    return _span(limits), _span(limits)


def _told(span: Span) -> tuple[dict[str, object], int]:
    return dict(span.attributes or {}), span.dropped_attributes


@given(st.dictionaries(st.sampled_from("abcdefgh"), _VALUES))
def test_a_span_has_what_set_attributes_would_have_written(attributes: dict[str, AttributeValue]) -> None:
    written, expected = _pair()
    write_attributes(written, attributes)
    expected.set_attributes(attributes)
    assert _told(written) == _told(expected)


@given(st.dictionaries(st.sampled_from("abcdefgh"), _VALUES))
def test_the_limits_of_a_span_hold(attributes: dict[str, AttributeValue]) -> None:
    written, expected = _pair(SpanLimits(max_span_attributes=4, max_span_attribute_length=3))
    write_attributes(written, attributes)
    expected.set_attributes(attributes)
    assert _told(written) == _told(expected)


def test_a_span_without_room_drops_as_the_sdk_does() -> None:
    written, expected = _pair(SpanLimits(max_span_attributes=2))
    for span, write in ((written, write_attributes), (expected, Span.set_attributes)):
        write(span, {"c": 1, "d": 2})
    assert _told(written) == _told(expected) == ({"c": 1, "d": 2}, 2)


def test_plain_values_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when the SDK keeps attributes otherwise than we know: nothing is wrong then but the time that it takes."""
    span = _span()
    monkeypatch.setattr(_attributes, "_slow", pytest.fail)
    write_attributes(span, {"gen_ai.response.finish_reasons": ("stop",), "gen_ai.usage.input_tokens": 10, "d": "text"})
    assert _told(span)[0]["gen_ai.response.finish_reasons"] == ("stop",)


def test_whoever_replaced_set_attributes_sees_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications replace it to mask what they do not want to be stored."""
    seen: list[Mapping[str, object]] = []
    monkeypatch.setattr(Span, "set_attributes", lambda _span, attributes: seen.append(attributes))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  # any span, any mapping
    write_attributes(_span(), {"a": "text"})
    assert seen == [{"a": "text"}]


def test_a_span_that_has_ended_stays_as_it_is() -> None:
    span = _span()
    span.end()
    write_attributes(span, {"a": "text"})
    assert _told(span)[0] == _BEFORE


def test_a_span_of_another_kind_is_asked() -> None:
    write_attributes(INVALID_SPAN, {"a": "text"})
