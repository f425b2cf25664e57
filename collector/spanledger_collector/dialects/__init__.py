"""Any emitter's span, read: `recognise` gives the observation in it, `None` for a span that is not about a model call.

The rules are rows of a table (`table`, `table_sdks`, `table_frameworks`); `choice` picks a row, `engine` reads by it.
"""

from spanledger_collector.dialects.at_once import read_all
from spanledger_collector.dialects.choice import EVENT_NAME, EVENTS, events_tell_errors, tells_usage
from spanledger_collector.dialects.content import kept_attributes, kept_json
from spanledger_collector.dialects.engine import recognise
from spanledger_collector.dialects.http_calls import HTTP_DIALECT
from spanledger_collector.dialects.peer import peer_host
from spanledger_collector.dialects.reader import Reader

__all__ = [
    "EVENTS",
    "EVENT_NAME",
    "HTTP_DIALECT",
    "Reader",
    "events_tell_errors",
    "kept_attributes",
    "kept_json",
    "peer_host",
    "read_all",
    "recognise",
    "tells_usage",
]
