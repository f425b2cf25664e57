"""Rows into DuckDB, fast: columns handed over as Arrow memory, one INSERT for a whole batch.

A statement costs DuckDB milliseconds however few rows it brings, and a row some microseconds: bring many rows at once.
`nanoarrow` is the bridge because it is small (an Arrow library proper costs over 100 MB of memory).
"""

import struct
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal, Protocol, Self, get_args, get_type_hints

import duckdb
import nanoarrow  # pyright: ignore[reportMissingTypeStubs] - it has none; what we take of it stays in this module

from spanledger_collector.ledger.runs import Runs
from spanledger_collector.ledger.transactions import gave_up

__all__ = [
    "MONEY_PLACES",
    "QUANTITY_PLACES",
    "Hex",
    "Id",
    "Inserter",
    "Int64",
    "Kind",
    "Target",
    "Text",
    "Time",
    "UInt8",
    "UInt64",
    "integers",
]

Kind = Literal[
    "uint64", "int64", "int32", "uint8", "id", "text", "hex", "time", "money", "quantity", "text_list", "text_map"
]
"""What a row holds for a column: integers of that width; `id` one of 64 bits, 0 for none; `text` a str; `hex` a str of
hexadecimal digits, as many in all rows; `time` integer nanoseconds since the epoch; `money` and `quantity` `Decimal`,
int or decimal text; `text_list` and `text_map` JSON text of a list or object of strings; or None, but for `hex`.
Columns that were not rows hold `money` and `quantity` as integers of `MONEY_PLACES` and `QUANTITY_PLACES` decimal
places and `hex` as bytes, and may hold integers as arrays (`Target.codes`)."""

MONEY_PLACES: Final = 12
QUANTITY_PLACES: Final = 6
_LIMIT: Final = 10**18
"""What DECIMAL(18, ...) can hold, in units of its last place."""
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


UInt64 = Annotated[int, "uint64"]
Int64 = Annotated[int, "int64"]
UInt8 = Annotated[int, "uint8"]
Id = Annotated[int, "id"]
Text = Annotated[str, "text"]
Hex = Annotated[str, "hex"]
Time = Annotated[int, "time"]


@dataclass(frozen=True, slots=True)
class Target:
    """A table and the kinds of its columns, in the order in which rows bring them. Columns `in_runs` have few different
    values in thousands of rows, and come as `Runs`."""

    table: str
    columns: Mapping[str, Kind]
    in_runs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: str, row: type[tuple[object, ...]]) -> Self:
        """The table whose rows are such named tuples, their fields typed with `UInt64`, `Text` and so on (or None)."""
        hints = get_type_hints(row, include_extras=True)
        return cls(table, {name: _kind_of(hint) for name, hint in hints.items()})

    def columns_of(self, rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
        """Rows as columns, in which money and quantities are integers of their last place, and hexadecimal digits are
        bytes."""
        if not rows:
            return [()] * len(self.columns)
        of_rows = [_KINDS[kind].of_row for kind in self.columns.values()]
        return [
            column if of_row is None else [*map(of_row, column)]
            for column, of_row in zip(zip(*rows, strict=True), of_rows, strict=True)
        ]

    @property
    def codes(self) -> dict[str, str]:
        """What `array` calls the integers of those columns that hold integers."""
        return {name: _CODES[kind] for name, kind in self.columns.items() if kind in _CODES}

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
_ENDS: Final = _na.int32(nullable=False)
_Column = Callable[[_ArrowType, Any], object]
"""Makes an Arrow array of a type from the values of a column."""


_CODES: Final[Mapping[Kind, str]] = {"uint64": "Q", "int64": "q", "int32": "i", "uint8": "B", "id": "Q", "time": "q"}
"""What `array` calls integers of that width."""


def _integers(code: str) -> _Column:
    """Columns of integers of that width: many times faster than value by value."""

    def column(kind: _ArrowType, values: Sequence[Any]) -> object:
        try:
            buffers = [None, _packed(code, values)]
        except struct.error as error:
            if None not in values:
                raise OverflowError(f"the ledger has no room for one of {len(values)} integers: {error}") from error
            if values.count(None) < len(values):
                buffers = [_validity(values), _packed(code, [value or 0 for value in values])]
            else:  # as in columns of tokens of which nobody counts any
                buffers = [bytes(len(values) // 8 + 1), bytes(len(values) * struct.calcsize(code))]
        return _na.c_array_from_buffers(kind, length=len(values), buffers=buffers, move=True)

    return column


def _packed(code: str, values: Sequence[int]) -> "array[int] | bytes":
    """Integers as memory: `array` takes up to three times as long to make that of a list. Raises struct.error for what
    is no integer of that width."""
    if isinstance(values, array) and values.typecode == code:
        return values
    return struct.pack(f"={len(values)}{code}", *values)


def _validity(values: Sequence[object]) -> bytes:
    """Arrow's bitmap of the values that are there, the first one in the lowest bit."""
    bits = "".join(["0" if value is None else "1" for value in reversed(values)])
    return int(bits, 2).to_bytes((len(values) + 7) // 8, "little")


def _texts(kind: _ArrowType, values: Sequence[Any]) -> object:
    return _na.c_array(values, kind)


def _hex_texts(kind: _ArrowType, values: Sequence[bytes]) -> object:
    """Columns of bytes as hexadecimal digits: a fifth of the time that a str of each takes. Raises ValueError
    unless each has the same number of bytes."""
    widths = {*map(len, values)} or {1}
    if len(widths) > 1:
        raise ValueError(f"ids of {sorted(widths)} bytes in one column")
    digits = b"".join(values).hex().encode()
    offsets = array("i", range(0, len(digits) + 1, 2 * widths.pop()))
    return _na.c_array_from_buffers(kind, length=len(values), buffers=[None, offsets, digits], move=True)


def _decimals(kind: _ArrowType, values: Sequence[Any]) -> object:
    """Columns of integers of the last decimal place, as Arrow's 128 bits. Raises OverflowError for what the ledger's
    columns cannot hold."""
    validity = None
    if None in values:
        validity, values = _validity(values), [value or 0 for value in values]
    least, most = (min(values), max(values)) if values else (0, 0)
    if least <= -_LIMIT or most >= _LIMIT:
        raise OverflowError(f"the ledger has no room for an amount of {max(most, -least)} units of its last place")
    words = array("q", bytes(16 * len(values)))
    words[::2] = array("q", _packed("q", values))
    if least < 0:
        words[1::2] = array("q", [-1 if value < 0 else 0 for value in values])
    return _na.c_array_from_buffers(kind, length=len(values), buffers=[validity, words], move=True)


def _in_places(value: Decimal | int | str | None, places: int) -> int | None:
    """A number as an integer of its last decimal place."""
    if value is None or type(value) is int:
        return value and value * 10**places
    return int(_EXACT.scaleb(Decimal(value), places).to_integral_value(context=_EXACT))


@dataclass(frozen=True, slots=True)
class _Carrier:
    """How a kind travels: its Arrow type, how a column of it is made, the SQL for the type of the table, and what makes
    a column's value of a row's, where that is another."""

    arrow: Callable[[], _ArrowType]
    column: _Column
    cast: str = "{}"
    of_row: Callable[[Any], object] | None = None


def _in_runs(of: _Carrier) -> _Carrier:
    """How values travel that come many times one after the other: each of them once."""
    of_values = of.arrow()

    def column(kind: _ArrowType, values: Any) -> object:  # noqa: ANN401 - a sequence, or runs already
        runs = Runs.of(values)
        children = [_integers("i")(_ENDS, runs.ends), of.column(of_values, runs.values)]
        return _na.c_array_from_buffers(kind, length=len(runs), buffers=[], children=children, move=True)

    return replace(of, arrow=partial(_run_end_encoded, of_values), column=column)


def _run_end_encoded(kind: _ArrowType) -> _ArrowType:
    """Arrow's type for them. nanoarrow can read and check such arrays and has no name for their type."""
    builder = _na._schema.CSchemaBuilder  # noqa: SLF001 - see above
    built = builder.allocate().set_format("+r").allocate_children(2)
    return built.set_child(0, "run_ends", _na.c_schema(_ENDS)).set_child(1, "values", _na.c_schema(kind)).finish()


def _unless_empty(empty: str, kind: str) -> str:
    """The SQL for a value from JSON. Most are empty, and to read JSON takes longer than all other columns together."""
    return f"CASE {{0}} WHEN '{empty}' THEN CAST('{empty}' AS {kind}) ELSE CAST(CAST({{0}} AS JSON) AS {kind}) END"


_KINDS: Mapping[Kind, _Carrier] = {
    "uint64": _Carrier(_na.uint64, _integers(_CODES["uint64"])),
    "int64": _Carrier(_na.int64, _integers(_CODES["int64"])),
    "int32": _Carrier(_na.int32, _integers(_CODES["int32"])),
    "uint8": _Carrier(_na.uint8, _integers(_CODES["uint8"])),
    "id": _Carrier(_na.uint64, _integers(_CODES["id"]), "nullif({}, 0)"),
    "text": _Carrier(_na.string, _texts),
    "hex": _Carrier(_na.string, _hex_texts, of_row=bytes.fromhex),
    "time": _Carrier(_na.int64, _integers(_CODES["time"]), "make_timestamp_ns({})"),
    "money": _Carrier(
        lambda: _na.decimal128(18, MONEY_PLACES), _decimals, of_row=partial(_in_places, places=MONEY_PLACES)
    ),
    "quantity": _Carrier(
        lambda: _na.decimal128(18, QUANTITY_PLACES), _decimals, of_row=partial(_in_places, places=QUANTITY_PLACES)
    ),
    "text_list": _Carrier(_na.string, _texts, _unless_empty("[]", "VARCHAR[]")),
    "text_map": _Carrier(_na.string, _texts, _unless_empty("{{}}", "MAP(VARCHAR, VARCHAR)")),
}


class _Batch:
    """What DuckDB scans under the name of the view: always the latest columns, so that one statement serves all."""

    def __init__(self, target: Target) -> None:
        self._target = target
        carriers = [
            _in_runs(_KINDS[kind]) if name in target.in_runs else _KINDS[kind] for name, kind in target.columns.items()
        ]
        self._makers = [carrier.column for carrier in carriers]
        self._types = [carrier.arrow() for carrier in carriers]
        self._schema = _na.struct(dict(zip(target.columns, self._types, strict=True)))
        self._array: Any = None
        self.load([])

    def load(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.load_columns(self._target.columns_of(rows))

    def load_columns(self, values: Sequence[Sequence[Any] | Runs]) -> None:
        columns = zip(self._makers, self._types, values, strict=True)
        children = [make(kind, column) for make, kind, column in columns]
        self._array = _na.c_array_from_buffers(self._schema, length=len(values[0]), buffers=[None], children=children)

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
        self._prepared = f"insert_{target.view}"
        self._is_prepared = False
        cursor.register(target.view, self._batch)

    def load(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Make the rows what SQL reads from the target's view, without inserting them."""
        self._batch.load(rows)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert the rows within the cursor's transaction; raises what DuckDB raises."""
        if rows:
            self.insert_columns(self.target.columns_of(rows))

    def insert_columns(self, columns: Sequence[Sequence[object] | Runs]) -> None:
        """Insert rows that come as columns, in the order of the target's; raises what DuckDB raises."""
        if columns[0]:
            self._batch.load_columns(columns)
            if not self._is_prepared:
                self._prepare()
            self._cursor.execute(f"EXECUTE {self._prepared}")

    def _prepare(self) -> None:
        """Have the statement planned: each time anew, that would cost up to three milliseconds.

        A source that cannot number its parts (nothing comes of this one) keeps DuckDB from collecting the rows apart,
        as for threads that insert together, and copying them once more: that would take twice the time.
        """
        names = ", ".join(self.target.columns)
        nothing = f"SELECT NULL AS {next(iter(self.target.columns))} FROM range(0)"  # noqa: S608 - from our own tables
        rows = f"{self.target.select()} UNION ALL BY NAME {nothing}"
        statement = f"INSERT INTO {self.target.table} ({names}) {rows}"
        self._cursor.execute(f"PREPARE {self._prepared} AS {statement}")
        self._is_prepared = True

    def close(self) -> None:
        """Let go of the last batch."""
        try:
            if self._is_prepared:
                self._cursor.execute(f"DEALLOCATE {self._prepared}")
            self._cursor.unregister(self.target.view)
        except duckdb.Error as error:
            # A database that gave up needs no tidying; it raises the second where it could not even roll back.
            if not gave_up(error) and not isinstance(error, duckdb.TransactionException):
                raise
