"""Columns of which thousands of rows have the same value, one after the other."""

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

__all__ = ["Every", "Runs", "in_one_run"]


@dataclass(frozen=True, slots=True)
class Every:
    """A column in which all rows have one value. To extend other columns by it takes no look at each row."""

    value: Any
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.value, self.rows)

    def __contains__(self, value: object) -> bool:
        return bool(self.rows) and value == self.value


class Runs:
    """A column as its `values`, and of each the number of rows up to the last that has it (`ends`): what all calls of a
    kind say is looked at, and copied, once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.ends = array("i")

    @classmethod
    def of(cls, values: "Runs | Collection[Any]") -> "Runs":
        """Values as they are, or each as a run of its own."""
        if isinstance(values, Runs):
            return values
        runs = cls()
        runs.extend(values)
        return runs

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def extend(self, more: Collection[Any]) -> None:
        """Add values: those of an `Every` as one run, others as one each."""
        rows = len(self)
        if not isinstance(more, Every):
            self.values.extend(more)
            self.ends.extend(range(rows + 1, rows + 1 + len(more)))
        elif more.rows:
            self.values.append(more.value)
            self.ends.append(rows + more.rows)


def in_one_run(column: Sequence[Any]) -> Every | Sequence[Any]:
    """A column that is not empty, as one run where all rows have one value: to see that takes a tenth of what it takes
    to write each."""
    first = column[0]
    return Every(first, len(column)) if column[-1] == first and column.count(first) == len(column) else column
