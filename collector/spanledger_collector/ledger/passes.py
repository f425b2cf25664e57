"""Passes of settling: each takes a bounded number of observations from the journal and everything that may tell of the
same calls, settles it, and writes what changed together with how far it came, in one transaction. A pass that does not
happen to end is done again.

An observation with which a pass fails is found by halving, and set aside: it is marked, and left to a rebuild, so that
one that meets a bug does not hold up all others. A pass for which there is not the memory is halved too.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spanledger_collector.facts import facts_of
from spanledger_collector.journal.reading import READINGS, StoredReading, decode_reading
from spanledger_collector.ledger.arrow import Inserter, Int64, Target, Text
from spanledger_collector.ledger.book_rows import BookRecorder
from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.handover import Handover, Numbered
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.lone import apart
from spanledger_collector.ledger.neighbours import INDEX, IndexRow, Neighbourhood, Neighbours
from spanledger_collector.ledger.revisions import Revisions
from spanledger_collector.ledger.rows import all_of
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.suspects import Suspects
from spanledger_collector.ledger.transactions import is_about_content, is_about_size, transaction
from spanledger_collector.model import Call, Observation
from spanledger_collector.pricing import PriceBook
from spanledger_collector.settle import settle

__all__ = ["Passes"]

_logger = logging.getLogger(__name__)
_FEW: Final = 3
"""So many observations are set aside even when nothing else was there to be settled; if more fail and none succeeds, it
is not they that are wrong."""


class _SetAside(NamedTuple):
    """An observation that cannot be settled: the first columns of `store.set_aside`."""

    seq: Int64
    reason: Text


class _Failing(NamedTuple):
    """The number of an observation, and why it cannot be settled."""

    number: int
    error: Exception


_SET_ASIDE: Final = Target.of("store.set_aside", _SetAside)


@dataclass(frozen=True, slots=True)
class _Work:
    """Numbered observations that follow what is settled, and settled ones above which spans came."""

    new: Numbered
    linked: Sequence[IndexRow]

    def parts(self) -> Iterator["_Work"]:
        """The same in two pieces, in order; none when it is but one thing."""
        count = len(self.new.numbers)
        if self.linked and count:
            yield _Work(self.new.at(()), self.linked)
            yield _Work(self.new, ())
        elif count > 1:
            yield _Work(self.new.at(range(count // 2)), ())
            yield _Work(self.new.at(range(count // 2, count)), ())


class Passes:
    """A cursor with what it needs to run passes. `spans_ns` is when the last span arrived that was considered; `at_end`
    says that nothing more was pending in the last pass."""

    def __init__(self, ledger: Ledger, book: PriceBook, handover: Handover, limit: int, spans_ns: int) -> None:
        cursor = ledger.cursor()
        self.spans_ns = spans_ns
        self.at_end = False
        self._cursor = cursor
        self._handover = handover
        self._limit = limit
        self._index = Inserter(cursor, INDEX)
        self._ids = KnownIds(cursor)
        self._suspects = Suspects(cursor, self._ids)
        self._set_aside = Inserter(cursor, _SET_ASIDE)
        self._neighbours = Neighbours(cursor, self._index)
        self._revisions = Revisions(cursor, self._index, book)
        self._books = BookRecorder(cursor, book)
        self._settled = 0
        self._goes_on = False
        """Whether the last transaction settled something: then we know how far settling came, and that the book is on
        record, as nobody else settles meanwhile. To ask for these takes two milliseconds of each pass."""
        self._failing: list[_Failing] = []
        self._succeeded = False

    def close(self) -> None:
        """Let go of the last batches and of the cursor."""
        for part in (self._revisions, self._books, self._set_aside, self._index, self._cursor):
            part.close()

    def run(self) -> int:
        """One pass: how many new observations it settled. Raises duckdb.Error, or what else prevents settling at all;
        then what could not be settled stays pending."""
        work, taken, spans_ns = self._next()
        if work.new.numbers or work.linked:
            self._settle_or_halve(work, spans_ns)
        if self._failing:
            self._put_aside_what_is_left(spans_ns)
        self.spans_ns = spans_ns
        return taken

    def _next(self) -> tuple[_Work, int, int]:
        """What is to be settled, how many new observations that took from the journal, and when the last span came."""
        self._failing.clear()
        self._succeeded = False
        if not self._goes_on:
            ((self._settled, spans_ns),) = self._cursor.execute(query("settling.settled")).fetchall()
            self.spans_ns = max(spans_ns, self.spans_ns)
        linked, spans_ns = self._neighbours.linked(self.spans_ns)
        new = self._handover.take(self._settled, self._limit)
        handed = bool(new.numbers)
        if not handed:
            new = self._from_file(self._settled)
        taken = len(new.numbers) + len(self._failing)
        self.at_end = not self._handover.offered(new.numbers[-1] + 1) if handed else taken < self._limit
        return _Work(new, linked), taken, spans_ns

    def _from_file(self, after: int) -> Numbered:
        parameters = {"seq": after, "limit": self._limit}
        numbers: list[int] = []
        told: list[Observation] = []
        answer = self._cursor.execute(all_of("settling.next_readings", READINGS), parameters)
        for number, *columns in answer.fetchall():
            try:
                told.append(decode_reading(StoredReading._make(columns)))
                numbers.append(number)
            except ValueError as error:  # MsgspecError is one, and so is what a wrong id raises
                self._failing.append(_Failing(number, error))
        return Numbered(numbers, facts_of(told))

    def _settle_or_halve(self, work: _Work, spans_ns: int) -> None:
        """Settle the work; where that fails, its halves, until what fails is one observation."""
        try:
            self._settle(work, spans_ns)
        except Exception as error:
            parts = list(work.parts())
            if not (is_about_content(error) or (parts and is_about_size(error))):
                raise
            for part in parts:
                self._settle_or_halve(part, spans_ns)
            if not parts and work.new.numbers:
                self._failing.append(_Failing(work.new.numbers[0], error))
            elif not parts:
                _logger.exception("Settled calls above which spans came could not be looked at again; they stay")
        else:
            self._succeeded = self._succeeded or bool(work.new.numbers)

    def _put_aside_what_is_left(self, spans_ns: int) -> None:
        """Mark what failed after the last success; when nothing succeeded and much failed, raise why, and leave it
        pending."""
        if not self._succeeded and len(self._failing) > _FEW:
            raise self._failing[0].error
        self._goes_on = False
        with transaction(self._cursor):
            self._mark(self._failing)
            self._note(max(one.number for one in self._failing), spans_ns)
        self._marked(self._failing)

    def _mark(self, failing: Sequence[_Failing]) -> None:
        if failing:
            rows = [_SetAside(one.number, f"{type(one.error).__name__}: {one.error}") for one in failing]
            self._set_aside.load(rows)
            self._cursor.execute(query("settling.set_aside"), {"now": time.time_ns()})

    def _marked(self, failing: Sequence[_Failing]) -> None:
        """Tell of what is on record as set aside now."""
        for one in failing:
            said = "Observation %d cannot be settled and is set aside; `spanledger rebuild` tries it again"
            _logger.error(said, one.number, exc_info=one.error)
        numbers = {one.number for one in failing}
        self._failing = [one for one in self._failing if one.number not in numbers]

    def _settle(self, work: _Work, spans_ns: int) -> None:
        last = work.new.numbers[-1] if work.new.numbers else self._settled
        fresh = Fresh.of(work.new)
        hood = self._neighbourhood(fresh, work.linked)
        known = [*hood.rows.values()]
        lone, others = apart(fresh, known)
        calls = self._calls(fresh, others, known)
        before = [one for one in self._failing if one.number < last]
        goes_on, self._goes_on = self._goes_on, False
        with transaction(self._cursor):
            self._mark(before)
            self._note_repeated_ids(fresh, hood)
            if not goes_on:
                self._books.record()
            self._revisions.write(calls, known, lone)
            self._index.insert_columns(fresh.index)
            self._note(last, spans_ns)
        self._settled, self._goes_on = last, True
        self._marked(before)

    def _neighbourhood(self, fresh: Fresh, linked: Sequence[IndexRow]) -> Neighbourhood:
        """What new observations have to do with: of the same time, and whatever came before with their response ids."""
        asking = self._suspects.among(fresh.index)
        hood = self._neighbours.of(asking, linked, set())
        near = {row.id_key for row in hood.rows.values()}
        ids = {row.id_key for row in asking if row.id_key is not None}
        seen = self._ids.seen(ids - near - hood.repeated)
        self._suspects.add(fresh.index)
        return self._neighbours.of(asking, linked, seen) if seen else hood

    def _calls(self, fresh: Fresh, others: Sequence[int], known: Sequence[IndexRow]) -> list[Call]:
        """The calls that the new observations at these places tell of together with known ones."""
        if not others and not known:
            return []
        links = self._neighbours.links([*(fresh.index.row(place) for place in others), *known])
        return settle([*map(fresh.told.fact, others), *self._neighbours.read(known)], links)

    def _note(self, last: int, spans_ns: int) -> None:
        """Note that all up to a number is settled, or set aside."""
        progress = {"seq": str(last), "spans_ns": str(spans_ns)}
        ((noted,),) = self._cursor.execute(query("settling.note"), progress).fetchall()
        if not noted:
            self._cursor.execute(query("settling.note_first"), progress)

    def _note_repeated_ids(self, fresh: Fresh, hood: Neighbourhood) -> None:
        repeated = hood.disjoint_ids(fresh.index) - hood.known_repeated
        if repeated:
            self._cursor.execute(query("settling.add_repeated_keys"), {"keys": sorted(repeated)})
