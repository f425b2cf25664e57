"""Which calls a command is about, from the same words that questions are asked with."""

import duckdb

from spanledger_collector.ledger.queries.dimensions import Selection, selection
from spanledger_collector.ledger.queries.question import Arguments, Reading, utc_now
from spanledger_collector.ledger.queries.usage import CALLS

__all__ = ["chosen_calls"]


def chosen_calls(cursor: duckdb.DuckDBPyConnection, arguments: Arguments) -> Selection:
    """The calls that the filters of `CALLS` choose. Raises BadQuery."""
    return selection(Reading(cursor, CALLS, arguments, utc_now()))
