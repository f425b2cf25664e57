"""Named, read-only queries over the ledger: one table of them, which the API and the CLI are made from.

Listing them loads no database; `answer` needs a cursor.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from spanledger_collector.ledger.queries.adhoc import SQL
from spanledger_collector.ledger.queries.closed import PERIODS
from spanledger_collector.ledger.queries.coverage import COVERAGE
from spanledger_collector.ledger.queries.estimate import ESTIMATE
from spanledger_collector.ledger.queries.explain import EXPLAIN
from spanledger_collector.ledger.queries.prices import PRICES
from spanledger_collector.ledger.queries.question import (
    Arguments,
    Document,
    Parameter,
    Question,
    Reading,
    check_arguments,
    utc_now,
)
from spanledger_collector.ledger.queries.status import STATUS, progress
from spanledger_collector.ledger.queries.trace import TRACE
from spanledger_collector.ledger.queries.usage import CALLS, STATS, UNPRICED, USAGE
from spanledger_collector.pricing import PriceBook, shipped_book

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "QUESTIONS",
    "QUESTION_BY_NAME",
    "STATUS",
    "Arguments",
    "Document",
    "Parameter",
    "Question",
    "answer",
    "gauges",
]

QUESTIONS: tuple[Question, ...] = (
    USAGE,
    STATS,
    CALLS,
    EXPLAIN,
    TRACE,
    UNPRICED,
    COVERAGE,
    ESTIMATE,
    PRICES,
    PERIODS,
    STATUS,
    SQL,
)
QUESTION_BY_NAME: dict[str, Question] = {question.name: question for question in QUESTIONS}

_SERIES_AT_MOST = 200


def answer(
    question: Question,
    cursor: "duckdb.DuckDBPyConnection",
    arguments: Arguments,
    clock: Callable[[], datetime] = utc_now,
    book: Callable[[], PriceBook] = shipped_book,
) -> Document:
    """The document that answers a question, all of it read from one state of the ledger; `book` has the prices.

    Raises the leaves of `errors.QueryError`, and `duckdb.InterruptException` when the cursor is interrupted.
    """
    check_arguments(question, arguments)
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        return question.answer(Reading(cursor, question, arguments, clock(), book))
    finally:
        cursor.execute("ROLLBACK")


def gauges(cursor: "duckdb.DuckDBPyConnection") -> tuple[Document, list[Document]]:
    """For `/metrics`: how far the ledger is; and calls, tokens and cost by provider, model and status."""
    reading = Reading(cursor, STATUS, {}, utc_now())
    return progress(reading), reading.rows("gauges", {"limit": _SERIES_AT_MOST})
