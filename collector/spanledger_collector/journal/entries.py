"""What is kept of the spans of one request, and the bytes in which the intake holds it until it is in the journal."""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from sys import byteorder
from typing import Any, Final, NamedTuple

import msgspec

from spanledger_collector.journal.rows import NOTHING_TOLD, SPANS, TOLD, Columns, Told, chained

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
_CODES: Final = SPANS.codes


def joined(entries: Sequence[Entry]) -> tuple[Columns, Told]:
    """The columns of several entries, with times of arrival that were added to them, one after the other; and what they
    tell, its places counted from the first span of all."""
    firsts = accumulate([entry.spans for entry in entries], initial=0)
    told = Told.joined([(first, entry.told) for first, entry in zip(firsts, entries)])  # noqa: B905 - one sum more
    return {name: chained([entry.columns[name] for entry in entries]) for name in SPANS.columns}, told


class _Telling(msgspec.Struct, gc=False):
    """What an entry tells, as it is written: places, and the columns of `TOLD`, none where there are no places."""

    places: list[int]
    columns: list[list[str | None]]


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
    places = entry.told.places
    columns = [*entry.told.columns.values()] if places else []
    return _encode((entry.received_ns, entry.columns, {"places": places, "columns": columns}))


def encode_entries(encoded: Sequence[bytes]) -> bytes:
    """The bytes of several entries, from those of each."""
    return _encode([msgspec.Raw(each) for each in encoded])


def decode_entries(content: bytes | memoryview) -> list[Entry]:
    """The entries that these bytes tell, but for the observations, which settling reads from the journal. Raises
    ValueError for bytes that tell none, or other columns than this version has."""
    try:
        return [_entry(document) for document in _decode(content)]
    except (OverflowError, TypeError) as error:  # integers that no column holds, or none at all
        raise ValueError(str(error)) from error


def _entry(document: _Document) -> Entry:
    missing = {*_COLUMNS} - document.columns.keys()
    if missing:
        raise ValueError(f"spans without {', '.join(sorted(missing))}")
    columns = {name: _column(name, document.columns[name]) for name in _COLUMNS}
    return Entry(document.received_ns, columns, _told(document.told))


def _column(name: str, written: bytes | list[Any]) -> Sequence[Any]:
    code = _CODES.get(name)
    if isinstance(written, list):
        return written if code is None else array(code, [value or 0 for value in written])
    if code is None or byteorder != "little":
        raise ValueError(f"the column {name} is written in another way")
    return array(code, written)


def _told(written: _Telling | list[tuple[int, tuple[str | None, ...]]]) -> Told:
    if isinstance(written, list):
        places, columns = [place for place, _ in written], zip(*[fields for _, fields in written], strict=True)
    else:
        places, columns = written.places, written.columns
    return Told(places, dict(zip(TOLD, columns, strict=True)), None) if places else NOTHING_TOLD
