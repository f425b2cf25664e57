"""What is kept of spans, taken out of them once, before they are acknowledged: from here on nobody needs the spans."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.rows import Dialects, ResourceTexts, span_columns, told
from spanledger_collector.model import Observation, ReceivedSpan
from spanledger_collector.stats import Stats

__all__ = ["Extractor", "Submission"]

_logger = logging.getLogger(__name__)


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
        try:
            read, peer_hosts = self._dialects.read_all(spans)
        except Exception:  # noqa: BLE001 - told below, span by span
            read, peer_hosts = [*self._read_each(spans)], [*self._peer_hosts(spans)]
        resources = ResourceTexts()
        found = [
            told(place, spans[place], observation, attributes, resources.of(spans[place]))
            for place, observation, attributes in read
        ]
        return Entry(received_ns, span_columns(spans, peer_hosts, found), found)

    def _read_each(self, spans: Sequence[ReceivedSpan]) -> Iterator[tuple[int, Observation, str]]:
        for place, span in enumerate(spans):
            try:
                observation = self._dialects.recognise(span)
                if observation is not None:
                    yield place, observation, self._dialects.kept_json(span)
            except Exception as error:  # noqa: BLE001 - the reason in the class
                self._unreadable(error)

    def _peer_hosts(self, spans: Sequence[ReceivedSpan]) -> Iterator[str | None]:
        for span in spans:
            try:
                yield self._dialects.peer_host(span)
            except Exception as error:  # noqa: BLE001 - the reason in the class
                self._unreadable(error)
                yield None

    def _unreadable(self, error: Exception) -> None:
        self._stats.unreadable.inc()
        if type(error) not in self._logged:
            self._logged.add(type(error))
            _logger.error(
                "A dialect failed to read a span; its skeleton is kept. Said once for this kind of error",
                exc_info=error,
            )
