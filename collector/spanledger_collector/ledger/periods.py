"""Closed periods: a month or a range of days (UTC) of which an account has been given. Its calls keep their price.

A reprice leaves them alone and books what changes as adjustments, dated when they are found. A span that comes late is
still counted, at the time it was made: nothing is lost, and `periods list` shows what came since the closing beside
what was said then.
"""

import re
from calendar import monthrange
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import duckdb

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.transactions import transaction

__all__ = ["Period", "close_period", "closed_periods", "period_named", "reopen_period"]

_MONTH: Final = re.compile(r"\d{4}-\d{2}")
_FORM: Final = "a month such as 2026-10, or days such as 2026-10-01..2026-10-15"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` (ns since the epoch) until `end`, which is excluded."""

    name: str
    start: int
    end: int


def period_named(name: str) -> Period:
    """The period of that name. Raises BadQuery for what is neither a month nor a range of days."""
    first, dots, last = name.partition("..")
    try:
        if _MONTH.fullmatch(name):
            start = date.fromisoformat(f"{name}-01")
            end = start + timedelta(days=monthrange(start.year, start.month)[1])
        else:
            start, end = date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"A period is {_FORM}, not {name!r}.") from error
    if end <= start or (dots and len(name) != len("2026-10-01..2026-10-15")):
        raise BadQuery(f"A period is {_FORM}, not {name!r}.")
    return Period(name, _ns(start), _ns(end))


def closed_periods(cursor: duckdb.DuckDBPyConnection) -> list[Period]:
    """The periods that are closed now."""
    return [Period(*row) for row in cursor.execute(query("periods.closed")).fetchall()]


def close_period(ledger: Ledger, period: Period, *, by: str, reason: str, now_ns: int) -> None:
    """Close a period that is over, and write down what the ledger says of it now. Raises BadQuery, duckdb.Error."""
    if period.end > now_ns:
        raise BadQuery(f"{period.name} is not over yet.")
    with closing(ledger.cursor()) as cursor, transaction(cursor):
        for other in closed_periods(cursor):
            if other.start < period.end and period.start < other.end:
                part = "" if other.name == period.name else f", as part of {other.name}"
                raise BadQuery(f"{period.name} is closed already{part}.")
        said = {"name": period.name, "start": period.start, "end": period.end, "by": by, "reason": reason}
        cursor.execute(query("periods.close"), {**said, "now": now_ns})


def reopen_period(ledger: Ledger, period: Period, *, by: str, reason: str, now_ns: int) -> None:
    """Let the prices of a closed period change again; that it was closed, and who reopened it, stays on record.

    Raises BadQuery when it is not closed, or when adjustments were booked for it: these would be counted twice.
    """
    with closing(ledger.cursor()) as cursor, transaction(cursor):
        if all(other.name != period.name for other in closed_periods(cursor)):
            raise BadQuery(f"{period.name} is not closed. `spanledger periods list` says what is.")
        ((booked,),) = _rows(cursor, "adjusted", {"name": period.name})
        if booked:
            raise BadQuery(
                f"{period.name} has {booked:,} adjustments in later accounts, which a new price would count twice."
            )
        cursor.execute(query("periods.reopen"), {"name": period.name, "by": by, "reason": reason, "now": now_ns})


def _rows(cursor: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
    return cursor.execute(query(f"periods.{name}"), parameters).fetchall()


def _ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9
