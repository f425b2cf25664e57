"""Columns of which thousands of rows have the same value, one after the other."""

from array import array
from collections.abc import Collection
from typing import Any

from spanledger_collector.facts import Every

__all__ = ["Runs"]


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
