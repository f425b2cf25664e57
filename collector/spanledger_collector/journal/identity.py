"""Which span is which: its identity (trace id, span id) and a fingerprint of its content."""

from array import array
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from sys import byteorder

import msgspec

from spanledger_collector.model import AttributeValue, ReceivedSpan

__all__ = ["Fingerprints", "Identity", "identities", "unsigned"]

Identity = tuple[int, int, int]
"""High half of the trace id, low half, span id."""

Integers = Sequence[int]

_canonical = msgspec.msgpack.Encoder(order="sorted").encode  # attributes have no order: OTLP calls them a set of keys


def unsigned(joined: bytes) -> "array[int]":
    """The 64-bit integers, big-endian, that stand in the bytes one after the other."""
    integers = array("Q", joined)
    if byteorder == "little":
        integers.byteswap()
    return integers


def identities(spans: Sequence[ReceivedSpan]) -> tuple[Integers, Integers, Integers]:
    """The identities of spans as three columns; the ids have their proper lengths (decoding made sure)."""
    integers = unsigned(b"".join([span.trace_id + span.span_id for span in spans]))
    return integers[0::3], integers[1::3], integers[2::3]


class Fingerprints:
    """64-bit fingerprints of what spans say, the same over every transport and in every order of attributes.

    Two contents under one identity pass for the same with a chance of 2^-64. An object made for one request digests
    each of its resources once.
    """

    def __init__(self) -> None:
        self._resources: dict[int, tuple[Mapping[str, AttributeValue], bytes]] = {}

    def of(self, span: ReceivedSpan) -> int:
        """The fingerprint of a span."""
        return int.from_bytes(self.digest(span))

    def digest(self, span: ReceivedSpan) -> bytes:
        """The fingerprint of a span as eight bytes, big-endian."""
        content = (
            span.parent_span_id,
            span.name,
            span.kind,
            span.started_ns,
            span.ended_ns,
            span.status,
            span.scope.name,
            span.scope.version,
            span.attributes,
            self._resource(span.resource),
        )
        return blake2b(_canonical(content), digest_size=8).digest()

    def _resource(self, resource: Mapping[str, AttributeValue]) -> bytes:
        known = self._resources.get(id(resource))
        if known is None:
            # The mapping is kept with its digest, so that its id is not given to another one meanwhile.
            known = resource, blake2b(_canonical(resource), digest_size=16).digest()
            self._resources[id(resource)] = known
        return known[1]
