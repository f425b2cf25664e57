"""Token usage of one call, as read from a response, and the span attributes that carry it.

Usage is a mapping from meter name to count, *inclusive* as the conventions define it: `input` contains cached tokens,
`output` contains reasoning. A meter that the provider did not report is absent; a reported zero is a zero.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import inf
from typing import cast

from spanledger.meters import METER_BY_NAME, OTHER_METER_PREFIX

__all__ = ["Usage", "count", "decimal_text", "get", "put", "put_seconds", "usage_attributes"]

Usage = dict[str, int | float]
"""Counts by meter; only seconds may be fractions."""

_NO_FIELDS: dict[str, object] = {}


def usage_attributes(usage: Mapping[str, int | float]) -> dict[str, int | float]:
    """The span attributes for `usage`: those of the table of meters, and `spanledger.usage.<meter>` for any other."""
    return {
        meter.attribute if (meter := METER_BY_NAME.get(name)) else OTHER_METER_PREFIX + name: quantity
        for name, quantity in usage.items()
    }


def get(value: object, key: str) -> object:
    """`value[key]` of a dict, `value.key` of an object, `None` when there is no such entry: SDKs give either.

    This runs several times for each chunk of a stream. A pydantic model, which is what most SDKs give, keeps its fields
    in two dicts; asking it for a name that it lacks would cost it an exception. Properties of a model are not fields.
    """
    if isinstance(value, dict):
        return cast("dict[str, object]", value).get(key)
    fields = cast("dict[str, object]", getattr(value, "__dict__", _NO_FIELDS))
    if key in fields:
        return fields[key]
    extra = cast("dict[str, object] | None", getattr(value, "__pydantic_extra__", _NO_FIELDS))
    if extra is not _NO_FIELDS:
        return extra.get(key) if extra else None
    return getattr(value, key, None)


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
