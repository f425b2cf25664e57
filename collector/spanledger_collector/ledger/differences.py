"""What differs between two states of a call, row for row: the column, what it said, and what it says."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from spanledger_collector.ledger.queries.question import iso_time, plain_decimal

__all__ = ["Body", "Change", "changes"]

Body = Mapping[str, Any]
"""A call whole, as `CallRows.body` writes it and history keeps it; history may keep a part only."""

_ABOUT_THE_ROW: Final = frozenset({"call_id", "revision", "settled_at"})


class Change(NamedTuple):
    """One value that differs; `charges.input` and `meters.input` are of a meter, `dimensions.team` of a dimension."""

    column: str
    before: str | None
    after: str | None


def changes(before: Body, after: Body) -> tuple[Change, ...]:
    """Every value that differs; a column that one of the two does not have is not compared. An empty body has all
    columns, and nothing in them."""
    known = before.keys() & after.keys() if before and after else before.keys() | after.keys()
    columns = [name for name in (after or before) if name in known and name not in _ABOUT_THE_ROW]
    old, new = ({key: text for name in columns for key, text in _values(name, body)} for body in (before, after))
    return tuple(
        Change(key, old.get(key), new.get(key)) for key in dict.fromkeys((*new, *old)) if old.get(key) != new.get(key)
    )


def _values(name: str, body: Body) -> Iterator[tuple[str, str]]:
    """A column as texts; one that holds several things as a text for each."""
    value = _parsed(body.get(name))
    match name, value:
        case _, None:
            return
        case "charges", list():
            for charge in cast("list[Body]", value):
                amount = _plain(charge["amount_usd"])
                yield f"charges.{charge['meter']}", f"{amount} by {charge['price_entry_id'][:12]}"
        case "sources", list():
            told = (f"{source['part']} {source['span']:016x}" for source in cast("list[Body]", value))
            yield name, ", ".join(sorted(told))
        case _, dict():
            for key, inner in cast("Body", value).items():
                yield f"{name}.{key}", _plain(inner) if name == "meters" else str(inner)
        case _, list():
            yield name, ", ".join(map(str, cast("list[object]", value)))
        case _, int() if name.endswith("_at"):
            yield name, iso_time(value)
        case _:
            yield name, _plain(value) if name.endswith("_usd") else str(value)


def _parsed(value: object) -> object:
    """Lists and maps lie in the body as JSON texts of their own."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError):  # some text that begins so
            return cast("object", json.loads(value, parse_float=str))
    return value


def _plain(number: object) -> str:
    """A number without zeros at its end."""
    return plain_decimal(Decimal(str(number)))
