"""Rows into DuckDB, fast: columns handed over as Arrow memory, one INSERT for a whole batch.

A statement costs DuckDB milliseconds however few rows it brings, and a row some microseconds: bring many rows at once.
`nanoarrow` is the bridge because it is small (an Arrow library proper costs over 100 MB of memory).
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, Self, get_args, get_type_hints

import duckdb
import nanoarrow  # pyright: ignore[reportMissingTypeStubs] - it has none; what we take of it stays in this module

__all__ = ["Inserter", "Int64", "Kind", "Target", "Text", "Time", "UInt8", "UInt64", "integers"]

Kind = Literal["uint64", "int64", "int32", "uint8", "text", "time", "money", "quantity", "text_list", "text_map"]
"""What a row holds for a column: integers of that width; `text` a str; `time` integer nanoseconds since the epoch;
`money` and `quantity` `Decimal`, int or decimal text; `text_list` and `text_map` JSON text of a list or object of
strings; or None."""


UInt64 = Annotated[int, "uint64"]
Int64 = Annotated[int, "int64"]
UInt8 = Annotated[int, "uint8"]
Text = Annotated[str, "text"]
Time = Annotated[int, "time"]


@dataclass(frozen=True, slots=True)
class Target:
    """A table and the kinds of its columns, in the order in which rows bring them."""

    table: str
    columns: Mapping[str, Kind]

    @classmethod
    def of(cls, table: str, row: type[tuple[object, ...]]) -> Self:
        """The table whose rows are such named tuples, their fields typed with `UInt64`, `Text` and so on (or None)."""
        hints = get_type_hints(row, include_extras=True)
        return cls(table, {name: _kind_of(hint) for name, hint in hints.items()})

    @property
    def view(self) -> str:
        """The name under which SQL finds the batch that is being inserted."""
        return f"batch_{self.table.replace('.', '_')}"

    def select(self) -> str:
        """SQL for the batch with the table's own types."""
        casts = [f"{_KINDS[kind].cast.format(name)} AS {name}" for name, kind in self.columns.items()]
        return f"SELECT {', '.join(casts)} FROM {self.view}"  # noqa: S608 - names from our own tables


def _kind_of(hint: object) -> Kind:
    """The kind that annotates a type, alone or in a union with None."""
    for part in (hint, *get_args(hint)):
        for kind in getattr(part, "__metadata__", ()):
            return kind
    raise TypeError(f"{hint} names no kind of column")


class _ArrowType(Protocol):
    """A schema made by nanoarrow, which ships no types."""


_na: Any = nanoarrow
_Column = Callable[[_ArrowType, Sequence[Any]], object]
"""Makes an Arrow array of a type from the values of a column."""


def _integers(code: str) -> _Column:
    """Columns of integers of the width that `array` calls so: many times faster than value by value."""

    def column(kind: _ArrowType, values: Sequence[Any]) -> object:
        try:
            buffers = [None, array(code, values)]
        except TypeError:  # some are None
            buffers = [_validity(values), array(code, [value or 0 for value in values])]
        return _na.c_array_from_buffers(kind, length=len(values), buffers=buffers, move=True)

    return column


def _validity(values: Sequence[object]) -> bytes:
    """Arrow's bitmap of the values that are there, the first one in the lowest bit."""
    bits = "".join(["0" if value is None else "1" for value in reversed(values)])
    return int(bits, 2).to_bytes((len(values) + 7) // 8, "little")


def _texts(kind: _ArrowType, values: Sequence[Any]) -> object:
    return _na.c_array(values, kind)


def _decimals(kind: _ArrowType, values: Sequence[Any]) -> object:
    return _na.c_array([None if value is None else str(value) for value in values], kind)


@dataclass(frozen=True, slots=True)
class _Carrier:
    """How a kind travels: its Arrow type, how a column of it is made, and the SQL for the type of the table."""

    arrow: Callable[[], _ArrowType]
    column: _Column
    cast: str = "{}"


_KINDS: Mapping[Kind, _Carrier] = {
    "uint64": _Carrier(_na.uint64, _integers("Q")),
    "int64": _Carrier(_na.int64, _integers("q")),
    "int32": _Carrier(_na.int32, _integers("i")),
    "uint8": _Carrier(_na.uint8, _integers("B")),
    "text": _Carrier(_na.string, _texts),
    "time": _Carrier(_na.int64, _integers("q"), "make_timestamp_ns({})"),
    "money": _Carrier(_na.string, _decimals, "CAST({} AS DECIMAL(18, 12))"),
    "quantity": _Carrier(_na.string, _decimals, "CAST({} AS DECIMAL(18, 6))"),
    "text_list": _Carrier(_na.string, _texts, "CAST(CAST({} AS JSON) AS VARCHAR[])"),
    "text_map": _Carrier(_na.string, _texts, "CAST(CAST({} AS JSON) AS MAP(VARCHAR, VARCHAR))"),
}


class _Batch:
    """What DuckDB scans under the name of the view: always the latest columns, so that one statement serves all."""

    def __init__(self, target: Target) -> None:
        self._makers = [_KINDS[kind].column for kind in target.columns.values()]
        self._types = [_KINDS[kind].arrow() for kind in target.columns.values()]
        self._schema = _na.struct(dict(zip(target.columns, self._types, strict=True)))
        self._array: Any = None
        self.load([])

    def load(self, rows: Sequence[tuple[object, ...]]) -> None:
        values = list(zip(*rows, strict=True)) if rows else [()] * len(self._types)
        columns = zip(self._makers, self._types, values, strict=True)
        children = [make(kind, column) for make, kind, column in columns]
        self._array = _na.c_array_from_buffers(self._schema, length=len(rows), buffers=[None], children=children)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return _na.c_array_stream(self._array).__arrow_c_stream__(requested_schema)


def integers(relation: duckdb.DuckDBPyRelation) -> Iterator[list[int]]:
    """The values of a relation of one column of integers without NULL, many at a time: a million takes 30 ms, as rows a
    second."""
    for part in _na.c_array_stream(relation):
        yield memoryview(part.child(0).view().buffer(1)).tolist()


class Inserter:
    """Brings rows into one table through one cursor. Not for several threads; `close` it before the cursor."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, target: Target) -> None:
        self.target = target
        self._cursor = cursor
        self._batch = _Batch(target)
        cursor.register(target.view, self._batch)
        columns = ", ".join(target.columns)
        self._insert = f"INSERT INTO {target.table} ({columns}) {target.select()}"

    def load(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Make the rows what SQL reads from the target's view, without inserting them."""
        self._batch.load(rows)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert the rows within the cursor's transaction; raises what DuckDB raises."""
        if rows:
            self._batch.load(rows)
            self._cursor.execute(self._insert)

    def close(self) -> None:
        """Let go of the last batch."""
        self._cursor.unregister(self.target.view)
