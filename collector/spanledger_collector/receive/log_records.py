"""A log record about a model call as the record that spans are too, so that the journal keeps and settles both alike.

Coding agents tell their usage in log records: an event name, attributes and the moment at which the call was over.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from spanledger_collector import dialects
from spanledger_collector.model import Attributes, AttributeValue, ReceivedSpan, Scope

__all__ = ["LogRecord", "span_of"]

_KIND_UNSPECIFIED: Final = 0
_STATUS_UNSET: Final = 0
_DURATION: Final = "duration_ms"
_LONGEST_MS: Final = 24 * 3600 * 1000
_canonical = msgspec.msgpack.Encoder(order="sorted").encode  # attributes have no order


class LogRecord(NamedTuple):
    """What we read of an OTLP `LogRecord`; ids are empty, and times zero, where it has none."""

    trace_id: bytes
    span_id: bytes
    time_ns: int
    observed_ns: int
    event_name: str
    body: AttributeValue
    attributes: Attributes


def span_of(record: LogRecord, resource: Attributes, scope: Scope) -> ReceivedSpan | None:
    """A record as a span if it tells of a model call."""
    event = _event(record)
    if event is None or not dialects.tells_usage(event, record.attributes):
        return None
    return _received(record, event, resource, scope)


def _event(record: LogRecord) -> str | None:
    """The name of an event that a dialect reads. Emitters put it into an attribute, the body or a field of its own; the
    attribute may lack the prefix (Claude Code), and the field name a line of source code (Codex)."""
    for name in (record.attributes.get(dialects.EVENT_NAME), record.body, record.event_name):
        if isinstance(name, str) and name in dialects.EVENTS:
            return name
    return None


def _received(record: LogRecord, event: str, resource: Attributes, scope: Scope) -> ReceivedSpan:
    """The record with an identity of its own, below the span in which it was written.

    It is the same whenever the same record comes again: made of what was said and when, not of the resource, which
    collectors on the way add to. The moment is the end of the call; where the record says how long that took, its start
    follows.
    """
    in_span = len(record.trace_id) == 16 and any(record.trace_id)
    ended_ns = record.time_ns or record.observed_ns
    digest = _digest(record, event, scope, ended_ns)
    return ReceivedSpan(
        trace_id=record.trace_id if in_span else digest[8:],
        span_id=digest[:8],
        parent_span_id=record.span_id if in_span and len(record.span_id) == 8 and any(record.span_id) else None,
        name=event,
        kind=_KIND_UNSPECIFIED,
        started_ns=_started_ns(ended_ns, record.attributes.get(_DURATION)),
        ended_ns=ended_ns,
        status=_STATUS_UNSET,
        attributes={**record.attributes, dialects.EVENT_NAME: event},
        resource=resource,
        scope=scope,
    )


def _digest(record: LogRecord, event: str, scope: Scope, moment_ns: int) -> bytes:
    said = (record.trace_id, record.span_id, moment_ns, event, scope.name, record.attributes)
    return blake2b(_canonical(said), digest_size=24, person=b"log record").digest()


def _started_ns(ended_ns: int, duration: AttributeValue) -> int:
    """The start by the end, zero (which no record can be stored with) where there is no time at all."""
    return max(1, ended_ns - _duration_ns(duration)) if ended_ns else 0


def _duration_ns(value: AttributeValue) -> int:
    """A number of milliseconds, also as text, in ns; zero for what cannot be the time that a call took."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        milliseconds = float(value)
    except ValueError:
        return 0
    return round(milliseconds * 1e6) if 0 <= milliseconds <= _LONGEST_MS else 0
