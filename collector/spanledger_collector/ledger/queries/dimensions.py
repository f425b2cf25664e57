"""By what usage is grouped and calls are chosen: the allow-list of names, each with its SQL over `calls`."""

from dataclasses import dataclass

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries.periods import PERIOD_PARAMETERS, Period, resolve
from spanledger_collector.ledger.queries.question import Parameter, Reading

__all__ = ["BY", "SELECTION_PARAMETERS", "Grouping", "Selection", "grouping", "selection"]

# Local time is what ICU makes of the stored UTC; an hour carries its offset, so that autumn's doubled hour stays two.
_UTC = "timezone('UTC', CAST(started_at AS TIMESTAMP))"
_LOCAL = f"timezone($tz, {_UTC})"
_OFFSET = f"date_diff('minute', CAST(started_at AS TIMESTAMP), {_LOCAL})"
_OFFSET_TEXT = f"if({_OFFSET} < 0, '-', '+') || printf('%02d:%02d', abs({_OFFSET}) // 60, abs({_OFFSET}) % 60)"

_TIMES: dict[str, str] = {
    "day": f"CAST(CAST({_LOCAL} AS DATE) AS VARCHAR)",
    "hour": f"strftime({_LOCAL}, '%Y-%m-%dT%H:00') || {_OFFSET_TEXT}",
}

_FIELDS: dict[str, str] = {
    "model": "coalesce(response_model, request_model)",
    "provider": "provider",
    "service": "service",
    "operation": "operation",
    "user": "user_id",
    "org": "org_id",
    "session": "session_id",
    "workflow": "workflow",
    "feature": "feature",
    "price_status": "price_status",
    "usage_status": "usage_status",
    "dialect": "dialect",
}

_FREE = "dim:"
_FREE_SQL = "map_extract_value(dimensions, ${})"

BY: tuple[str, ...] = (*_FIELDS, *_TIMES, f"{_FREE}NAME")
"""What usage can be grouped by, as shown to people."""

SELECTION_PARAMETERS: tuple[Parameter, ...] = (
    *PERIOD_PARAMETERS,
    *(
        Parameter(name, f"Only calls of this {name.replace('_', ' ')}; an empty value stands for unknown.", many=True)
        for name in _FIELDS
    ),
    Parameter("dim", "Only calls with this free dimension.", metavar="NAME=VALUE", many=True),
)
"""Period and filters. Several values of one filter mean any of them; several filters mean all."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls: a period, SQL conditions and their parameters."""

    period: Period
    conditions: tuple[str, ...]
    parameters: dict[str, object]

    @property
    def sql(self) -> str:
        """The conditions as one, true for every call when there is none."""
        return " AND ".join(self.conditions) or "true"

    def also(self, condition: str, **parameters: object) -> "Selection":
        """The same with one more condition."""
        return Selection(self.period, (*self.conditions, condition), {**self.parameters, **parameters})


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what: the names as asked, the SQL of their columns and their parameters."""

    names: tuple[str, ...]
    columns: str
    order: str
    parameters: dict[str, object]


def selection(reading: Reading) -> Selection:
    """The calls that a question is about. Raises BadQuery."""
    period = resolve(reading)
    conditions, parameters = period.conditions()
    for name, sql in _FIELDS.items():
        if values := reading.values(name):
            conditions.append(f"list_contains($only_{name}, coalesce({sql}, ''))")
            parameters[f"only_{name}"] = list(values)
    for number, pair in enumerate(reading.values("dim")):
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise BadQuery(f"dim must be NAME=VALUE, not {pair!r}.")
        conditions.append(f"coalesce({_FREE_SQL.format(f'free_{number}')}, '') = $free_value_{number}")
        parameters |= {f"free_{number}": name, f"free_value_{number}": value}
    return Selection(period, tuple(conditions), parameters)


def grouping(by: str | None, zone: str) -> Grouping:
    """Read a list of dimensions with commas. Raises BadQuery for a name that is not in the list."""
    names = tuple(name.strip() for name in (by or "").split(",") if name.strip())
    if len(set(names)) < len(names):
        raise BadQuery("by names a dimension twice.")
    parameters: dict[str, object] = {"tz": zone}
    columns: list[str] = []
    for number, name in enumerate(names):
        columns.append(f'{_column(name, number)} AS "by_{number}", ')
        if name.startswith(_FREE):
            parameters[f"by_free_{number}"] = name.removeprefix(_FREE)
    keys = [f"by_{number} NULLS LAST" for number in range(len(names))]
    in_time = any(name in _TIMES for name in names)
    order = ", ".join([*keys] if in_time else ["cost_usd DESC NULLS LAST", "calls DESC", *keys])
    return Grouping(names, "".join(columns), order, parameters)


def _column(name: str, number: int) -> str:
    if name in _TIMES:
        return _TIMES[name]
    if name in _FIELDS:
        return f"nullif({_FIELDS[name]}, '')"
    if name.startswith(_FREE) and name != _FREE:
        return f"nullif({_FREE_SQL.format(f'by_free_{number}')}, '')"
    raise BadQuery(f"by has no dimension {name!r}. It has: {', '.join(BY)}.")
