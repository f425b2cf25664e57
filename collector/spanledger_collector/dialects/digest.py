"""One short text for all the tables that spans are read by: a ledger keeps it, to know when they have changed since."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Final, cast

from spanledger.meters import METERS
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC
from spanledger_collector.dialects.operations import OPERATIONS, SPELLINGS
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT

__all__ = ["reading_digest"]

_LENGTH: Final = 15
"""Hex digits: a number that fits what `meta` holds otherwise, BIGINT."""
_TELLS_PEOPLE: Final = "notes"
"""The field of a row that nothing is read by."""


def reading_digest() -> str:
    """A number from a SHA-256 over rows, names, operations and meters, in digits, the same in every process."""
    rows = [
        {field.name: getattr(row, field.name) for field in fields(row) if field.name != _TELLS_PEOPLE}
        for row in (*DIALECTS, GENERIC_DIALECT)
    ]
    meters = [(meter.name, meter.attribute, meter.unit, meter.within) for meter in METERS]
    said = repr(_in_order([rows, GENERIC, DIMENSION_PREFIXES, OPERATIONS, SPELLINGS, meters]))
    return str(int(hashlib.sha256(said.encode()).hexdigest()[:_LENGTH], 16))


def _in_order(value: object) -> object:
    """The value with the members of its sets and the keys of its mappings sorted: their order says nothing."""
    if isinstance(value, Mapping):
        return [(key, _in_order(inner)) for key, inner in sorted(cast("Mapping[str, object]", value).items())]
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[str]", value))
    if isinstance(value, list | tuple):
        return [_in_order(inner) for inner in cast("list[object]", value)]
    return value
