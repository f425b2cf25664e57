"""What is kept of the spans of one request, and the bytes in which the intake holds it until it is in the journal."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from spanledger_collector.journal.rows import SPANS, Columns, Told

__all__ = ["Entry", "decode_entries", "encode_entries", "encode_entry"]


class Entry(NamedTuple):
    """All that is stored of the spans of a request, which arrived at that time (ns); so their columns say nothing of
    it. The places of what they tell count from the first span of the request."""

    received_ns: int
    columns: Columns
    told: Sequence[Told]

    @property
    def spans(self) -> int:
        """How many spans that is."""
        return len(self.columns["span"])


_COLUMNS: Final = tuple(name for name in SPANS.columns if name != "received_at")


class _Document(msgspec.Struct, array_like=True, gc=False):
    """An entry as it is written: columns by their names, so that one of another version is noticed."""

    received_ns: int
    columns: dict[str, list[Any]]
    told: list[tuple[int, tuple[str | None, ...]]]


_encode = msgspec.msgpack.Encoder(enc_hook=list).encode  # a column may be another sequence than a list
_decode = msgspec.msgpack.Decoder(list[_Document]).decode


def encode_entry(entry: Entry) -> bytes:
    """The bytes of one entry. Raises ValueError for what has none: text that is no UTF-8, integers of over 64 bits."""
    told = [(each.place, each.fields) for each in entry.told]
    try:
        return _encode((entry.received_ns, entry.columns, told))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def encode_entries(encoded: Sequence[bytes]) -> bytes:
    """The bytes of several entries, from those of each."""
    return _encode([msgspec.Raw(each) for each in encoded])


def decode_entries(content: bytes | memoryview) -> list[Entry]:
    """The entries that these bytes tell, but for the observations, which settling reads from the journal. Raises
    ValueError for bytes that tell none, or other columns than this version has."""
    return [_entry(document) for document in _decode(content)]


def _entry(document: _Document) -> Entry:
    missing = {*_COLUMNS} - document.columns.keys()
    if missing:
        raise ValueError(f"spans without {', '.join(sorted(missing))}")
    columns = {name: document.columns[name] for name in _COLUMNS}
    return Entry(document.received_ns, columns, [Told(place, None, fields) for place, fields in document.told])
