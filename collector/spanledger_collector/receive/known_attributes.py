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


class KnownAttributes(dict[bytes, Pair]):
    """What attributes say, by their bytes. Holds 16 MB at most. A look-up raises DecodeError for bytes that are no
    `KeyValue`."""

    def __init__(self, most: int = 32_768) -> None:
        """Remembers so many."""
        super().__init__()
        self._most = most
        self._values: dict[str, int] = {}
        self._in_vain = 0

    def __missing__(self, sent: bytes) -> Pair:
        pair = _read(sent)
        values = self._values.get(pair[0], 0)
        self._in_vain += 1
        if len(self) >= self._most or self._in_vain >= _UNTIL_FORGOTTEN:
            self.clear()
            self._values.clear()
            self._in_vain = values = 0
        if values < _VALUES_PER_KEY and len(sent) <= _LONGEST:
            self._values[pair[0]] = values + 1
            self[sent] = pair
        return pair


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
