"""What a request of spans decodes to, and which spans cannot be taken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from spanledger_collector.model import ReceivedSpan
from spanledger_collector.received_spans import NO_SPANS, ReceivedSpans, Skeletons

__all__ = [
    "AT_ONCE",
    "ERROR",
    "EXCEPTION",
    "KINDS",
    "PARENTS",
    "REJECTIONS",
    "Decoded",
    "TooMuchAtOnce",
    "kind_of",
    "parent_of",
    "status_of",
]

EXCEPTION = "exception"
"""Name of the event that tells of an exception."""

AT_ONCE = 4096
"""Spans, or log records, with their scopes and resources: more of them are decoded in parts."""

ERROR = 2
"""The status code of an error, which some emitters leave to an event (see `dialects.events_tell_errors`)."""

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

    spans: ReceivedSpans = NO_SPANS
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    skipped: int = 0

    @classmethod
    def of(cls, parts: Iterable[ReceivedSpans], skipped: int = 0) -> Self:
        """The spans of these parts as they were sent; those that cannot be taken are counted."""
        decoded = cls(skipped=skipped)
        decoded.spans = ReceivedSpans.together([decoded._takeable(part) for part in parts])
        return decoded

    def _takeable(self, spans: ReceivedSpans) -> ReceivedSpans:
        if _all_takeable(spans.skeletons):
            return spans
        taken: list[ReceivedSpan] = []
        for span in spans:
            if (reason := _rejection(span)) is None:
                taken.append(span)
            else:
                self.rejected[reason] = self.rejected.get(reason, 0) + 1
        return ReceivedSpans.of(taken)

    def hand_over(self) -> ReceivedSpans:
        """The spans, which are not kept here any longer."""
        spans, self.spans = self.spans, NO_SPANS
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


def _all_takeable(skeletons: Skeletons) -> bool:
    """Whether there is no reason to reject any of these spans, by columns."""
    columns = (
        *(skeletons.trace_id, skeletons.span_id, skeletons.parent_span_id),
        *(skeletons.started_ns, skeletons.ended_ns),
    )
    for trace_id, span_id, parent, started_ns, ended_ns in zip(*columns, strict=True):
        if (
            len(trace_id) != 16
            or trace_id == _NO_TRACE
            or len(span_id) != 8
            or span_id == _NO_SPAN
            or (parent is not None and len(parent) != 8)
            or not 0 < started_ns <= ended_ns <= _LATEST_NS
        ):
            return False
    return True


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
