"""Attributes as they are on the wire, and what they say: most come again and again, and looking them up saves reading.

Of the others most are short texts and small numbers under short keys, whose bytes are read here; all else is left to
the library. Sources: Protocol Buffers documentation, "Encoding"; opentelemetry/proto/common/v1/common.proto.
"""

from collections.abc import Iterable
from sys import intern
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanledger_collector.model import AttributeValue

__all__ = ["KnownAttributes", "attributes_of"]

Pair = tuple[str, AttributeValue]

_ONE_BYTE: Final = 128
"""Lengths and numbers below this fill one byte; larger ones have this bit in every byte but the last."""
# A tag is the number of a field * 8 + its wire type, 2 for what has a length and 0 for numbers.
_KEY, _VALUE, _TEXT, _NUMBER = 1 * 8 + 2, 2 * 8 + 2, 1 * 8 + 2, 3 * 8
_TEXT_HEADS: Final = [bytes((_VALUE, max(0, size - 2), _TEXT, max(0, size - 4))) for size in range(_ONE_BYTE)]
_NUMBER_HEADS: Final = [bytes((_VALUE, max(0, size - 2), _NUMBER)) for size in range(_ONE_BYTE)]
"""What a value of so many bytes begins with."""

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
        pair = _short(sent) or _any(sent)
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


def _short(sent: bytes) -> Pair | None:
    """A text or a number below 2^14, all of it in less than 128 bytes and nothing else; `None` for anything else."""
    if not 5 < len(sent) < _ONE_BYTE or sent[0] != _KEY:
        return None
    start = sent[1] + 2
    size = max(0, len(sent) - start)
    try:
        if sent[start : start + 4] == _TEXT_HEADS[size]:
            return intern(str(sent[2:start], "utf-8")), str(sent[start + 4 :], "utf-8")
        if size < 6 and sent[start : start + 3] == _NUMBER_HEADS[size]:
            number = _small_number(sent[start + 3 :])
            return None if number is None else (intern(str(sent[2:start], "utf-8")), number)
    except UnicodeDecodeError as error:
        raise DecodeError(str(error)) from error
    return None


def _small_number(sent: bytes) -> int | None:
    if len(sent) == 1 and sent[0] < _ONE_BYTE:
        return sent[0]
    if len(sent) == 2 and sent[1] < _ONE_BYTE <= sent[0]:
        return sent[0] - _ONE_BYTE + sent[1] * _ONE_BYTE
    return None


def _any(sent: bytes) -> Pair:
    message = KeyValue.FromString(sent)
    return message.key, message.value.string_value or _value(message.value)


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """A list of keys and values as a mapping."""
    # Most values are text; reading the field first saves asking which one is set.
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(element) for element in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case field:
            return getattr(value, field)
