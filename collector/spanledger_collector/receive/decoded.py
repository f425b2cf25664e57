"""What a request of spans decodes to, and which spans cannot be taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from spanledger_collector.model import ReceivedSpan

__all__ = [
    "AT_ONCE",
    "EXCEPTION",
    "KINDS",
    "PARENTS",
    "REJECTIONS",
    "Decoded",
    "TooMuchAtOnce",
    "failed",
    "kind_of",
    "parent_of",
    "status_of",
]

EXCEPTION = "exception"
"""Name of the event that tells of an exception."""

AT_ONCE = 4096
"""Spans, or log records, with their scopes and resources: more of them are decoded in parts."""

_ERROR = 2

_LATEST_NS = 2**63 - 2
"""The last nanosecond of a signed 64-bit time, 2262-04-11; one more means infinity to DuckDB."""

REJECTIONS: Mapping[str, str] = {
    "trace_id": "the trace id is not 16 bytes, or all zero",
    "span_id": "the span id is not 8 bytes, or all zero",
    "parent_span_id": "the parent span id is not 8 bytes",
    "no_start": "the start time is zero",
    "time_range": "a time is after 2262-04-11, beyond nanoseconds in 64 bits",
    "ends_before_start": "the end time is before the start time",
}
"""Why a span is rejected: the word under which it is counted, and the sentence that the client gets."""

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)

PARENTS: Mapping[bytes, None] = {b"": None, _NO_SPAN: None}
"""Parent span ids that stand for none: absent, or all zero as some emitters put it. Others are what they are."""
KINDS: Mapping[int, int] = {kind: kind for kind in range(6)}
"""The span kinds that we know."""


class TooMuchAtOnce(Exception):  # noqa: N818 - no error: the request is taken, by the longer way
    """A request is to be decoded in parts."""


@dataclass(slots=True)
class Decoded:
    """The spans of one request that can be stored, and how many were rejected for what (a key of `REJECTIONS`).

    Log records about model calls are stored as spans are; `skipped` counts those that are about something else.
    """

    spans: list[ReceivedSpan] = field(default_factory=list[ReceivedSpan])
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    skipped: int = 0

    def take(self, span: ReceivedSpan) -> None:
        """Take a span as it was sent, or count why not."""
        self.take_all([span])

    def take_all(self, spans: Sequence[ReceivedSpan]) -> None:
        """Take the spans as they were sent, and count why not those that cannot be taken."""
        reasons = [_rejection(span) for span in spans]
        if any(reasons):
            self.spans += [span for span, reason in zip(spans, reasons, strict=True) if reason is None]
            for reason in filter(None, reasons):
                self.rejected[reason] = self.rejected.get(reason, 0) + 1
        else:
            self.spans += spans

    def hand_over(self) -> list[ReceivedSpan]:
        """The spans, which are not kept here any longer."""
        spans, self.spans = self.spans, []
        return spans

    def explain_rejected(self, what: str) -> str:
        """One sentence for the partial success; empty when nothing was. `what` they are: spans, or log records."""
        parts = [f"{count} because {REJECTIONS[reason]}" for reason, count in sorted(self.rejected.items())]
        return f"{what} rejected: {'; '.join(parts)}" if parts else ""


def parent_of(sent: bytes) -> bytes | None:
    """The parent span id as sent, None for a root."""
    return PARENTS.get(sent, sent)


def kind_of(sent: int) -> int:
    """The span kind, unspecified (0) for a number that we do not know."""
    return KINDS.get(sent, 0)


def status_of(sent: int) -> int:
    """The status code, unset (0) for a number that we do not know."""
    return sent if 0 <= sent <= 2 else 0


def failed(span: ReceivedSpan) -> ReceivedSpan:
    """The span with the status of an error, which an emitter left to an event (see `dialects.events_tell_errors`)."""
    return replace(span, status=_ERROR)


def _rejection(span: ReceivedSpan) -> str | None:
    trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "trace_id"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "span_id"
    if parent is not None and len(parent) != 8:
        return "parent_span_id"
    if 0 < span.started_ns <= span.ended_ns <= _LATEST_NS:
        return None
    return _time_rejection(span.started_ns, span.ended_ns)


def _time_rejection(started_ns: int, ended_ns: int) -> str:
    if started_ns == 0:
        return "no_start"
    if started_ns > _LATEST_NS or ended_ns > _LATEST_NS:
        return "time_range"
    return "ends_before_start"
