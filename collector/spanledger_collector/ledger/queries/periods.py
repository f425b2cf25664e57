"""Which calls a question is about, in time: a named period or two bounds, in a time zone, resolved to UTC."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries.question import Document, Parameter, Reading

__all__ = ["PERIOD_PARAMETERS", "Period", "resolve"]

PERIOD_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "period",
        "Calls that started today, this week (from Monday), this month, or ever.",
        choices=("today", "week", "month", "all"),
        metavar="PERIOD",
    ),
    Parameter("from", "Calls that started at or after this date or time.", metavar="WHEN"),
    Parameter("to", "Calls that started before this time, or up to the end of this date.", metavar="WHEN"),
    Parameter("tz", "Time zone of days and dates, such as Europe/Berlin.", default="UTC", metavar="ZONE"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive), UTC; None is unbounded."""

    start: datetime | None
    end: datetime | None
    zone: str

    def document(self) -> Document:
        """The period as every answer states it."""
        return {"from": _iso(self.start), "to": _iso(self.end), "tz": self.zone}

    def conditions(self) -> tuple[list[str], dict[str, object]]:
        """SQL conditions on `started_at`, and their parameters."""
        bounds = (("started_at >= make_timestamp_ns($start)", "start", self.start),)
        bounds += (("started_at < make_timestamp_ns($end)", "end", self.end),)
        given = [(sql, name, _nanoseconds(moment)) for sql, name, moment in bounds if moment is not None]
        return [sql for sql, _, _ in given], {name: value for _, name, value in given}


def resolve(reading: Reading) -> Period:
    """The period that a question names; everything when it names none. Raises BadQuery."""
    zone = _zone(reading.required("tz"))
    named, start, end = (reading.value(name) for name in ("period", "from", "to"))
    if named and (start or end):
        raise BadQuery("Give either period, or from and to.")
    if named:
        return _named(named, reading.now.astimezone(zone).date(), zone)
    period = Period(
        _moment("from", start, zone) if start else None, _moment("to", end, zone) if end else None, str(zone)
    )
    if period.start and period.end and period.start >= period.end:
        raise BadQuery(f"from ({_iso(period.start)}) must lie before to ({_iso(period.end)}).")
    return period


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, malformed, a directory of zones
        raise BadQuery(f"tz must be a time zone such as UTC or Europe/Berlin, not {name!r}.") from error


def _named(name: str, today: date, zone: ZoneInfo) -> Period:
    first, last = {
        "today": (today, today),
        "week": (monday := today - timedelta(days=today.weekday()), monday + timedelta(days=6)),
        "month": (today.replace(day=1), today.replace(day=monthrange(today.year, today.month)[1])),
        "all": (None, None),
    }[name]
    start = None if first is None else _midnight(first, zone)
    return Period(start, None if last is None else _midnight(last + timedelta(days=1), zone), str(zone))


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    """A date (its midnight; for `to` the one after it) or a time (local unless it has an offset)."""
    try:
        if len(text) <= len("2026-01-31"):
            day = date.fromisoformat(text)
            return _midnight(day + timedelta(days=1) if name == "to" else day, zone)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery(
            f"{name} must be a date or time such as 2026-01-31 or 2026-01-31T15:00, not {text!r}."
        ) from error


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
