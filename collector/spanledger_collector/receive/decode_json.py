"""OTLP JSON to spans: the proto3 JSON mapping with the deviations of OTLP (ids in hex, enums as numbers).

Source: OTLP specification, section "JSON Protobuf Encoding".
"""

from base64 import b64decode
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from spanledger_collector.errors import BadRequest
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope
from spanledger_collector.receive.decoded import Decoded, kind_of, parent_of, status_of

__all__ = ["check_json", "decode_traces_json"]

_DEEPEST = 48
"""Levels of nested values, as many as protobuf allows within its 100 messages."""

_STANDARD_ALPHABET = str.maketrans("-_", "+/")
_T = TypeVar("_T")
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


class _Message(msgspec.Struct, rename="camel", gc=False):
    """A JSON object; fields it does not name are ignored, and null is the same as absent."""


class _Value(_Message):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Values(_Message):
    values: list[_Value] | None = None


class _Pair(_Message):
    key: str = ""
    value: _Value | None = None


class _Pairs(_Message):
    values: list[_Pair] | None = None


class _Resource(_Message):
    attributes: list[_Pair] | None = None


class _Scope(_Message):
    name: str | None = None
    version: str | None = None


class _Status(_Message):
    code: int | None = None


class _Span(_Message):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[_Pair] | None = None
    status: _Status | None = None


class _ScopeSpans(_Message):
    scope: _Scope | None = None
    spans: list[_Span] | None = None


class _ResourceSpans(_Message):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(_Message):
    resource_spans: list[_ResourceSpans] | None = None


_requests = msgspec.json.Decoder(_Request)
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check_json(body: bytes) -> None:
    """Raises BadRequest unless the body is one JSON object."""
    _parsed(_objects, body)


def decode_traces_json(body: bytes) -> Decoded:
    """The spans of an `ExportTraceServiceRequest` in JSON.

    Raises BadRequest for what is not JSON, not of that shape, nested over 48 values deep, or has a number out of range.
    An id that is no hex text of its length rejects its span.
    """
    decoded = Decoded()
    for resource_spans in _parsed(_requests, body).resource_spans or ():
        resource = _attributes(resource_spans.resource and resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans or ():
            named = scope_spans.scope or _Scope()
            scope = Scope(named.name or "", named.version or "")
            for span in scope_spans.spans or ():
                decoded.take(_received(span, resource, scope))
    return decoded


def _parsed(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is JSON, but not as OTLP has it: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deep.") from error


def _received(span: _Span, resource: Attributes, scope: Scope) -> ReceivedSpan:
    return ReceivedSpan(
        _id(span.trace_id, 16),
        _id(span.span_id, 8),
        parent_of(_id(span.parent_span_id, 8)),
        span.name or "",
        kind_of(span.kind or 0),
        _integer(span.start_time_unix_nano or 0, _UINT64),
        _integer(span.end_time_unix_nano or 0, _UINT64),
        status_of((span.status and span.status.code) or 0),
        _attributes(span.attributes),
        resource,
        scope,
    )


def _id(text: str | None, size: int) -> bytes:
    """The bytes of a hex id; for text that is none, bytes of a length that no id has."""
    if not text:
        return b""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return b"?"
    return value if len(text) == 2 * size else b"?"


def _attributes(pairs: Iterable[_Pair] | None, depth: int = 0) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value, depth) for pair in pairs or ()}


def _value(value: _Value | None, depth: int) -> AttributeValue:
    """The one field that is set, or None."""
    if depth > _DEEPEST:
        raise BadRequest(f"An attribute is nested over {_DEEPEST} values deep.")
    match value:
        case None | _Value(string_value=str()):
            return value and value.string_value
        case _Value(array_value=_Values(values=values)):
            return [_value(element, depth + 1) for element in values or ()]
        case _Value(kvlist_value=_Pairs(values=pairs)):
            return _attributes(pairs, depth + 1)
        case _:
            return _scalar(value)


def _scalar(value: _Value) -> AttributeValue:
    match value:
        case _Value(int_value=(int() | str()) as number):
            return _integer(number, _INT64)
        case _Value(double_value=(float() | str()) as number):
            return _double(number)
        case _Value(bytes_value=str(text)):
            return _bytes(text)
        case _:
            return value.bool_value


def _integer(number: int | str, allowed: range) -> int:
    """A 64-bit integer, which JSON may carry as a number or as decimal text."""
    try:
        value = int(number)
    except ValueError as error:
        raise BadRequest(f"{str(number)[:40]!r} is not an integer.") from error
    if value not in allowed:
        raise BadRequest(f"An integer has over 64 bits: {str(number)[:40]}.")
    return value


def _double(number: float | str) -> float:
    """A double, which JSON may carry as a number or as text (the only way for NaN and the infinities)."""
    try:
        return float(number)
    except ValueError as error:
        raise BadRequest(f"{str(number)[:40]!r} is not a number.") from error


def _bytes(text: str) -> bytes:
    """Base64 in either alphabet, with or without padding, as the proto3 JSON mapping accepts."""
    try:
        return b64decode(text.translate(_STANDARD_ALPHABET) + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest("A bytesValue is not base64.") from error
