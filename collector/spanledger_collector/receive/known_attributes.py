"""Attributes as they are on the wire, and what they say: most come again, and looking them up saves reading them."""

from collections.abc import Iterable
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanledger_collector.model import AttributeValue
from spanledger_collector.receive.decoded import TooMuchAtOnce
from spanledger_collector.receive.parts import fields_of

__all__ = ["KnownAttributes", "attributes_of"]

Pair = tuple[str, AttributeValue]
_LISTS: Final = (list, dict)

_LONGEST: Final = 192
"""Bytes. Prompts and answers do not come again."""
_VALUES_PER_KEY: Final = 1024
"""What has more of them (response ids, URLs) is read each time: remembering it would cost more."""
_LARGEST_LIST: Final = 256 * 1024
"""Bytes. In a larger list or map, which takes fifty times its size, nothing is looked for: it is read as None."""
_EACH_MET: Final = 16
"""Bytes of lists that take as long as reading any other attribute which is not known."""
_PEEKED: Final = 4096
"""Bytes from which on it is worth a look whether an attribute is a list before it is read."""
_LIST_FIELDS: Final = (5, 6)
"""`array_value` and `kvlist_value` of an `AnyValue`."""
_VALUE_FIELD: Final = 2
_SPANS_UNTIL_FORGOTTEN: Final = 1 << 20
"""After so many all is forgotten: users and sessions change in the course of a day."""


_START: Final = 6
"""Bytes before a short text besides those of the key: in front of the key its field and length, after it those of the
`AnyValue` and of the text in that (protobuf.dev/programming-guides/encoding). The last byte of them before an integer
of two bytes is its first."""
_MORE: Final = 128
"""Added to a byte of an integer that is not its last; lengths from here on take two bytes."""


class KnownAttributes(dict[bytes, Pair]):
    """What attributes say, by their bytes. Holds 30 MB at most. A look-up raises DecodeError for bytes that are no
    `KeyValue`, TooMuchAtOnce for more of what is not known than is read at once."""

    # Instead of a mapping of its own, through which `__missing__` takes longer.
    __slots__ = ("_bytes_met", "_most", "_most_met", "_spans", "_starts", "_values", "_values_per_key")

    def __init__(
        self, most: int = 32_768, values_per_key: int = _VALUES_PER_KEY, most_met: int = _LARGEST_LIST
    ) -> None:
        """Remembers so many, and of each key so many. `most_met` is how many bytes of lists and maps that are not
        known are read of one request; any other attribute counts as a few of them."""
        super().__init__()
        self._most_met = most_met
        self._bytes_met = 0
        self._most = most
        self._values_per_key = values_per_key
        self._values: dict[str, int] = {}
        self._starts: dict[bytes, tuple[str, int, int, int | None]] = {}
        """How attributes begin whose values are not remembered: the key, the sizes of the whole and of its beginning,
        and the lowest seven bits of an integer, or None for a text."""
        self._spans = 0

    def begin(self) -> None:
        """Of a request."""
        self._bytes_met = 0

    def age(self, spans: int) -> None:
        """So many spans were read."""
        self._spans += spans
        if self._spans >= _SPANS_UNTIL_FORGOTTEN:
            self._forget()

    def __missing__(self, sent: bytes) -> Pair:
        # Nearly all that comes here has a key of many values and a length that came before. Reading that by hand takes
        # a third of the time that the library does.
        try:
            start = self._starts.get(sent[: sent[1] + _START])
        except IndexError:
            start = None
        if start is not None:
            key, size, begun, low = start
            if len(sent) == size:
                if low is None:
                    try:
                        return key, sent[begun:].decode()
                    except UnicodeDecodeError:
                        return _read(sent)  # which says so
                if (high := sent[-1]) < _MORE:
                    return key, low + (high << 7)
        return self._met(sent)

    def _met(self, sent: bytes) -> Pair:
        """Read by the library, and remember it or how it begins."""
        if len(sent) > _PEEKED and _is_list(sent):
            self._count(len(sent))
            return (_key_of(sent), None) if len(sent) > _LARGEST_LIST else _read(sent)
        key, value = pair = _read(sent)
        self._count(len(sent) if type(value) in _LISTS else _EACH_MET)
        if len(sent) > _LONGEST:
            return pair
        values = self._values.get(key, 0)
        if values >= self._values_per_key and sent and len(sent) > sent[1] + _START:  # what says less has few values
            self._learn_start(sent, key, value)
            return pair
        if len(self) >= self._most:
            self._forget()
        self[sent] = pair
        self._values[key] = values + 1
        return pair

    def _count(self, size: int) -> None:
        self._bytes_met += size
        if self._bytes_met > self._most_met:
            raise TooMuchAtOnce

    def _learn_start(self, sent: bytes, key: str, value: AttributeValue) -> None:
        """Where it is short, and as encoders write it: what begins the same and is as long then has the same parts."""
        low = None
        if isinstance(value, str):
            said = AnyValue(string_value=value)
        elif type(value) is int and _MORE <= value < _MORE * _MORE:
            said, low = AnyValue(int_value=value), value % _MORE
        else:
            return
        if len(sent) < _MORE and sent == KeyValue(key=key, value=said).SerializeToString():
            start = sent[: sent[1] + _START]
            self._starts[start] = key, len(sent), len(start), low

    def _forget(self) -> None:
        self.clear()
        self._values.clear()
        self._starts.clear()
        self._spans = 0


def _is_list(sent: bytes) -> bool:
    """Whether an attribute is a list or a map; what is no protobuf is not."""
    try:
        return any(
            field[0] in _LIST_FIELDS
            for number, _, start, end in fields_of(sent)
            if number == _VALUE_FIELD
            for field in fields_of(sent[start:end])
        )
    except (IndexError, ValueError):
        return False


def _key_of(sent: bytes) -> str:
    """Raises DecodeError."""
    keys = [sent[start:end] for number, start, _, end in fields_of(sent) if number != _VALUE_FIELD]
    return KeyValue.FromString(b"".join(keys)).key


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
