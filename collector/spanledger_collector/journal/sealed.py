"""The keys of all spans but the newest: in runs, which are files, with a filter in memory before them.

The ledger notes which runs it has (`store.key_runs`), under names that come once. A file that it does not note is of
no use, one that is not there is made again: so a ledger that was copied, restored or moved never believes a run that
tells of other spans than its own. A run may know spans that are gone, which does no harm.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import duckdb

from spanledger_collector.journal.key_filter import CrowdedFilter, Key
from spanledger_collector.journal.key_runs import Run, RunRecord, write_run
from spanledger_collector.ledger.arrow import integers
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.transactions import transaction

__all__ = ["SPANS_PER_RUN", "SealedKeys", "folder_of"]

_logger = logging.getLogger(__name__)
SPANS_PER_RUN: Final = 8_000_000
_SORTS: Final = 8
"""In so many parts a run is sorted: what is sorted is in memory."""
_NO_TIME: Final = 0


def folder_of(db: Path) -> Path:
    """Where the runs of a ledger lie."""
    return db.with_name(f"{db.name}.known")


class SealedKeys:
    """`suspects` is for the thread of the journal, what changes the runs for one other thread."""

    def __init__(self, folder: Path, cursor: duckdb.DuckDBPyConnection, spans_per_run: int) -> None:
        """What the ledger has noted, as far as it is there."""
        self._folder = folder
        self._spans_per_run = spans_per_run
        self._runs = tuple(_opened(folder, _noted(cursor)))
        self._filter: CrowdedFilter | None = None
        self._replaced: list[Run] = []

    @property
    def until_ns(self) -> int:
        """Every span that arrived until then is in a run."""
        return self._runs[-1].record.until_ns if self._runs else _NO_TIME

    @property
    def _keys(self) -> int:
        return sum(run.record.keys for run in self._runs)

    def suspects(self, keys: Sequence[Key]) -> list[int]:
        """The places of the keys that a run holds."""
        runs, known = self._runs, self._filter
        if not runs:
            return []
        places = range(len(keys)) if known is None else known.suspects(keys)
        return [place for place in places if any(keys[place] in run for run in runs)]

    def arrivals(self, keys: Sequence[Key]) -> list[tuple[int, int]]:
        """When spans of these keys arrived, as far as runs tell: after the first time, in ns, until the second."""
        held = [run.record for run in self._runs if any(key in run for key in keys)]
        return [(record.after_ns, record.until_ns) for record in held]

    def seal(self, cursor: duckdb.DuckDBPyConnection, until_ns: int, stopping: Callable[[], bool]) -> bool:
        """Bring the keys of all spans that arrived until then into runs; whether it came to the end before `stopping`.

        Raises duckdb.Error and OSError; the runs made by then are made.
        """
        while (end := self._end_of_stretch(cursor, until_ns)) is not None:
            run = self._written(cursor, self.until_ns, end, stopping)
            if run is None:
                return False
            self._know(run)
            self._note(cursor, run)
            self._runs = (*self._runs, run)
        return True

    def merge(self, cursor: duckdb.DuckDBPyConnection, stopping: Callable[[], bool]) -> None:
        """Make one run of two neighbours which retention left few spans of. Raises duckdb.Error and OSError."""
        left = {run: _count(cursor, run.record) for run in self._runs}
        for first, second in pairwise(self._runs):
            if left[first] + left[second] > self._spans_per_run:
                continue
            run = self._written(cursor, first.record.after_ns, second.record.until_ns, stopping)
            if run is not None:
                self._note(cursor, run)
                self._runs = tuple(run if each is first else each for each in self._runs if each is not second)
                self._forget(first, second)
            return  # one at a time: each new run is reason enough to look again

    def fill(self, stopping: Callable[[], bool]) -> None:
        """Make the filter anew if it has no room or knows much that is gone; meanwhile looks are at the runs."""
        keys = self._keys
        if not keys or (self._filter is not None and self._filter.serves(keys)):
            return
        self._filter = None
        fresh = CrowdedFilter(2 * max(keys, self._spans_per_run))
        for part in chain.from_iterable(run.parts() for run in self._runs):
            if stopping():
                return
            fresh.add(part)
        self._filter = fresh

    def tidy(self) -> None:
        """Remove files in the folder that the ledger does not note."""
        noted = {run.record.file for run in self._runs}
        for file in self._folder.glob("*") if self._folder.is_dir() else ():
            if file.name not in noted:
                file.unlink()

    def close(self) -> None:
        """Let go of all files."""
        for run in (*self._runs, *self._replaced):
            run.close()

    def _end_of_stretch(self, cursor: duckdb.DuckDBPyConnection, until_ns: int) -> int | None:
        """When the last of those spans arrived that the next run shall hold; None when there are none."""
        bounds = {"after": self.until_ns, "until": until_ns, "limit": self._spans_per_run}
        ((end,),) = cursor.execute(query("known.stretch"), bounds).fetchall()
        return None if end is None else int(end)

    def _written(
        self, cursor: duckdb.DuckDBPyConnection, after_ns: int, until_ns: int, stopping: Callable[[], bool]
    ) -> Run | None:
        """A new run of all spans that arrived in that time; None if it was stopped."""
        try:
            record = write_run(self._folder, _sorted_keys(cursor, after_ns, until_ns, stopping), after_ns, until_ns)
        except InterruptedError:
            return None
        return Run(self._folder, record)

    def _know(self, run: Run) -> None:
        """Before the run is looked at only for what the filter suspects."""
        if self._filter is not None:
            for part in run.parts():
                self._filter.add(part)

    def _note(self, cursor: duckdb.DuckDBPyConnection, run: Run) -> None:
        """Have the ledger say so, in the place of all that it noted of that time."""
        with transaction(cursor):
            record = run.record
            cursor.execute(query("known.forget_runs"), {"after": record.after_ns, "until": record.until_ns})
            cursor.execute(query("known.note_run"), asdict(record))

    def _forget(self, *runs: Run) -> None:
        """The other thread may be looking into them: they are closed at the end."""
        self._replaced += runs
        for run in runs:
            with suppress(OSError):
                (self._folder / run.record.file).unlink()


def _noted(cursor: duckdb.DuckDBPyConnection) -> Sequence[RunRecord]:
    return [RunRecord(*row) for row in cursor.execute(query("known.runs")).fetchall()]


def _opened(folder: Path, records: Sequence[RunRecord]) -> Iterator[Run]:
    """The runs up to the first that cannot be used or is not noted: what arrived later is sealed again."""
    until_ns = _NO_TIME
    for record in records:
        try:
            if record.after_ns != until_ns:
                raise FileNotFoundError(f"what arrived before {record.file} is not noted")
            yield Run(folder, record)
        except OSError as error:
            _logger.warning("Some keys of spans in %s are made again: %s", folder, error)
            return
        until_ns = record.until_ns


def _count(cursor: duckdb.DuckDBPyConnection, record: RunRecord) -> int:
    bounds = {"after": record.after_ns, "until": record.until_ns}
    ((count,),) = cursor.execute(query("known.count"), bounds).fetchall()
    return int(count)


def _sorted_keys(
    cursor: duckdb.DuckDBPyConnection, after_ns: int, until_ns: int, stopping: Callable[[], bool]
) -> Iterator[list[Key]]:
    """The keys of the spans that arrived in that time, in their order. Raises InterruptedError when stopping."""
    step = 2**64 // _SORTS
    for least in range(0, 2**64, step):
        if stopping():
            raise InterruptedError
        bounds = {"after": after_ns, "until": until_ns, "least": least, "most": least + step - 1}
        yield from integers(cursor.sql(query("known.sorted_keys"), params=bounds))
