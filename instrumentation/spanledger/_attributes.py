"""Many attributes written to a span at once.

`Span.set_attributes` of the OpenTelemetry SDK (1.45) cleans each value through abstract base classes. For the six or so
that a call ends with, that was a sixth of all that we add to a call. They are text and whole numbers, which need no
cleaning: where the span is the SDK's own and its limits let all of them in, they go where the SDK would put them.
Whatever is otherwise goes through `set_attributes`: other values, spans of another make, limits on the length of text,
an SDK that keeps its attributes in another way, an application that has replaced the method to mask what it writes.
"""

# ruff: noqa: SLF001  # the SDK has no public way to what `_write` needs

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk import trace as sdk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

__all__ = ["write_attributes"]

_PLAIN: Final = frozenset({str, int, bool, float})

_SPAN: Final[object] = getattr(sdk, "_Span", None)
_KEPT_AS: Final[object] = BoundedAttributes
_SET_ATTRIBUTES: Final[Any] = sdk.Span.set_attributes
_AS_KNOWN: Final = (
    _SET_ATTRIBUTES.__module__ == sdk.__name__
    and not hasattr(_SET_ATTRIBUTES, "__wrapped__")
    and {"_lock", "_dict", "maxlen", "max_value_len"} <= vars(BoundedAttributes()).keys()
)
"""Whether the method is the SDK's own, and attributes are kept in the way that `_write` knows."""


def write_attributes(span: Span, attributes: dict[str, AttributeValue]) -> None:
    """Do what `span.set_attributes(attributes)` does. No name is empty."""
    if not (_is_plain(attributes.values()) and _write(span, attributes)):
        _slow(span, attributes)


def _slow(span: Span, attributes: dict[str, AttributeValue]) -> None:
    span.set_attributes(attributes)


def _is_plain(values: Iterable[AttributeValue]) -> bool:
    """Whether the SDK would keep these as they are: nothing to copy, to turn into text, or to leave out."""
    for value in values:
        if type(value) not in _PLAIN and not (isinstance(value, tuple) and all(map(_is_text, value))):
            return False
    return True


def _is_text(value: object) -> bool:
    return type(value) is str


def _write(span: Any, attributes: dict[str, AttributeValue]) -> bool:  # noqa: ANN401  # fields that are not public
    if not _AS_KNOWN or span.__class__ is not _SPAN:
        return False
    # Asked of the method, as `vars(span)` would have Python make a dict of the span's fields, and all that the SDK
    # does with them from then on slower.
    if getattr(span.set_attributes, "__func__", None) is not _SET_ATTRIBUTES:
        return False
    with span._lock:
        kept: Any = span._attributes
        if span._end_time is not None or kept.__class__ is not _KEPT_AS or kept.max_value_len is not None:
            return False
        with kept._lock:
            if kept.maxlen is not None and len(kept._dict) + len(attributes) > kept.maxlen:
                return False
            kept._dict.update(attributes)
    return True
