"""What is kept of spans, taken out of them once, before they are acknowledged: from here on nobody needs the spans."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.rows import Dialects, Told, span_columns, told_of
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.observation_columns import ReadInSpans, columns_of
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.stats import Stats

__all__ = ["Extractor", "Submission"]

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Submission:
    """The spans of one request and when they arrived (ns)."""

    spans: ReceivedSpans
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
        spans = submission.spans
        try:
            read, peer_hosts = self._dialects.read_all(spans)
            told = told_of(spans.skeletons, read)
        except Exception as error:  # noqa: BLE001 - the reason in the class
            self._say(error)  # here too, lest reading each span by itself went unnoticed where that does not fail
            told, peer_hosts = Told.joined([*self._read_each(spans)]), [*self._peer_hosts(spans)]
        return Entry(submission.received_ns, span_columns(spans.skeletons, peer_hosts, told), told)

    def _read_each(self, spans: Iterable[ReceivedSpan]) -> Iterator[tuple[int, Told]]:
        for place, span in enumerate(spans):
            try:
                observation = self._dialects.recognise(span)
                if observation is not None:
                    read = ReadInSpans([0], columns_of([observation]), [self._dialects.kept_json(span)])
                    yield place, told_of(ReceivedSpans.of([span]).skeletons, read)
            except Exception as error:  # noqa: BLE001 - the reason in the class
                self._unreadable(error)

    def _peer_hosts(self, spans: Iterable[ReceivedSpan]) -> Iterator[str | None]:
        for span in spans:
            try:
                yield self._dialects.peer_host(span)
            except Exception as error:  # noqa: BLE001 - the reason in the class
                self._unreadable(error)
                yield None

    def _unreadable(self, error: Exception) -> None:
        self._stats.unreadable.inc()
        self._say(error)

    def _say(self, error: Exception) -> None:
        if type(error) not in self._logged:
            self._logged.add(type(error))
            _logger.error(
                "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error",
                exc_info=error,
            )
