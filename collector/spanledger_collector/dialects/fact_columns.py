"""The facts of a group of spans, in columns: the short way of `facts`, for groups in which nothing is odd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from spanledger_collector.dialects.counts import Counters, is_usable
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.facts import Shape, Steady, shape_of, steady_of, text_of
from spanledger_collector.dialects.groups import Columns, Group
from spanledger_collector.dialects.usage import CountColumns

__all__ = ["FactColumns", "Key", "Said", "read_columns"]

Key = tuple[str | None, ...]
"""Of the texts that spans of a group may share (their steady facts, the name where it is read, and free dimensions)
those that are not the same in all."""


class Said(NamedTuple):
    """What all of those texts say: steady facts, the span's name or nothing, and by attribute the free dimensions."""

    steady: Steady
    name: str
    dimensions: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class FactColumns:
    """As `Facts`, of many spans: what was `said` by the keys that came, the `keys` of all; columns `of_call` by fact,
    and of `counts` by meter, told by these `counters`."""

    keys: Sequence[Key]
    said: Mapping[Key, Said]
    of_call: Mapping[str, Sequence[str | None]]
    counters: Counters
    counts: CountColumns


def read_columns(dialect: Dialect, group: Group) -> FactColumns | None:
    """The facts of a group by the names of its dialect; None where a value is not what emitters nearly always send (a
    text, or a whole number that counts), so that the spans are to be read one by one."""
    if dialect.unpack or dialect.quoted:
        return None
    columns, shape = group.columns, shape_of[dialect, group.names]
    counts = {counter.meter: columns[counter.attribute] for counter in shape.counters.told}
    free = [_texts_of(columns, name) for name in shape.dimensions]
    of_call = {fact: _texts_of(columns, name) for fact, name in shape.of_call}
    if (
        len(counts) < len(shape.counters.told)
        or None in of_call.values()
        or None in free
        or not (
            all(map(columns.are_texts, shape.steady_names))
            and all(columns.are_counts(counter.attribute) for counter in shape.counters.told)
        )
    ):
        return None
    keys, said = _said_by_key(dialect, group, shape, [texts for texts in free if texts is not None])
    return FactColumns(
        keys,
        said,
        cast("Mapping[str, Sequence[str | None]]", of_call),
        shape.counters,
        cast("CountColumns", counts),
    )


def _said_by_key(
    dialect: Dialect, group: Group, shape: Shape, free: Sequence[Sequence[str | None]]
) -> tuple[Sequence[Key], Mapping[Key, Said]]:
    """The key of each span, and what the keys that came say."""
    columns, many = group.columns, len(group.places)
    alike = [*map(columns.is_same, shape.steady_names), not dialect.role_names, *map(columns.is_same, shape.dimensions)]
    names = group.of_each(group.skeletons.name) if dialect.role_names else [""]
    texts = [*shape.steady_values(columns), names, *free]
    differing = [place for place, same in enumerate(alike) if not same]
    keys: list[Key] = [*zip(*[texts[place] for place in differing], strict=True)] or [()] * many
    row, said = [column[0] for column in texts], dict[Key, Said]()
    for key in {*keys}:
        for place, text in zip(differing, key, strict=True):
            row[place] = text
        if (found := _said(shape, row)) is not None:
            said[key] = found
    return keys, said


def _said(shape: Shape, texts: Sequence[str | None]) -> Said | None:
    steady = steady_of(shape, (*texts[: len(shape.steady)],))
    name, *free = texts[len(shape.steady) :]
    return steady and Said(steady, name or "", dict(zip(shape.dimensions, free, strict=True)))


def _texts_of(columns: Columns, name: str) -> Sequence[str | None] | None:
    """The values as texts, unknown where one is none; None where one is not usable."""
    column = columns[name]
    if columns.are_texts(name):
        return cast("Sequence[str]", column)
    return [*map(text_of, column)] if all(map(is_usable, column)) else None
