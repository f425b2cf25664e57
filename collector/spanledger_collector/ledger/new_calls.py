"""Calls that the ledger does not hold yet, as columns of its tables: the rows that `row_making` makes of each call and
its price, for a fraction of the time.

Calls that have one bill and the same meters are made together, so that the work is done on whole columns.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from struct import Struct
from typing import Any, Final, Self, TypeVar, cast

from spanledger_collector.alike import Alike, added, calls_alike, total
from spanledger_collector.facts import Every, facts_of, in_one_run
from spanledger_collector.ledger.arrow import QUANTITY_PLACES, Target
from spanledger_collector.ledger.lone import Lone
from spanledger_collector.ledger.row_making import (
    call_rows,
    conditions_text,
    flags_text,
    map_text,
    money_units,
)
from spanledger_collector.ledger.rows import (
    CALL_METERS,
    CALL_SOURCES,
    CALL_TABLES,
    CALLS,
    CALLS_WITH_BILL,
    CHARGES,
    CallRows,
    SourceRow,
    json_text,
)
from spanledger_collector.ledger.runs import Runs
from spanledger_collector.model import Call, Observation, Source
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.pricing.bills import IMPOSSIBLE, Bill, Bills
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS

__all__ = ["CallColumns", "NewCalls"]

_ONE: Final = 10**QUANTITY_PLACES
_ids: Final = Struct(">QQQ").unpack
_ALIKE: Final = {
    "provider": "provider",
    "request_model": "request_model",
    "response_model": "response_model",
    "service_tier": "conditions.service_tier",
    "usage_status": "usage_status",
}
"""Columns of `calls` that say the same of calls that are alike, and the attributes that they are of these."""
_alike_of: Final = attrgetter(*_ALIKE.values())
_OWN: Final = {
    "trace_id": "trace_id",
    "span_id": "span_id",
    "started_at": "started_ns",
    "ended_at": "ended_ns",
    "service": "service",
    "operation": "operation",
    "response_id": "response_id",
    "error_type": "error_type",
    "usage_evidence": "usage_evidence",
    "dialect": "dialect",
    "user_id": "attribution.user",
    "org_id": "attribution.org",
    "session_id": "attribution.session",
    "workflow": "attribution.workflow",
    "feature": "attribution.feature",
}
"""Columns that each call has of its own, and the fields that they are."""
_PARTS: Final = ("cache_read", "cache_write", "reasoning")
"""With what the names of meters begin whose tokens have a column of their own."""

_Kind = Alike[Call] | Alike[Observation]
"""Calls, or observations that are calls by themselves: what is asked of them here is called the same in both."""

_Column = Sequence[Any] | Every
_Named = Mapping[str, _Column]
"""Columns by their names."""

_Source = TypeVar("_Source", Source, SourceRow)


class CallColumns:
    """What is to be inserted into the tables of calls, as columns; filled table by table."""

    def __init__(self) -> None:
        self._columns: dict[str, list[list[Any] | Runs]] = {
            target.table: [Runs() if name in target.in_runs else [] for name in target.columns]
            for target in CALL_TABLES
        }

    def of(self, target: Target) -> list[list[Any] | Runs]:
        """The columns of a table, in their order."""
        return self._columns[target.table]

    def add(self, target: Target, columns: _Named) -> None:
        """Add rows, given as columns by their names."""
        self._extend(target, [columns[name] for name in target.columns])

    def add_rows(self, rows: Sequence[CallRows]) -> None:
        """Add calls that were made as rows."""
        self._extend(CALLS_WITH_BILL, [*CALLS.columns_of([one.call for one in rows]), Every(None, len(rows))])
        self._extend(CHARGES, CHARGES.columns_of([row for one in rows for row in one.charges]))
        self._extend(CALL_METERS, CALL_METERS.columns_of([row for one in rows for row in one.meters]))
        self._extend(CALL_SOURCES, CALL_SOURCES.columns_of([row for one in rows for row in _if_several(one.sources)]))

    def _extend(self, target: Target, columns: Sequence[_Column]) -> None:
        for known, more in zip(self._columns[target.table], columns, strict=True):
            known.extend(more)


class NewCalls:
    """Makes the columns of new calls, priced by one book. `number` gives the number of a bill of calls with the given
    meters, or None where charges and meters of such calls need rows."""

    def __init__(self, book: PriceBook, number: Callable[[Bill, tuple[str, ...]], int | None]) -> None:
        self._book = book
        self._number = number
        self._bills = Bills(book)

    def fill(self, columns: CallColumns, calls: Sequence[Call], settled_ns: int) -> None:
        """Add the calls in their first revision."""
        ids = [bytes.fromhex(call.call_id) for call in calls]
        odd = self._fill(columns, calls_alike(facts_of(calls)), ids, settled_ns)
        self._add_odd(columns, [calls[place] for place in odd], settled_ns)
        left_out = set(odd)
        written = [call for place, call in enumerate(calls) if place not in left_out]
        pairs = [(call, source) for call in written for source in _if_several(call.sources)]
        if pairs:
            columns.add(CALL_SOURCES, _sources(pairs))

    def fill_lone(self, columns: CallColumns, lone: Lone, settled_ns: int) -> None:
        """Add the calls of lone observations in their first revision."""
        odd = self._fill(columns, lone.kinds, lone.call_ids, settled_ns)
        self._add_odd(columns, [lone.call(place) for place in odd], settled_ns)

    def _fill(self, columns: CallColumns, kinds: Iterable[_Kind], ids: Sequence[bytes], settled_ns: int) -> list[int]:
        """Add the rows of calls, but for their sources; the places of those that can only be made one by one."""
        odd: list[int] = []
        for kind in kinds:
            for bill, alike in self._billed(kind):
                if bill is None:
                    odd += alike.places
                    continue
                calls = _Billed.of(bill, alike, [ids[place] for place in alike.places])
                if max(calls.totals) >= IMPOSSIBLE:
                    odd += alike.places
                    continue
                number = self._number(bill, tuple(alike.counts))
                settled = {"price_book": self._book.sha256, "settled_at": settled_ns, "bill": number}
                calls.fill(columns, {name: calls.every(value) for name, value in settled.items()})
                if number is None:
                    calls.fill_parts(columns)
        return odd

    def _billed(self, kind: _Kind) -> Iterator[tuple[Bill | None, _Kind]]:
        """Calls that are alike, by their bill: nearly always all have one."""
        bill = self._bills.of_all(kind)
        if bill is not None:
            yield bill, kind
            return
        by_bill: defaultdict[Bill | None, list[int]] = defaultdict(list)
        for position, place in enumerate(kind.places):
            by_bill[self._bills.of(kind.of.fact(place))].append(position)
        for each, kept in by_bill.items():
            yield each, kind.at(kept)

    def _add_odd(self, columns: CallColumns, calls: Iterable[Call], settled_ns: int) -> None:
        priced = [(call, price(call, self._book)) for call in calls]
        columns.add_rows([call_rows(call, pricing, revision=1, settled_ns=settled_ns) for call, pricing in priced])


@dataclass(frozen=True, slots=True)
class _Billed:
    """Calls that are alike and have one bill, and their names; `counts` are the quantities of each meter, `amounts`
    what those of the bill cost, and `totals` what each call costs, in 1e-12 USD."""

    bill: Bill
    alike: _Kind
    call_ids: Sequence[bytes]
    counts: Mapping[str, Sequence[int]]
    amounts: Sequence[Sequence[int]]
    totals: Sequence[int]

    @classmethod
    def of(cls, bill: Bill, alike: _Kind, call_ids: Sequence[bytes]) -> Self:
        """Multiply."""
        counts = cast("Mapping[str, Sequence[int]]", alike.counts)  # what is not whole has no bill
        prices = zip(bill.meters, bill.prices, strict=True)
        amounts = [[count * unit_price for count in counts[meter]] for meter, unit_price in prices]
        return cls(bill, alike, call_ids, counts, amounts, added(amounts) or [0] * len(call_ids))

    def every(self, value: object) -> Every:
        """A column in which all calls have this value."""
        return Every(value, len(self.call_ids))

    def fill(self, columns: CallColumns, settled: _Named) -> None:
        """Add the calls; `settled` are the columns about the settling."""
        named = {"revision": self.every(1), "call_id": self.call_ids}
        said = {**self._alike(), **self._own()}
        columns.add(CALLS_WITH_BILL, {**settled, **named, **said, **self._tokens(), **self._price()})

    def fill_parts(self, columns: CallColumns) -> None:
        """Add their meters and charges."""
        common = {"revision": self.every(1), "call_id": self.call_ids, "started_at": self.alike.column("started_ns")}
        for meter, counts in self.counts.items():
            columns.add(CALL_METERS, {**common, "meter": self.every(meter), "quantity": _scaled(counts)})
        for line in self._charges():
            columns.add(CHARGES, {**common, **line})

    def _alike(self) -> _Named:
        """What all of them say, and what follows from it."""
        first, bill = self.alike.first, self.bill
        said: dict[str, object] = {
            **dict(zip(_ALIKE, _alike_of(first), strict=True)),
            "conditions": conditions_text(first.conditions),
            "flags": flags_text(first.flags, bill.flags),
            "price_status": bill.status,
            "price_reasons": json_text(bill.reasons),
            "reported_cost_usd": None,  # who is told one is not priced here
        }
        return {name: self.every(value) for name, value in said.items()}

    def _own(self) -> _Named:
        """What each of them says for itself."""
        own = {name: self.alike.column(field) for name, field in _OWN.items()}
        return {
            **own,
            **{name: in_one_run(own[name]) for name in _OWN.keys() & CALLS_WITH_BILL.in_runs},
            "emitter_cost_usd": self._made("emitter_cost_usd", money_units),
            "dimensions": self._made("attribution.dimensions", map_text),
            "sources": self._sources(),
        }

    def _made(self, name: str, make: Callable[[Any], object]) -> _Column:
        """What is made of what each of them says in a field; once where all say the same."""
        said = in_one_run(self.alike.column(name))
        return self.every(make(said.value)) if isinstance(said, Every) else [*map(make, said)]

    def _sources(self) -> _Column:
        """How many observations tell of each."""
        return self.every(1) if isinstance(self.alike.first, Observation) else [*map(len, self.alike.column("sources"))]

    def _tokens(self) -> _Named:
        parts = {part: [meter for meter in self.counts if meter.startswith(part)] for part in _PARTS}
        of = {"input": INPUT_METERS, "output": OUTPUT_METERS, "total": INPUT_METERS | OUTPUT_METERS, **parts}
        return {f"{part}_tokens": total(self.counts, meters) or self.every(None) for part, meters in of.items()}

    def _price(self) -> _Named:
        """What the calls cost as far as that is known, with its bounds."""
        bill, totals, unknown = self.bill, self.totals, self.every(None)
        more = [[count * less for count in self.counts[m]] for m, less in zip(bill.meters, bill.more, strict=False)]
        dearest = added([totals, *more]) or totals
        cost, low, high = (
            (unknown, totals if bill.meters else unknown, unknown) if bill.reasons else (totals, totals, dearest)
        )
        return {"cost_usd": cost, "cost_low_usd": low, "cost_high_usd": high}

    def _charges(self) -> Iterator[_Named]:
        bill = self.bill
        lines = zip(bill.meters, bill.units, bill.prices, bill.entries, self.amounts, strict=True)
        for meter, unit, unit_price, entry, amounts in lines:
            yield {
                "meter": self.every(meter),
                "quantity": _scaled(self.counts[meter]),
                "unit": self.every(unit),
                "unit_price_usd": self.every(unit_price),
                "amount_usd": amounts,
                "price_entry_id": self.every(entry),
            }


def _if_several(sources: tuple[_Source, ...]) -> tuple[_Source, ...]:
    """The sources of a call that need rows: what is the only one follows from the call (`sql/009_sources.sql`)."""
    return sources if len(sources) > 1 else ()


def _sources(pairs: Sequence[tuple[Call, Source]]) -> _Named:
    ids = [_ids(source.trace_id + source.span_id) for _, source in pairs]
    trace_hi, trace_lo, span = zip(*ids, strict=True)
    return {
        "call_id": [bytes.fromhex(call.call_id) for call, _ in pairs],
        "revision": [1] * len(pairs),
        "trace_hi": trace_hi,
        "trace_lo": trace_lo,
        "span": span,
        "part": [source.part for _, source in pairs],
        "reason": [source.reason for _, source in pairs],
        "started_at": [call.started_ns for call, _ in pairs],
    }


def _scaled(counts: Sequence[int]) -> list[int]:
    return [count * _ONE for count in counts]
