"""Which span is which: its identity (trace id, span id) and a fingerprint of its content."""

from array import array
from collections.abc import Iterable, Sequence
from sys import byteorder

import msgspec
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from spanledger_collector.model import Attributes

__all__ = ["Identity", "digest", "fingerprints", "identities", "parent_ids"]

Identity = tuple[int, int, int]
"""High half of the trace id, low half, span id."""

Integers = Sequence[int]
_NO_PARENT = bytes(8)
"""No span has this id (https://opentelemetry.io/docs/specs/otel/trace/api/#spancontext)."""

_canonical = msgspec.msgpack.Encoder(order="sorted").encode  # attributes have no order: OTLP calls them a set of keys


def _unsigned(joined: bytes) -> "array[int]":
    """The 64-bit integers, big-endian, that stand in the bytes one after the other."""
    integers = array("Q", joined)
    if byteorder == "little":
        integers.byteswap()
    return integers


def identities(trace_ids: Sequence[bytes], span_ids: Sequence[bytes]) -> tuple[Integers, Integers, Integers]:
    """The identities of spans as three columns; the ids have their proper lengths (decoding made sure)."""
    halves = _unsigned(b"".join(trace_ids))
    return halves[0::2], halves[1::2], _unsigned(b"".join(span_ids))


def parent_ids(parents: Sequence[bytes | None]) -> Integers:
    """The ids of spans' parents, 0 for a root."""
    return _unsigned(b"".join([parent or _NO_PARENT for parent in parents]))


def fingerprints(contents: Iterable[tuple[object, ...]]) -> list[int]:
    """64-bit fingerprints of what the journal keeps of spans, the same over every transport and in every order of
    attributes. Why these and no others: docs/decisions/0011-taking-spans-in.md.

    Two contents under one identity pass for the same with a chance of 2^-64.
    """
    return [*map(xxh3_64_intdigest, map(_canonical, contents))]


def digest(resource: Attributes) -> bytes:
    """What stands for a resource in the content of its spans."""
    return xxh3_128_digest(_canonical(resource))
