"""The rows of the journal's three tables, made from spans and what dialects read in them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from spanledger_collector.journal.identity import Fingerprints, Identity, identity
from spanledger_collector.journal.reading import encode_reading
from spanledger_collector.ledger.arrow import Int64, Target, Text, Time, UInt8, UInt64
from spanledger_collector.model import Attributes, Observation, ReceivedSpan

__all__ = [
    "CONFLICTS",
    "OBSERVATIONS",
    "SPANS",
    "ConflictRow",
    "Dialects",
    "ObservationRow",
    "SpanRow",
    "conflict_row",
    "observation_row",
    "span_rows",
]

_encode = msgspec.json.Encoder().encode


class Dialects(Protocol):
    """What the journal asks of `spanledger_collector.dialects`."""

    def recognise(self, span: ReceivedSpan, /) -> Observation | None:
        """What the span says about a model call, or None."""
        ...

    def peer_host(self, span: ReceivedSpan, /) -> str | None:
        """The host that the span's call went to."""
        ...

    def kept_attributes(self, span: ReceivedSpan, /) -> Attributes:
        """The attributes that are stored: all but message content."""
        ...


class SpanRow(NamedTuple):
    """A row of `store.spans`."""

    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    parent: UInt64 | None
    name: Text
    kind: UInt8
    service: Text
    scope: Text
    started_at: Time
    ended_at: Time
    status: UInt8
    peer_host: Text | None
    payload_hash: UInt64
    received_at: Time

    @property
    def identity(self) -> Identity:
        """The primary key."""
        return self.trace_hi, self.trace_lo, self.span


class ObservationRow(NamedTuple):
    """A row of `store.observations`."""

    seq: Int64
    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    dialect: Text
    rule: Text
    role: Text
    provider: Text
    operation: Text
    request_model: Text | None
    response_model: Text | None
    response_id: Text | None
    usage_status: Text
    reading: Text
    scope_name: Text
    scope_version: Text
    attributes: Text
    resource: Text
    payload_hash: UInt64
    received_at: Time


class ConflictRow(NamedTuple):
    """A row of `store.conflicts`."""

    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    payload_hash: UInt64
    first_hash: UInt64
    name: Text
    attributes: Text
    received_at: Time


SPANS = Target.of("store.spans", SpanRow)
OBSERVATIONS = Target.of("store.observations", ObservationRow)
CONFLICTS = Target.of("store.conflicts", ConflictRow)


def span_rows(
    spans: Sequence[ReceivedSpan], peer_hosts: Sequence[str | None], arrivals: Sequence[int]
) -> list[SpanRow]:
    """Rows of spans with the hosts that their calls went to and the times of their arrival (ns)."""
    fingerprint = Fingerprints().of
    return [
        SpanRow(
            *identity(span),
            None if span.parent_span_id is None else int.from_bytes(span.parent_span_id),
            span.name,
            span.kind,
            span.service,
            span.scope.name,
            span.started_ns,
            span.ended_ns,
            span.status,
            peer_host,
            fingerprint(span),
            received_ns,
        )
        for span, peer_host, received_ns in zip(spans, peer_hosts, arrivals, strict=True)
    ]


def observation_row(
    seq: int, row: SpanRow, span: ReceivedSpan, observation: Observation, attributes: Attributes
) -> ObservationRow:
    """The row of what was read in the span of `row`."""
    return ObservationRow(
        seq,
        *row.identity,
        observation.dialect,
        observation.rule,
        observation.role,
        observation.provider,
        observation.operation,
        observation.request_model,
        observation.response_model,
        observation.response_id,
        observation.usage_status,
        encode_reading(observation),
        span.scope.name,
        span.scope.version,
        _json_text(attributes),
        _json_text(span.resource),
        row.payload_hash,
        row.received_at,
    )


def conflict_row(row: SpanRow, first_hash: int, attributes: Attributes) -> ConflictRow:
    """The row of a span whose identity is already taken by another content."""
    return ConflictRow(*row.identity, row.payload_hash, first_hash, row.name, _json_text(attributes), row.received_at)


def _json_text(attributes: Attributes) -> str:
    """Attributes as JSON text; bytes become base64, and what JSON has no number for (NaN) null."""
    return _encode(attributes).decode()
