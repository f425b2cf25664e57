"""What all signals share in OTLP JSON: the proto3 JSON mapping with the deviations of OTLP (hex ids, enums as numbers).

Source: OTLP specification, section "JSON Protobuf Encoding".
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, TypeAlias, TypeVar

import msgspec

from spanledger_collector.errors import BadRequest, TooLarge
from spanledger_collector.model import Attributes, AttributeValue, Scope
from spanledger_collector.receive.decoded import AT_ONCE, TooMuchAtOnce
from spanledger_collector.receive.in_common import resource_of, scope_of

__all__ = [
    "Message",
    "Number",
    "Pair",
    "ResourceMessage",
    "ScopeMessage",
    "Value",
    "attributes_of",
    "check_json",
    "check_size",
    "chunks_of",
    "id_of",
    "parsed",
    "resource_from",
    "scope_from",
    "unsigned_of",
]

Number: TypeAlias = int | float | str
"""A number as JSON may carry it. To msgspec `float` alone would make one of every integer."""
_DEEPEST = 48
"""Levels of nested values, as many as protobuf allows within its 100 messages."""

_OBJECTS_AT_ONCE = 32_768
"""Usual spans have some thirty, with their attributes."""
_BYTES_PER_OBJECT = 16
"""Usual ones have three times as many."""
_STANDARD_ALPHABET = str.maketrans("-_", "+/")
_HALF_CHARACTER: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""The escape of one surrogate without the other one of its pair."""
_MOST_HALVES: Final = 10_000
"""In a body: a text that was cut has one. Each takes some hundred bytes while they are replaced."""
_T = TypeVar("_T")
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


class Message(msgspec.Struct, rename="camel", gc=False):
    """A JSON object; fields it does not name are ignored, and null is the same as absent."""


class Value(Message):
    """An `AnyValue`."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number | None = None
    double_value: float | str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Values(Message):
    values: list[Value] | None = None


class Pair(Message):
    """A `KeyValue`."""

    key: str | None = None
    value: Value | None = None


class _Pairs(Message):
    values: list[Pair] | None = None


class ResourceMessage(Message):
    """A `Resource`."""

    attributes: list[Pair] | None = None


class ScopeMessage(Message):
    """An `InstrumentationScope`."""

    name: str | None = None
    version: str | None = None


class _Object(Message):
    """A JSON object of which nothing is read."""


_objects = msgspec.json.Decoder(_Object)


def check_size(body: bytes, *, at_once: bool = False) -> None:
    """What decoding a body takes goes by its objects, which are the smaller the more memory they take.

    Raises TooMuchAtOnce for many where it is to be done at once, TooLarge for far too many (BadRequest for no JSON).
    """
    objects = body.count(b"{")
    if at_once and objects > _OBJECTS_AT_ONCE:
        raise TooMuchAtOnce
    most = _OBJECTS_AT_ONCE + len(body) // _BYTES_PER_OBJECT
    if objects > most:
        check_json(body)  # what is no JSON at all is told so
        raise TooLarge(most, "objects")


def chunks_of(items: Iterable[_T]) -> Iterator[list[_T]]:
    """As many at a time as are decoded at once."""
    rest = iter(items)
    while chunk := [*islice(rest, AT_ONCE)]:
        yield chunk


def check_json(body: bytes) -> None:
    """Raises BadRequest unless the body is one JSON object."""
    parsed(_objects, body)


def parsed(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """What a decoder makes of a body. Raises BadRequest."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is JSON, but not as OTLP has it: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        whole = _with_whole_characters(body)
        if whole is None:
            raise BadRequest(f"The body is not JSON: {error}.") from error
        return parsed(decoder, whole)
    except RecursionError as error:
        raise BadRequest("The body is nested too deep.") from error


def _with_whole_characters(body: bytes) -> bytes | None:
    """The body with U+FFFD for halves of characters, as JavaScript's exporter sends them of a text that was cut to fit:
    JSON allows them (RFC 8259, section 8.2), and all that comes with such a text would be refused for good. None where
    there are none, or far too many.

    A backslash that is escaped begins no escape. NUL stands for it meanwhile, which no JSON has as it is.
    """
    if b"\0" in body:
        return None
    whole, halves = _HALF_CHARACTER.subn(rb"\\ufffd", body.replace(rb"\\", b"\0\0"), _MOST_HALVES)
    return whole.replace(b"\0\0", rb"\\") if 0 < halves < _MOST_HALVES else None


def id_of(text: str | None, size: int) -> bytes:
    """The bytes of a hex id; for text that is none, bytes of a length that no id has."""
    if not text:
        return b""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return b"?"
    return value if len(text) == 2 * size else b"?"


def resource_from(named: ResourceMessage | None) -> Attributes:
    """What is kept of a resource, which may be absent. Raises BadRequest."""
    return resource_of(attributes_of(named and named.attributes))


def scope_from(named: ScopeMessage | None) -> Scope:
    """The instrumentation scope, whose name and version may be absent."""
    return Scope() if named is None else scope_of(named.name or "", named.version or "")


def unsigned_of(number: Number | None) -> int:
    """An unsigned 64-bit integer such as a time; absent is zero. Raises BadRequest."""
    return _integer(number or 0, _UINT64)


def attributes_of(pairs: Iterable[Pair] | None, depth: int = 0) -> dict[str, AttributeValue]:
    """A list of keys and values as a mapping. Raises BadRequest."""
    return {pair.key or "": _value(pair.value, depth) for pair in pairs or ()}


def _value(value: Value | None, depth: int) -> AttributeValue:
    """The one field that is set, or None."""
    if depth > _DEEPEST:
        raise BadRequest(f"An attribute is nested over {_DEEPEST} values deep.")
    match value:
        case None | Value(string_value=str()):
            return value and value.string_value
        case Value(array_value=_Values(values=values)):
            return [_value(element, depth + 1) for element in values or ()]
        case Value(kvlist_value=_Pairs(values=pairs)):
            return attributes_of(pairs, depth + 1)
        case _:
            return _scalar(value)


def _scalar(value: Value) -> AttributeValue:
    match value:
        case Value(int_value=(int() | float() | str()) as number):
            return _integer(number, _INT64)
        case Value(double_value=(float() | str()) as number):
            return _double(number)
        case Value(bytes_value=str(text)):
            return _bytes(text)
        case _:
            return value.bool_value


def _integer(number: Number, allowed: range) -> int:
    """A 64-bit integer, which JSON may carry as a number or as text, both with an exponent or a fraction of zero."""
    try:
        value = number if isinstance(number, int) else _whole(number)
    except ValueError as error:
        raise BadRequest(f"{str(number)[:40]!r} is not an integer.") from error
    if value not in allowed:
        raise BadRequest(f"An integer is below {allowed.start} or over 64 bits: {str(number)[:40]}.")
    return value


def _whole(number: float | str) -> int:
    """Raises ValueError."""
    if isinstance(number, str):
        _check_digits(number)
        with suppress(ValueError):
            return int(number)
    value = float(number)
    if not value.is_integer():
        raise ValueError(number)
    return int(value)


def _check_digits(text: str) -> None:
    """Python reads more as a number than JSON does. Raises ValueError."""
    if "_" in text or not text.isascii() or text != text.strip():
        raise ValueError(text)


def _double(number: float | str) -> float:
    """A double, which JSON may carry as a number or as text (the only way for NaN and the infinities)."""
    try:
        if isinstance(number, str):
            _check_digits(number)
        return float(number)
    except ValueError as error:
        raise BadRequest(f"{str(number)[:40]!r} is not a number.") from error


def _bytes(text: str) -> bytes:
    """Base64 in either alphabet, with or without padding, as the proto3 JSON mapping accepts."""
    try:
        return b64decode(text.translate(_STANDARD_ALPHABET) + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest("A bytesValue is not base64.") from error
