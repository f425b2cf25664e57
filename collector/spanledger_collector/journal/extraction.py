"""What is kept of spans, taken out of them once, before they are acknowledged: from here on nobody needs the spans."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.rows import Dialects, ResourceTexts, Told, span_columns, told
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.stats import Stats

__all__ = ["Extractor", "Submission"]

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class Submission(NamedTuple):
    """The spans of one request and when they arrived (ns)."""

    spans: Sequence[ReceivedSpan]
    received_ns: int


class Extractor:
    """Reads spans by dialects. A span is never lost because we misread it: that is counted, and said once for each kind
    of error."""

    def __init__(self, dialects: Dialects, stats: Stats) -> None:
        self._dialects = dialects
        self._stats = stats
        self._logged: set[type[Exception]] = set()

    def entry_of(self, submission: Submission) -> Entry:
        """What is kept of a request's spans: their skeletons, and what they tell of model calls."""
        spans, received_ns = submission
        found = self._told(spans)
        return Entry(received_ns, span_columns(spans, self._peer_hosts(spans), found), found)

    def _peer_hosts(self, spans: Sequence[ReceivedSpan]) -> Sequence[str | None]:
        peer_host = self._dialects.peer_host
        try:
            return [peer_host(span) for span in spans]
        except Exception:  # noqa: BLE001 - told below, span by span
            return [self._read_or_none(peer_host, span) for span in spans]

    def _told(self, spans: Sequence[ReceivedSpan]) -> list[Told]:
        recognise, kept_json = self._dialects.recognise, self._dialects.kept_json
        resources = ResourceTexts()
        found: list[Told] = []
        for place, span in enumerate(spans):
            try:
                observation = recognise(span)
                if observation is not None:
                    found.append(told(place, span, observation, kept_json(span), resources.of(span)))
            except Exception as error:  # noqa: BLE001 - the reason in the class
                self._unreadable(error)
        return found

    def _read_or_none(self, read: Callable[[ReceivedSpan], _T], span: ReceivedSpan) -> _T | None:
        try:
            return read(span)
        except Exception as error:  # noqa: BLE001 - the reason in the class
            self._unreadable(error)
            return None

    def _unreadable(self, error: Exception) -> None:
        self._stats.unreadable.inc()
        if type(error) not in self._logged:
            self._logged.add(type(error))
            _logger.error(
                "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error",
                exc_info=error,
            )
