"""The rows of the journal's three tables, made from spans and what dialects read in them."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final, NamedTuple, Protocol, Self

import msgspec

from spanledger_collector.journal.identity import Identity, digest, fingerprints, identities, parent_ids
from spanledger_collector.journal.reading import StoredReading, encode_reading, in_columns
from spanledger_collector.ledger.arrow import Id, Int64, Target, Text, Time, UInt8, UInt64
from spanledger_collector.model import Attributes, Observation, ReceivedSpan, Scope

__all__ = [
    "CONFLICTS",
    "NOTHING_TOLD",
    "OBSERVATIONS",
    "SPANS",
    "TOLD",
    "Columns",
    "ConflictRow",
    "Dialects",
    "ObservationRow",
    "ResourceTexts",
    "SpanRow",
    "Telling",
    "Told",
    "conflict_row",
    "observation_columns",
    "row_at",
    "span_columns",
    "telling",
    "together",
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
    parent: Id
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

_OF_SPANS: Final = ("trace_hi", "trace_lo", "span", "payload_hash", "received_at")
"""The columns that an observation has of its span."""
_LISTED: Final = [(name, SPANS.codes[name]) for name in ("kind", "started_at", "ended_at", "status", "payload_hash")]
"""Columns that come as lists and are kept as arrays: so the intake and Arrow take them by memory, and in between no
integer is an object."""


def span_columns(spans: Sequence[ReceivedSpan], peer_hosts: Sequence[str | None], told: "Told") -> Columns:
    """The columns of spans that arrived together, with the hosts that their calls went to, and what they `told`; all
    but the time of arrival, which is given when they are stored."""
    trace_hi, trace_lo, own = identities(spans)
    parents = [span.parent_span_id for span in spans]
    scopes = [span.scope for span in spans]
    of_resources = [*_of_resources(spans)]
    columns: dict[str, Sequence[Any]] = {
        "trace_hi": trace_hi,
        "trace_lo": trace_lo,
        "span": own,
        "parent": parent_ids(parents),
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
    kept: list[str | None] = [None] * len(spans)
    for place, attributes in zip(told.places, told.columns["attributes"], strict=True):
        kept[place] = attributes
    contents = zip(parents, *skeletons, versions, kept, peer_hosts, digests, strict=True)
    columns["payload_hash"] = fingerprints(contents)
    columns.update([(name, array(code, columns[name])) for name, code in _LISTED])
    return columns


def _of_resources(spans: Sequence[ReceivedSpan]) -> Iterator[tuple[str, bytes]]:
    """The service and the digest of each span's resource, worked out once for those that share it and follow each
    other."""
    last: Attributes | None = None
    said = "", b""
    for span in spans:
        if span.resource is not last:
            last, said = span.resource, (span.service, digest(span.resource))
        yield said


def row_at(columns: Columns, place: int) -> SpanRow:
    """One row of columns."""
    return SpanRow(*[column[place] for column in columns.values()])


TOLD: Final = tuple(name for name in OBSERVATIONS.columns if name not in {"seq", *_OF_SPANS})
"""The columns that tell what was read in a span, from `dialect` to `resource`."""

Telling = tuple[int, Observation, str, Scope, str, str]
"""What was read in the span at a place of its request: the observation, what of it is kept as JSON text, and the span's
scope, attributes and resource, the last two as JSON text too."""


def telling(place: int, span: ReceivedSpan, observation: Observation, attributes: str, resource: str) -> Telling:
    """What was read in a span, with its attributes and those of its resource as JSON text."""
    return place, observation, encode_reading(observation), span.scope, attributes, resource


class Told(NamedTuple):
    """What was read in spans that arrived together: the places of those spans, and the columns `TOLD`. The observations
    themselves are None where they were read from the intake: the columns tell the same."""

    places: Sequence[int]
    columns: Columns
    observations: Sequence[Observation] | None

    def only(self, chosen: Sequence[bool]) -> Self:
        """What was read in some of the spans: those at whose places is True."""
        kept = [chosen[place] for place in self.places]
        columns = {name: [*compress(column, kept)] for name, column in self.columns.items()}
        observations = None if self.observations is None else [*compress(self.observations, kept)]
        return self._replace(places=[*compress(self.places, kept)], columns=columns, observations=observations)


NOTHING_TOLD: Final = Told((), dict.fromkeys(TOLD, ()), ())


def together(tellings: Sequence[Telling]) -> Told:
    """What was read in spans of one request, as columns."""
    if not tellings:
        return NOTHING_TOLD
    places, observations, readings, scopes, attributes, resources = zip(*tellings, strict=True)
    own = zip(*map(in_columns, observations), strict=True)
    names, versions = [scope.name for scope in scopes], [scope.version for scope in scopes]
    columns = dict(zip(TOLD, (*own, readings, names, versions, attributes, resources), strict=True))
    return Told(places, columns, observations)


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


def observation_columns(first: int, spans: Columns, told: Told) -> Sequence[Sequence[object]]:
    """The columns of observations numbered from `first` on, whose places are those of their spans in `spans`."""
    of_spans = {name: [column[place] for place in told.places] for name in _OF_SPANS for column in [spans[name]]}
    columns = {"seq": range(first, first + len(told.places)), **of_spans, **told.columns}
    return [columns[name] for name in OBSERVATIONS.columns]


def conflict_row(row: SpanRow, first_hash: int, attributes: str) -> ConflictRow:
    """The row of a span whose identity is already taken by another content."""
    return ConflictRow(*row.identity, row.payload_hash, first_hash, row.name, attributes, row.received_at)
