"""Token usage of one call, as read from a response, and the span attributes that carry it.

Usage is a mapping from meter name to count, *inclusive* as the conventions define it: `input` contains cached tokens,
`output` contains reasoning. A meter that the provider did not report is absent; a reported zero is a zero.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any, Final, Protocol, cast

from spanledger.meters import METERS, OTHER_METER_PREFIX

__all__ = ["Fields", "Usage", "count", "decimal_text", "fields", "get", "put", "put_seconds", "usage_attributes"]

Usage = dict[str, int | float]
"""Counts by meter; only seconds may be fractions."""


class _AttributeByMeter(dict[str, str]):
    """The attribute of each meter of the table; of any other it is made when it is asked for, and not kept."""

    def __missing__(self, meter: str) -> str:
        return OTHER_METER_PREFIX + meter


_ATTRIBUTE_BY_METER: Final = _AttributeByMeter({meter.name: meter.attribute for meter in METERS})


class Fields(Protocol):
    """What an answer, or a part of one, says by name."""

    def get(self, name: str, /) -> object: ...


_NO_FIELDS: Final[Fields] = {}


def usage_attributes(usage: Mapping[str, int | float]) -> dict[str, int | float]:
    """The span attributes for `usage`: those of the table of meters, and `spanledger.usage.<meter>` for any other."""
    said: dict[str, int | float] = {}
    for meter in usage:  # faster than a comprehension, which is a function call up to Python 3.11
        said[_ATTRIBUTE_BY_METER[meter]] = usage[meter]
    return said


def fields(value: Any) -> Fields:  # noqa: ANN401  # whatever an SDK gives
    """The fields of a dict or of an object, for several to be looked up: SDKs give either. What has none has no fields.

    This runs several times for each chunk of a stream. A pydantic model, which is what most SDKs give, keeps its fields
    in two dicts; asking it for a name that it lacks would cost it an exception. Properties of a model are not fields.
    """
    if type(value) is dict:
        return value  # pyright: ignore[reportUnknownVariableType]  # whatever is in it
    if value is None:
        return _NO_FIELDS
    try:
        extra, own = value.__pydantic_extra__, value.__dict__
    except AttributeError:
        return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else _Attributes(value)
    return {**extra, **own} if extra else own


class _Attributes:
    """The attributes of an object that is no model."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def get(self, name: str, /) -> object:
        return getattr(self._value, name, None)


def get(value: object, name: str) -> object:
    """One field of `value` (see `fields`), `None` when there is no such field."""
    return fields(value).get(name)


def count(value: object) -> int | None:
    """`value` as a whole count. Some providers send numbers as text or as floats; what is no count at all is `None`."""
    if type(value) is int:
        return value if value >= 0 else None
    if isinstance(value, float) and value.is_integer():
        return int(value) if value >= 0 else None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return None


def put(usage: Usage | dict[str, int], meter: str, value: object) -> None:
    """Set `meter` when `value` is a count; the last value given wins."""
    if (quantity := count(value)) is not None:
        usage[meter] = quantity


def put_seconds(usage: Usage, value: object) -> None:
    """Set the meter `second` when `value` is a finite number, which may be a fraction, of zero or more."""
    if (quantity := count(value)) is not None:
        usage["second"] = quantity
    elif isinstance(value, float) and 0 <= value < inf:
        usage["second"] = value


def decimal_text(value: object) -> str | None:
    """A provider's amount of money as plain decimal text, exactly as it was sent: `1e-05` becomes `0.00001`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return format(amount, "f") if amount.is_finite() else None
