"""What is kept of the spans of one request, and the bytes in which the intake holds it until it is in the journal."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from sys import byteorder
from typing import Any, Final, NamedTuple

import msgspec

from spanledger_collector.journal.rows import SPANS, TOLD, Columns, Told

__all__ = ["Entry", "decode_entries", "encode_entries", "encode_entry", "joined"]


class Entry(NamedTuple):
    """All that is stored of the spans of a request, which arrived at that time (ns); so their columns say nothing of
    it. The places of what they tell count from the first span of the request."""

    received_ns: int
    columns: Columns
    told: Told

    @property
    def spans(self) -> int:
        """How many spans that is."""
        return len(self.columns["span"])


_COLUMNS: Final = tuple(name for name in SPANS.columns if name != "received_at")
_PARENT: Final = "parent"


def joined(entries: Sequence[Entry], names: Iterable[str] = _COLUMNS) -> tuple[Columns, Told]:
    """The columns of these names of several entries, one after the other, and what they tell: its places count from the
    first span of all."""
    columns = {name: _chained([entry.columns[name] for entry in entries]) for name in names}
    told = {name: _chained([entry.told.columns[name] for entry in entries]) for name in TOLD}
    places: list[int] = []
    first = 0
    for entry in entries:
        places += [first + place for place in entry.told.places]
        first += entry.spans
    observed = [entry.told.observations for entry in entries]
    known = [each for each in observed if each is not None]
    observations = [*chain.from_iterable(known)] if len(known) == len(observed) else None
    return columns, Told(places, told, observations)


def _chained(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    arrays = [part for part in parts if isinstance(part, array)]
    if not arrays:
        return [*chain.from_iterable(parts)]
    return array(arrays[0].typecode, b"".join(arrays))  # as bytes: no integer becomes an object


class _Telling(msgspec.Struct, gc=False):
    """What an entry tells, as it is written."""

    places: list[int]
    columns: dict[str, list[str | None]]


class _Document(msgspec.Struct, array_like=True, gc=False):
    """An entry as it is written: columns by their names, so that one of another version is noticed; those of integers
    are bytes, little-endian. Earlier formats have lists of integers, None for no parent, and for each span that tells
    something its place and its values of `TOLD`."""

    received_ns: int
    columns: dict[str, bytes | list[Any]]
    told: _Telling | list[tuple[int, tuple[str | None, ...]]]


# An array is written as its bytes, many times faster than as a list, and as a list by a machine that is big-endian.
_encode = msgspec.msgpack.Encoder(enc_hook=memoryview if byteorder == "little" else list).encode
_decode = msgspec.msgpack.Decoder(list[_Document]).decode


def encode_entry(entry: Entry) -> bytes:
    """The bytes of one entry. Raises ValueError for what has none: text that is no UTF-8."""
    told = {"places": entry.told.places, "columns": entry.told.columns}
    return _encode((entry.received_ns, entry.columns, told))


def encode_entries(encoded: Sequence[bytes]) -> bytes:
    """The bytes of several entries, from those of each."""
    return _encode([msgspec.Raw(each) for each in encoded])


def decode_entries(content: bytes | memoryview) -> list[Entry]:
    """The entries that these bytes tell, but for the observations, which settling reads from the journal. Raises
    ValueError for bytes that tell none, or other columns than this version has."""
    return [_entry(document) for document in _decode(content)]


def _entry(document: _Document) -> Entry:
    _expect("spans", _COLUMNS, document.columns)
    columns = {name: _column(name, document.columns[name]) for name in _COLUMNS}
    return Entry(document.received_ns, SPANS.packed(columns), _told(document.told))


def _expect(what: str, names: Iterable[str], columns: Iterable[str]) -> None:
    missing = {*names}.difference(columns)
    if missing:
        raise ValueError(f"{what} without {', '.join(sorted(missing))}")


def _column(name: str, written: bytes | list[Any]) -> Sequence[Any]:
    if isinstance(written, bytes) and byteorder != "little":
        raise ValueError("integers as another kind of machine writes them")
    return [value or 0 for value in written] if name == _PARENT and isinstance(written, list) else written


def _told(written: _Telling | list[tuple[int, tuple[str | None, ...]]]) -> Told:
    if isinstance(written, list):
        fields = zip(*[fields for _, fields in written], strict=True) if written else [()] * len(TOLD)
        return Told([place for place, _ in written], dict(zip(TOLD, fields, strict=True)), None)
    _expect("observations", TOLD, written.columns)
    return Told(written.places, {name: written.columns[name] for name in TOLD}, None)
