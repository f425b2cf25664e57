"""The dialects together with one installation's words for who spends: what the journal and a rebuild read spans by."""

from collections.abc import Sequence
from dataclasses import dataclass

from spanledger_collector.dialects.at_once import read_all
from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.content import kept_attributes, kept_json
from spanledger_collector.dialects.engine import recognise
from spanledger_collector.dialects.http_calls import http_call
from spanledger_collector.dialects.peer import peer_host
from spanledger_collector.model import Observation, ReceivedSpan
from spanledger_collector.observation_columns import ReadInSpans
from spanledger_collector.received_spans import ReceivedSpans

__all__ = ["Reader"]


@dataclass(slots=True)
class Reader:
    """Reads spans and log records. The map may be replaced at any time, by any thread; what follows is read by it."""

    attribution: AttributionMap = NO_MAP
    model_hosts: tuple[str, ...] = ()
    """Hosts of this installation at which models answer, beside those of the known providers."""

    def recognise(self, span: ReceivedSpan) -> Observation | None:
        """What a span says about a model call, or that it is a request to a model; `None` for any other span."""
        return recognise(span, self.attribution) or http_call(span, self.model_hosts)

    def read_all(self, spans: ReceivedSpans) -> tuple[ReadInSpans, Sequence[str | None]]:
        """The same of all spans of a request, with what is kept of their attributes and their hosts."""
        return read_all(spans, self.attribution, self.model_hosts)

    # As they are: none of them depends on the installation, and each is called for every span.
    peer_host = staticmethod(peer_host)
    kept_attributes = staticmethod(kept_attributes)
    kept_json = staticmethod(kept_json)
