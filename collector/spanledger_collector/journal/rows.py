"""The rows of the journal's three tables, made from spans and what dialects read in them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from spanledger_collector.journal.identity import Identity, digest, fingerprints, identities
from spanledger_collector.journal.reading import StoredReading, encode_reading, in_columns
from spanledger_collector.ledger.arrow import Int64, Target, Text, Time, UInt8, UInt64
from spanledger_collector.model import Attributes, Observation, ReceivedSpan

__all__ = [
    "CONFLICTS",
    "OBSERVATIONS",
    "SPANS",
    "Columns",
    "ConflictRow",
    "Dialects",
    "ObservationRow",
    "ResourceTexts",
    "SpanRow",
    "Told",
    "conflict_row",
    "joined",
    "observation_columns",
    "row_at",
    "span_columns",
    "told",
]

_encode = msgspec.json.Encoder().encode
Columns = Mapping[str, Sequence[Any]]
"""Columns of `SPANS`, in its order: thousands of spans as few objects. Rows are made where one is looked at."""


class Dialects(Protocol):
    """What the journal asks of `spanledger_collector.dialects`."""

    def read_all(
        self, spans: Sequence[ReceivedSpan], /
    ) -> tuple[Sequence[tuple[int, Observation, str]], Sequence[str | None]]:
        """All of what follows, for the spans of a request: places, observations and stored attributes of those that say
        something about a model call; and the hosts of all."""
        ...

    def recognise(self, span: ReceivedSpan, /) -> Observation | None:
        """What the span says about a model call, or None."""
        ...

    def peer_host(self, span: ReceivedSpan, /) -> str | None:
        """The host that the span's call went to."""
        ...

    def kept_json(self, span: ReceivedSpan, /) -> str:
        """The attributes that are stored, all but message content, as JSON."""
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

    @property
    def stored_reading(self) -> StoredReading:
        """The columns that make the observation."""
        return StoredReading._make(self[1 : 1 + len(StoredReading._fields)])


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


def span_columns(
    spans: Sequence[ReceivedSpan], peer_hosts: Sequence[str | None], observed: Sequence["Told"]
) -> Columns:
    """The columns of spans that arrived together, with the hosts that their calls went to, and what was `observed` in
    them; all but the time of arrival, which is given when they are stored."""
    trace_hi, trace_lo, own = identities(spans)
    kept: list[str | None] = [None] * len(spans)
    for each in observed:
        kept[each.place] = each.fields[_ATTRIBUTES]
    parents = [span.parent_span_id for span in spans]
    scopes = [span.scope for span in spans]
    of_resources = [*_of_resources(spans)]
    columns: dict[str, Sequence[Any]] = {
        "trace_hi": trace_hi,
        "trace_lo": trace_lo,
        "span": own,
        "parent": [None if parent is None else int.from_bytes(parent) for parent in parents],
        "name": [span.name for span in spans],
        "kind": [span.kind for span in spans],
        "service": [service for service, _ in of_resources],
        "scope": [scope.name for scope in scopes],
        "started_at": [span.started_ns for span in spans],
        "ended_at": [span.ended_ns for span in spans],
        "status": [span.status for span in spans],
        "peer_host": peer_hosts,
    }
    skeletons = [columns[name] for name in ("name", "kind", "started_at", "ended_at", "status", "scope")]
    versions, digests = [scope.version for scope in scopes], [digested for _, digested in of_resources]
    contents = zip(parents, *skeletons, versions, kept, peer_hosts, digests, strict=True)
    return {**columns, "payload_hash": fingerprints(contents)}


def _of_resources(spans: Sequence[ReceivedSpan]) -> Iterator[tuple[str, bytes]]:
    """The service and the digest of each span's resource, worked out once for those that share it and follow each
    other."""
    last: Attributes | None = None
    said = "", b""
    for span in spans:
        if span.resource is not last:
            last, said = span.resource, (span.service, digest(span.resource))
        yield said


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several requests, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: [*chain.from_iterable(part[name] for part in parts)] for name in SPANS.columns}


def row_at(columns: Columns, place: int) -> SpanRow:
    """One row of columns."""
    return SpanRow(*[column[place] for column in columns.values()])


class Told(NamedTuple):
    """What was read in the span at a place of its request, and the fields of its `ObservationRow` from `dialect` to
    `resource`. The observation itself is None where it was read from the intake: it is in the fields too."""

    place: int
    observation: Observation | None
    fields: tuple[str | None, ...]

    @property
    def dialect(self) -> str:
        """Which dialect read it."""
        return str(self.fields[0])

    @property
    def attributes(self) -> str:
        """The attributes that are stored, as JSON text."""
        return str(self.fields[_ATTRIBUTES])


_ATTRIBUTES: Final = -2
"""The place of the attributes among those fields."""


def told(place: int, span: ReceivedSpan, observation: Observation, attributes: str, resource: str) -> Told:
    """What was read in a span, with its attributes and those of its resource as JSON text."""
    fields = (
        *in_columns(observation),
        encode_reading(observation),
        span.scope.name,
        span.scope.version,
        attributes,
        resource,
    )
    return Told(place, observation, fields)


class ResourceTexts:
    """Resources as JSON text, each worked out once for all spans of a request that share it."""

    def __init__(self) -> None:
        self._resource: Attributes | None = None
        self._text = ""

    def of(self, span: ReceivedSpan) -> str:
        """The text of a span's resource."""
        if span.resource is not self._resource:
            self._resource, self._text = span.resource, _encode(span.resource).decode()
        return self._text


def observation_columns(first: int, spans: Columns, observed: Sequence[Told]) -> Sequence[Sequence[object]]:
    """The columns of observations numbered from `first` on, whose places are those of their spans in `spans`."""
    places = [each.place for each in observed]
    ids, ends = (
        [[spans[name][place] for place in places] for name in names]
        for names in (("trace_hi", "trace_lo", "span"), ("payload_hash", "received_at"))
    )
    fields = zip(*[each.fields for each in observed], strict=True)
    return [range(first, first + len(observed)), *ids, *fields, *ends]


def conflict_row(row: SpanRow, first_hash: int, attributes: str) -> ConflictRow:
    """The row of a span whose identity is already taken by another content."""
    return ConflictRow(*row.identity, row.payload_hash, first_hash, row.name, attributes, row.received_at)
