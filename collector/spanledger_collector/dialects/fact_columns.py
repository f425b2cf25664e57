"""The facts of a group of spans, in columns: the short way of `facts`, for groups in which nothing is odd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import cast

from spanledger_collector.dialects.counts import Counters, is_usable
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.facts import Steady, shape_of, steady_of, text_of
from spanledger_collector.dialects.groups import Columns, Group, rows_of
from spanledger_collector.dialects.usage import CountColumns
from spanledger_collector.model import AttributeValue

__all__ = ["FactColumns", "read_columns"]


@dataclass(frozen=True, slots=True, eq=False)
class FactColumns:
    """As `Facts`, of many spans: `steady` by the texts that came, which are the `keys`, one for each span and with its
    name at the end where that is read; columns `of_call` by fact, and of `counts` by meter, told by these `counters`;
    and the `dimensions` of each span, if they have some."""

    keys: Sequence[tuple[str, ...]]
    steady: Mapping[tuple[str, ...], Steady]
    of_call: Mapping[str, Sequence[str | None]]
    counters: Counters
    counts: CountColumns
    dimensions: Sequence[Mapping[str, AttributeValue]] | None


def read_columns(dialect: Dialect, group: Group, columns: Columns) -> FactColumns | None:
    """The facts of a group by the names of its dialect; None where a value is not what emitters nearly always send (a
    text, or a whole number that counts), so that the spans are to be read one by one."""
    if dialect.unpack or dialect.quoted:
        return None
    shape = shape_of[dialect, group.names]
    counts = {counter.meter: columns[counter.attribute] for counter in shape.counters.told}
    free = {name: columns[name] for name in shape.dimensions}
    of_call = {fact: _texts_of(columns, name) for fact, name in shape.of_call}
    if (
        len(counts) < len(shape.counters.told)
        or None in of_call.values()
        or not (
            all(map(columns.are_texts, shape.steady_names))
            and all(columns.are_counts(counter.attribute) for counter in shape.counters.told)
            and all(_are_usable(columns, name) for name in free)
        )
    ):
        return None
    names = [span.name for span in group.spans] if dialect.role_names else repeat("", len(group.spans))
    keys: list[tuple[str, ...]] = [*zip(*shape.steady_values(columns), names, strict=True)]
    steady = {key: found for key in set(keys) if (found := steady_of(shape, key[:-1])) is not None}
    return FactColumns(
        keys,
        steady,
        cast("Mapping[str, Sequence[str | None]]", of_call),
        shape.counters,
        cast("CountColumns", counts),
        rows_of(free) if free else None,
    )


def _are_usable(columns: Columns, name: str) -> bool:
    return columns.are_texts(name) or all(map(is_usable, columns[name]))


def _texts_of(columns: Columns, name: str) -> Sequence[str | None] | None:
    """The values as texts, unknown where one is none; None where one is not usable."""
    column = columns[name]
    if columns.are_texts(name):
        return cast("Sequence[str]", column)
    return [*map(text_of, column)] if all(map(is_usable, column)) else None
