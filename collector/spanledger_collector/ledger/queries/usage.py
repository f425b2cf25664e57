"""How much was used and what it cost: totals, groups, and the calls themselves."""

from typing import Any

from spanledger_collector.call_records import Conditions
from spanledger_collector.ledger.queries.dimensions import (
    BY,
    SELECTION_PARAMETERS,
    Grouping,
    Selection,
    grouping,
    selection,
)
from spanledger_collector.ledger.queries.fixes import fixes
from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading

__all__ = ["CALLS", "STATS", "UNPRICED", "USAGE"]

_UNPRICED = "price_status NOT IN ('priced', 'free')"
_LIMIT_AT_MOST = 100_000
_STATS_BY = ("model", "provider", "feature", "user", "day")


def _limit(default: int) -> Parameter:
    return Parameter("limit", "At most so many rows; the answer says when it is cut.", str(default), metavar="N")


def _total(reading: Reading, chosen: Selection) -> Document:
    """One row over all chosen calls, whatever limit the answer has."""
    return _groups(reading, chosen, grouping(None, chosen.period.zone), limit=1)[0]


def _groups(reading: Reading, chosen: Selection, grouped: Grouping, limit: int) -> list[Document]:
    parameters = {**chosen.parameters, **grouped.parameters, "limit": limit}
    rows = reading.rows(
        "usage", parameters, dimensions=grouped.columns, conditions=chosen.sql, order=grouped.order or "ALL"
    )
    for row in rows:
        keys = {name: row.pop(f"by_{number}") for number, name in enumerate(grouped.names)}
        measures = dict(row)
        row.clear()
        row.update(keys | measures)
    return rows


def _usage(reading: Reading) -> Document:
    chosen = selection(reading)
    limit = reading.whole_number("limit", at_least=1, at_most=_LIMIT_AT_MOST)
    grouped = grouping(reading.value("by"), chosen.period.zone)
    rows = _groups(reading, chosen, grouped, limit + 1) if grouped.names else []
    listed = _listed(reading, chosen, "rows", rows, limit)
    return {"by": list(grouped.names), **listed, "adjustments": _adjustments(reading, chosen)}


def _adjustments(reading: Reading, chosen: Selection) -> Document:
    """What was booked in the period for calls of closed ones. It is in no other sum: the calls are not in the
    period."""
    return reading.rows("adjustments", chosen.parameters, conditions=chosen.sql)[0]


def _listed(reading: Reading, chosen: Selection, name: str, rows: list[Document], limit: int) -> Document:
    """An answer that is a list, of which one row more than `limit` was read, with what every answer says."""
    return {
        **freshness(reading),
        "period": chosen.period.document(),
        "total": _total(reading, chosen),
        name: rows[:limit],
        "limit": limit,
        "cut": len(rows) > limit,
    }


def _stats(reading: Reading) -> Document:
    chosen = selection(reading)
    limit = reading.whole_number("limit", at_least=1, at_most=1000)
    by = {name: _groups(reading, chosen, grouping(name, chosen.period.zone), limit) for name in _STATS_BY}
    return {
        **freshness(reading),
        "period": chosen.period.document(),
        "total": _total(reading, chosen),
        "adjustments": _adjustments(reading, chosen),
        "by": by,
        "limit": limit,
    }


def _calls(reading: Reading) -> Document:
    chosen = selection(reading)
    limit = reading.whole_number("limit", at_least=1, at_most=_LIMIT_AT_MOST)
    rows = reading.rows("calls", {**chosen.parameters, "limit": limit + 1}, conditions=chosen.sql)
    return _listed(reading, chosen, "calls", rows, limit)


def _unpriced(reading: Reading) -> Document:
    chosen = selection(reading)
    limit = reading.whole_number("limit", at_least=1, at_most=_LIMIT_AT_MOST)
    without = chosen.also(_UNPRICED)
    groups = reading.rows("unpriced", {**without.parameters, "limit": limit + 1}, conditions=without.sql)
    meters: dict[tuple[object, ...], list[Document]] = {}
    for row in reading.rows("unpriced_meters", without.parameters, conditions=without.sql):
        meters.setdefault(_group(row), []).append({"meter": row["meter"], "quantity": row["quantity"]})
    rows = [{**row, "meters": meters.get(_group(row), [])} for row in groups]
    now_ns = int(reading.now.timestamp()) * 10**9
    for row in rows:
        row["fixes"] = fixes(row, _situations(row.pop("situations")), reading.book(), now_ns)
    return _listed(reading, chosen, "rows", rows, limit)


def _situations(said: list[dict[str, Any]]) -> list[Conditions]:
    """The conditions of calls, from the column of that name."""
    named: list[dict[str, str]] = [one["conditions"] or {} for one in said]
    return [Conditions(service_tier=one["tier"], **names) for one, names in zip(said, named, strict=True)]


def _group(row: Document) -> tuple[object, ...]:
    return row["provider"], row["model"], tuple(row["reasons"])


_BY = Parameter(
    "by",
    f"Group by these, with commas; empty for the total only. One or more of {', '.join(BY)}.",
    "model",
    (),
    "DIM,...",
)

USAGE = Question(
    "usage",
    "/v1/usage/query",
    "Tokens and cost, in groups and in total.",
    _usage,
    (_BY, *SELECTION_PARAMETERS, _limit(1000)),
)
STATS = Question(
    "stats",
    "/api/usage/stats",
    "Tokens and cost of a period, by model, provider, feature, user and day.",
    _stats,
    (*SELECTION_PARAMETERS, _limit(100)),
)
CALLS = Question("calls", "/v1/calls", "Calls, newest first.", _calls, (*SELECTION_PARAMETERS, _limit(50)))
UNPRICED = Question(
    "unpriced",
    "/v1/unpriced",
    "Calls without a price, by provider, model and reason.",
    _unpriced,
    (*SELECTION_PARAMETERS, _limit(1000)),
)
