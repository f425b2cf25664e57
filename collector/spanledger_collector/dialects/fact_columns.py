"""The facts of a group of spans, in columns: the short way of `facts`, for groups in which nothing is odd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Annotated, cast

from msgspec import Meta, ValidationError, convert

from spanledger_collector.dialects.counts import LARGEST_COUNT, LONGEST_FACT, Counters, is_usable
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.facts import Steady, shape_of, steady_of, text_of
from spanledger_collector.dialects.groups import Column, Columns, Group, rows_of
from spanledger_collector.dialects.usage import CountColumns
from spanledger_collector.model import AttributeValue

__all__ = ["FactColumns", "read_columns"]

_Texts = list[Annotated[str, Meta(min_length=1, max_length=LONGEST_FACT)]]
_Counts = list[Annotated[int, Meta(ge=0, lt=LARGEST_COUNT)]]


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
    texts = shape.steady_values(columns)
    counts = {counter.meter: columns[counter.attribute] for counter in shape.counters.told}
    free = {name: columns[name] for name in shape.dimensions}
    of_call = {fact: _texts_of(columns[name]) for fact, name in shape.of_call}
    if (
        len(counts) < len(shape.counters.told)
        or None in of_call.values()
        or not (
            all(map(_are_texts, texts))
            and all(map(_are_counts, counts.values()))
            and all(map(_are_usable, free.values()))
        )
    ):
        return None
    names = [span.name for span in group.spans] if dialect.role_names else repeat("", len(group.spans))
    keys: list[tuple[str, ...]] = [*zip(*texts, names, strict=True)]
    steady = {key: found for key in set(keys) if (found := steady_of(shape, key[:-1])) is not None}
    return FactColumns(
        keys,
        steady,
        cast("Mapping[str, Sequence[str | None]]", of_call),
        shape.counters,
        cast("CountColumns", counts),
        rows_of(free) if free else None,
    )


def _are_texts(column: Column) -> bool:
    """Whether all are texts that say something (`is_usable`)."""
    return _are(_Texts, column)


def _are_counts(column: Column) -> bool:
    """Whether all are whole numbers that count something."""
    return _are(_Counts, column)


def _are(kind: type, column: Column) -> bool:
    """Whether all values are of that kind: checked by msgspec in a quarter of the time that Python takes for it."""
    try:
        convert(column, kind)
    except ValidationError:
        return False
    return True


def _are_usable(column: Column) -> bool:
    return _are_texts(column) or all(map(is_usable, column))


def _texts_of(column: Column) -> Sequence[str | None] | None:
    """The values as texts, unknown where one is none; None where one is not usable."""
    if _are_texts(column):
        return cast("Sequence[str]", column)
    return [*map(text_of, column)] if all(map(is_usable, column)) else None
