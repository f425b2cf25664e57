"""Attributes as they are on the wire, and what they say: most come again, and looking them up saves reading them."""

from collections.abc import Iterable
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanledger_collector.model import AttributeValue

__all__ = ["KnownAttributes", "attributes_of"]

Pair = tuple[str, AttributeValue]

_LONGEST: Final = 192
"""Bytes. Prompts and answers do not come again."""
_VALUES_PER_KEY: Final = 1024
"""What has more of them (response ids, URLs) is read each time: remembering it would cost more."""
_UNTIL_FORGOTTEN: Final = 1 << 20
"""After so many look-ups in vain all is forgotten: users and sessions change in the course of a day."""


_KEY: Final = 1 << 3 | 2
_VALUE: Final = 2 << 3 | 2
"""How the fields of a `KeyValue` begin: number and wire type (protobuf.dev/programming-guides/encoding)."""
_STRING: Final = 1 << 3 | 2
_INT: Final = 3 << 3
"""The same of an `AnyValue`."""
_TWO_BYTES: Final = 128
"""Lengths and integers from here on take more than one byte."""


class KnownAttributes(dict[bytes, Pair]):
    """What attributes say, by their bytes. Holds 28 MB at most. A look-up raises DecodeError for bytes that are no
    `KeyValue`."""

    def __init__(self, most: int = 32_768) -> None:
        """Remembers so many."""
        super().__init__()
        self._most = most
        self._values: dict[str, int] = {}
        self._in_vain = 0
        self._full: set[str] = set()
        """Keys of which no further value is remembered."""
        self._keys: dict[bytes, str] = {}
        """Keys by how an attribute begins that has them."""

    def __missing__(self, sent: bytes) -> Pair:
        pair = self._read(sent)
        self._in_vain += 1
        if pair[0] not in self._full or self._in_vain >= _UNTIL_FORGOTTEN:
            self._remember(sent, pair)
        return pair

    def _remember(self, sent: bytes, pair: Pair) -> None:
        if len(self) >= self._most or self._in_vain >= _UNTIL_FORGOTTEN:
            self._forget()
        if len(sent) > _LONGEST:
            return
        key, _ = pair
        self[sent] = pair
        self._values[key] = values = self._values.get(key, 0) + 1
        if values >= _VALUES_PER_KEY:
            self._full.add(key)
        spelled = key.encode()
        start = bytes([_KEY, len(spelled)]) + spelled
        if sent.startswith(start):  # not so where a later key of the same message has replaced the first
            self._keys[start] = key

    def _forget(self) -> None:
        self.clear()
        for part in (self._values, self._full, self._keys):
            part.clear()
        self._in_vain = 0

    def _read(self, sent: bytes) -> Pair:
        """The key and the value: of what is nearly all there is, a known key with a short text or a count below 16,384,
        in half of the time that the library takes."""
        size = len(sent)
        if 5 < size < _TWO_BYTES and sent[0] == _KEY and (start := sent[1] + 2) < size - 3:
            key = self._keys.get(sent[:start])
            if key is not None and sent[start] == _VALUE and sent[start + 1] == size - start - 2:
                kind, first = sent[start + 2], sent[start + 3]
                if kind == _STRING and first == size - start - 4:
                    try:
                        return key, sent[start + 4 :].decode()
                    except UnicodeDecodeError:
                        return _read(sent)  # which says so
                if kind == _INT and size - start == 5 and first >= _TWO_BYTES > sent[-1]:
                    return key, first - _TWO_BYTES + (sent[-1] << 7)
        return _read(sent)


def _read(sent: bytes) -> Pair:
    message = KeyValue.FromString(sent)
    return message.key, _of_any(message.value)


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """A list of keys and values as a mapping."""
    return {pair.key: _of_any(pair.value) for pair in pairs}


def _of_any(value: AnyValue) -> AttributeValue:
    # Most values are texts and numbers; reading these fields first saves asking which one is set.
    return value.string_value or value.int_value or _of_field(value)


def _of_field(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_of_any(element) for element in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case field:
            return getattr(value, field)
