"""How much of the traffic to models is metered: requests seen as HTTP client spans, held against the calls."""

from fractions import Fraction
from typing import Final

from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.periods import PERIOD_PARAMETERS, resolve
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading

__all__ = ["COVERAGE", "covered"]

_COUNTS: Final = ("requests", "metered", "without_usage", "unseen", "failed")
_LIMIT_AT_MOST: Final = 100_000


def covered(total: Document) -> Fraction | None:
    """The part of the requests that a call with usage tells of; `None` where none was seen that did not fail."""
    answered = total["requests"] - total["failed"]
    return Fraction(total["metered"], answered) if answered else None


def _coverage(reading: Reading) -> Document:
    period = resolve(reading)
    limit = reading.whole_number("limit", at_least=1, at_most=_LIMIT_AT_MOST)
    conditions, parameters = period.conditions()
    rows = reading.rows("coverage", parameters, conditions=" AND ".join(conditions) or "true")
    total: Document = {name: sum(row[name] for row in rows) for name in _COUNTS}
    part = covered(total)
    return {
        **freshness(reading),
        "period": period.document(),
        "total": {**total, "covered_percent": None if part is None else _percent(part)},
        "rows": rows[:limit],
        "limit": limit,
        "cut": len(rows) > limit,
    }


def _percent(part: Fraction) -> str:
    """Two decimal places, never rounded up: 100 means all."""
    whole, rest = divmod(int(part * 10_000), 100)
    return f"{whole}.{rest:02}"


COVERAGE = Question(
    "coverage",
    "/v1/coverage",
    "Requests to models, by service, host and call site, and how many of them are metered.",
    _coverage,
    (
        *PERIOD_PARAMETERS,
        Parameter("limit", "At most so many rows; the answer says when it is cut.", "1000", metavar="N"),
    ),
)
