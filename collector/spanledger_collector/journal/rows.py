"""The rows of the journal's three tables, made from spans and what dialects read in them."""

from array import array
from collections.abc import Mapping, Sequence
from itertools import chain, compress, islice
from typing import Any, Final, NamedTuple, Protocol, Self

import msgspec

from spanledger_collector.journal.identity import Identity, digest, fingerprints, identities, parent_ids
from spanledger_collector.journal.reading import StoredReading, encode_readings
from spanledger_collector.ledger.arrow import Id, Int64, Target, Text, Time, UInt8, UInt64
from spanledger_collector.model import Attributes, Observation, ReceivedSpan, service_of
from spanledger_collector.observation_columns import ObservationColumns, ReadInSpans, selected, taking
from spanledger_collector.received_spans import ReceivedSpans, Skeletons
from spanledger_collector.shared_objects import made_once

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
    "SpanRow",
    "Told",
    "chained",
    "conflict_row",
    "observation_columns",
    "row_at",
    "span_columns",
    "told_of",
]

_encode = msgspec.json.Encoder().encode
Columns = Mapping[str, Sequence[Any]]
"""Columns of `SPANS`, in its order: thousands of spans as few objects. Rows are made where one is looked at."""


class Dialects(Protocol):
    """What the journal asks of `spanledger_collector.dialects`."""

    def read_all(self, spans: ReceivedSpans, /) -> tuple[ReadInSpans, Sequence[str | None]]:
        """All of what follows, for the spans of a request: what those say that are about model calls; and the hosts of
        all."""
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


def span_columns(skeletons: Skeletons, peer_hosts: Sequence[str | None], told: "Told") -> Columns:
    """The columns of spans that arrived together, with the hosts that their calls went to, and what they `told`; all
    but the time of arrival, which is given when they are stored."""
    trace_hi, trace_lo, own = identities(skeletons.trace_id, skeletons.span_id)
    scopes, resources = skeletons.scope, skeletons.resource
    columns: dict[str, Sequence[Any]] = {
        "trace_hi": trace_hi,
        "trace_lo": trace_lo,
        "span": own,
        "parent": parent_ids(skeletons.parent_span_id),
        "name": skeletons.name,
        "kind": skeletons.kind,
        "service": made_once(service_of, resources),
        "scope": [scope.name for scope in scopes],
        "started_at": skeletons.started_ns,
        "ended_at": skeletons.ended_ns,
        "status": skeletons.status,
        "peer_host": peer_hosts,
    }
    said = [columns[name] for name in ("name", "kind", "started_at", "ended_at", "status", "scope")]
    versions, digests = [scope.version for scope in scopes], made_once(digest, resources)
    kept: list[str | None] = [None] * len(scopes)
    for place, attributes in zip(told.places, told.columns["attributes"], strict=True):
        kept[place] = attributes
    contents = zip(skeletons.parent_span_id, *said, versions, kept, peer_hosts, digests, strict=True)
    columns["payload_hash"] = fingerprints(contents)
    columns.update([(name, array(code, columns[name])) for name, code in _LISTED])
    return columns


def row_at(columns: Columns, place: int) -> SpanRow:
    """One row of columns."""
    return SpanRow(*[column[place] for column in columns.values()])


TOLD: Final = tuple(name for name in OBSERVATIONS.columns if name not in {"seq", *_OF_SPANS})
"""The columns that tell what was read in a span, from `dialect` to `resource`."""
_own_columns: Final = taking(TOLD[: TOLD.index("reading")])
"""Takes the first of them out of what was observed, which has them under the same names."""


class Told(NamedTuple):
    """What was read in spans that arrived together: the places of those spans, and the columns `TOLD`. What was
    observed, in parts one after the other, is None where it was read from the intake: the columns tell the same."""

    places: Sequence[int]
    columns: Columns
    observed: Sequence[ObservationColumns] | None

    @classmethod
    def joined(cls, lots: Sequence[tuple[int, Self]]) -> Self:
        """What was read in several lots of spans, with the place of the first span of each among all."""
        lots = [lot for lot in lots if lot[1].places]
        places = [first + place for first, told in lots for place in told.places]
        columns = {name: chained([told.columns[name] for _, told in lots]) for name in TOLD}
        observed = [told.observed for _, told in lots if told.observed is not None]
        return cls(places, columns, [*chain.from_iterable(observed)] if len(observed) == len(lots) else None)

    def only(self, chosen: Sequence[bool]) -> Self:
        """What was read in some of the spans: those at whose places is True."""
        kept = [chosen[place] for place in self.places]
        columns = {name: [*compress(column, kept)] for name, column in self.columns.items()}
        following = iter(kept)
        observed = self.observed and [selected(part, [*islice(following, len(part["rule"]))]) for part in self.observed]
        return self._replace(places=[*compress(self.places, kept)], columns=columns, observed=observed)


NOTHING_TOLD: Final = Told((), dict.fromkeys(TOLD, ()), ())


def told_of(skeletons: Skeletons, read: ReadInSpans) -> Told:
    """What was read in some of these spans. Raises ValueError for text that is no UTF-8."""
    if not read.places:
        return NOTHING_TOLD
    scopes = [skeletons.scope[place] for place in read.places]
    more = (
        encode_readings(read.observed),
        [scope.name for scope in scopes],
        [scope.version for scope in scopes],
        read.attributes,
        made_once(_in_json, [skeletons.resource[place] for place in read.places]),
    )
    return Told(read.places, dict(zip(TOLD, (*_own_columns(read.observed), *more), strict=True)), (read.observed,))


def _in_json(resource: Attributes) -> str:
    return _encode(resource).decode()


def chained(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """One after the other, by memory and not value by value; arrays as an array."""
    whole: array[Any] | list[Any] = []
    if parts and isinstance(parts[0], array):
        whole = array(parts[0].typecode)
    for part in parts:
        whole.extend(part)
    return whole


def observation_columns(first: int, spans: Columns, told: Told) -> Sequence[Sequence[object]]:
    """The columns of observations numbered from `first` on, whose places are those of their spans in `spans`."""
    of_spans = {name: [column[place] for place in told.places] for name in _OF_SPANS for column in [spans[name]]}
    columns = {"seq": range(first, first + len(told.places)), **of_spans, **told.columns}
    return [columns[name] for name in OBSERVATIONS.columns]


def conflict_row(row: SpanRow, first_hash: int, attributes: str) -> ConflictRow:
    """The row of a span whose identity is already taken by another content."""
    return ConflictRow(*row.identity, row.payload_hash, first_hash, row.name, attributes, row.received_at)
