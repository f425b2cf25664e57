"""Which span is which: its identity (trace id, span id) and a fingerprint of its content."""

from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct

import msgspec

from spanledger_collector.model import AttributeValue, ReceivedSpan

__all__ = ["Fingerprints", "Identity", "identity"]

Identity = tuple[int, int, int]
"""High half of the trace id, low half, span id."""

_unpack_ids = Struct(">QQQ").unpack
_canonical = msgspec.msgpack.Encoder(order="sorted").encode  # attributes have no order: OTLP calls them a set of keys


def identity(span: ReceivedSpan) -> Identity:
    """The identity of a span whose ids have their proper lengths (decoding made sure)."""
    return _unpack_ids(span.trace_id + span.span_id)


class Fingerprints:
    """64-bit fingerprints of what spans say, the same over every transport and in every order of attributes.

    Two contents under one identity pass for the same with a chance of 2^-64. An object made for one batch digests each
    of its resources once.
    """

    def __init__(self) -> None:
        self._resources: dict[int, tuple[Mapping[str, AttributeValue], bytes]] = {}

    def of(self, span: ReceivedSpan) -> int:
        """The fingerprint of a span."""
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
        return int.from_bytes(blake2b(_canonical(content), digest_size=8).digest())

    def _resource(self, resource: Mapping[str, AttributeValue]) -> bytes:
        known = self._resources.get(id(resource))
        if known is None:
            # The mapping is kept with its digest, so that its id is not given to another one meanwhile.
            known = resource, blake2b(_canonical(resource), digest_size=16).digest()
            self._resources[id(resource)] = known
        return known[1]
