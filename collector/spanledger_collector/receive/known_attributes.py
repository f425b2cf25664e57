"""Attributes as they are on the wire, and what they say: most come again, and looking them up saves reading them."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanledger_collector.model import AttributeValue
from spanledger_collector.receive.decoded import TooMuchAtOnce
from spanledger_collector.receive.parts import fields_of
from spanledger_collector.received_spans import Column

__all__ = ["KnownAttributes", "attributes_of"]

Pair = tuple[str, AttributeValue]
KnownColumn = tuple[str, Column, bool]
"""A key, its values in many spans, and whether they are all the same one."""
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


_HEAD: Final = 5
"""Bytes before a short value besides those of the key: in front of the key its field and length, after it those of the
`AnyValue`, and the field of the value in that (protobuf.dev/programming-guides/encoding)."""
_MORE: Final = 128
"""Added to a byte of an integer that is not its last; lengths from here on take two bytes."""
_MOST_UNLIKE: Final = 1024
_MOST_KEYS: Final = 1024
_NUMBERS: Final = 1 << 15
"""So many integers of one to three bytes are remembered, by their bytes."""


class _Head(NamedTuple):
    """What an attribute that begins so has: its key, the sizes of the whole and of its beginning, with the length of a
    text, and whether it is a text; else it is an integer."""

    key: str
    size: int
    begun: int
    is_text: bool


class KnownAttributes(dict[bytes, Pair]):
    """What attributes say, by their bytes. Holds 30 MB at most. A look-up raises DecodeError for bytes that are no
    `KeyValue`, TooMuchAtOnce for more of what is not known than is read at once."""

    # Instead of a mapping of its own, through which `__missing__` takes longer.
    __slots__ = (
        "_bytes_met",
        "_heads",
        "_most",
        "_most_met",
        "_of_keys",
        "_spans",
        "_values",
        "_values_per_key",
        "unlike",
    )

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
        self._heads: dict[bytes, _Head] = {}
        """How attributes begin whose values are not remembered."""
        self._of_keys: dict[str, _OfKey] = {}
        self.unlike: set[tuple[str, int, int]] = set()
        """Emitters, kinds and numbers of attributes of spans that were not alike (`note_unlike`)."""
        self._spans = 0

    def begin(self) -> None:
        """Of a request."""
        self._bytes_met = 0

    def age(self, spans: int) -> None:
        """So many spans were read."""
        self._spans += spans
        if self._spans >= _SPANS_UNTIL_FORGOTTEN:
            self._forget()

    def note_unlike(self, spans: tuple[str, int, int]) -> None:
        """Spans of that emitter and kind which have as many attributes are not all alike."""
        if len(self.unlike) < _MOST_UNLIKE:
            self.unlike.add(spans)

    def column(self, sent: Sequence[bytes]) -> KnownColumn | None:
        """What stands at one place among the attributes of many spans; None where not all have the same key."""
        first = sent[0]
        key, value = self[first]
        if sent.count(first) == len(sent):  # as in most columns: comparing takes a quarter of looking up
            return key, [value] * len(sent), True
        if self._values.get(key, 0) >= self._values_per_key and (values := self._by_hand(key, sent)) is not None:
            return key, values, False
        of_key = self._of_keys.get(key)
        if of_key is None:
            if len(self._of_keys) >= _MOST_KEYS:
                self._of_keys.clear()
            of_key = self._of_keys[key] = _OfKey(key, self)
        try:
            return key, [*map(of_key.__getitem__, sent)], False
        except _OtherKeyError:
            return None

    def _by_hand(self, key: str, sent: Sequence[bytes]) -> Column | None:
        """The values of a column of that key where all can be read as `__missing__` does, in half of the time."""
        end = sent[0][1] + _HEAD if len(sent[0]) > 1 else 0
        first = self._heads.get(sent[0][:end])
        if first is None:
            return None
        begun, is_text = first.begun, first.is_text
        for begin, size in {(each[:begun], len(each)) for each in sent}:
            head = self._heads.get(begin[:end])
            if head is None or (head.key, head.size, head.is_text) != (key, size, is_text):
                return None
            if is_text and begin[-1] != size - begun:
                return None
        try:
            return [each[begun:].decode() for each in sent] if is_text else [_numbers[each[begun:]] for each in sent]
        except ValueError:
            return None  # who reads each says so

    def __missing__(self, sent: bytes) -> Pair:
        # Nearly all that comes here has a key of many values and a length that came before. Reading that by hand takes
        # a third of the time that the library does.
        try:
            head = self._heads.get(sent[: sent[1] + _HEAD])
        except IndexError:
            head = None
        if head is not None:
            key, size, begun, is_text = head
            if len(sent) == size:
                try:
                    if not is_text:
                        return key, _numbers[sent[begun:]]
                    if sent[begun - 1] == size - begun:
                        return key, sent[begun:].decode()
                except ValueError:
                    return _read(sent)  # which says so
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
        if values >= self._values_per_key and sent and len(sent) > sent[1] + _HEAD:  # what says less has few values
            self._learn_head(sent, key, value)
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

    def _learn_head(self, sent: bytes, key: str, value: AttributeValue) -> None:
        """Where it is short, and as encoders write it: what begins the same and is as long then has the same parts."""
        if isinstance(value, str):
            said = AnyValue(string_value=value)
        elif type(value) is int and 0 <= value < _MORE**3:
            said = AnyValue(int_value=value)
        else:
            return
        if len(sent) < _MORE and sent == KeyValue(key=key, value=said).SerializeToString():
            is_text, end = isinstance(value, str), sent[1] + _HEAD
            self._heads[sent[:end]] = _Head(key, len(sent), end + is_text, is_text)

    def _forget(self) -> None:
        self.clear()
        self._values.clear()
        self._heads.clear()
        self._of_keys.clear()
        self.unlike.clear()
        self._spans = 0


class _OtherKeyError(Exception):
    """An attribute of another key is among those of one."""


class _OfKey(dict[bytes, AttributeValue]):
    """The values of attributes of one key: a look-up touches half of the memory that it does among all. Raises
    _OtherKeyError."""

    __slots__ = ("_all", "_key")

    def __init__(self, key: str, known: KnownAttributes) -> None:
        super().__init__()
        self._key = key
        self._all = known

    def __missing__(self, sent: bytes) -> AttributeValue:
        key, value = self._all[sent]
        if key != self._key:
            raise _OtherKeyError
        if sent in self._all:  # so as few are remembered here
            self[sent] = value
        return value


class _Numbers(dict[bytes, int]):
    """Integers below 2^21 by the bytes in which they are written. Raises ValueError for what is none of them."""

    def __missing__(self, sent: bytes) -> int:
        *more, last = sent
        if last >= _MORE or len(more) > 2 or not all(byte >= _MORE for byte in more):
            raise ValueError(sent)
        value = sum((byte & 127) << 7 * place for place, byte in enumerate(sent))
        if len(self) >= _NUMBERS:
            self.clear()
        self[sent] = value
        return value


_numbers: Final = _Numbers()


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
