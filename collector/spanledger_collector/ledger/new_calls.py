"""Calls that the ledger does not hold yet, as columns of its tables: the rows that `row_making` makes of each call and
its price, for a fraction of the time.

Calls that have one bill and the same meters are made together, so that the work is done on whole columns.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from struct import Struct
from typing import Any, Final, Self, TypeVar

from spanledger_collector.ledger.arrow import QUANTITY_PLACES, Target
from spanledger_collector.ledger.lone import Lone
from spanledger_collector.ledger.row_making import call_rows, conditions_text, flags_text, map_text, money_units
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
from spanledger_collector.model import Call, Observation, Source
from spanledger_collector.pricing import PriceBook, price
from spanledger_collector.pricing.bills import IMPOSSIBLE, Bill, Bills
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS

__all__ = ["CallColumns", "NewCalls"]

_ONE: Final = 10**QUANTITY_PLACES
_ids: Final = Struct(">QQQ").unpack
_AS_TOLD: Final = {
    "started_at": "started_ns",
    "ended_at": "ended_ns",
    "service": "service",
    "provider": "provider",
    "operation": "operation",
    "request_model": "request_model",
    "response_model": "response_model",
    "response_id": "response_id",
    "service_tier": "conditions.service_tier",
    "error_type": "error_type",
    "usage_status": "usage_status",
    "usage_evidence": "usage_evidence",
    "user_id": "attribution.user",
    "org_id": "attribution.org",
    "session_id": "attribution.session",
    "workflow": "attribution.workflow",
    "feature": "attribution.feature",
    "dialect": "dialect",
}
"""Columns of `calls` that are attributes of a `Call`, and of an observation that is a call by itself."""
_as_told: Final = attrgetter(*_AS_TOLD.values())

_Facts = Sequence[Call] | Sequence[Observation]
"""Calls, or observations that are calls by themselves: what is asked of them here is called the same in both."""

_Named = Mapping[str, Sequence[Any]]
"""Columns by their names."""

_Source = TypeVar("_Source", Source, SourceRow)


class CallColumns:
    """What is to be inserted into the tables of calls, as columns; filled table by table."""

    def __init__(self) -> None:
        self._columns: dict[str, list[list[Any]]] = {
            target.table: [[] for _ in target.columns] for target in CALL_TABLES
        }

    def of(self, target: Target) -> list[list[Any]]:
        """The columns of a table, in their order."""
        return self._columns[target.table]

    def add(self, target: Target, columns: _Named) -> None:
        """Add rows, given as columns by their names."""
        self._extend(target, [columns[name] for name in target.columns])

    def add_rows(self, rows: Sequence[CallRows]) -> None:
        """Add calls that were made as rows."""
        self._extend(CALLS_WITH_BILL, [*CALLS.columns_of([one.call for one in rows]), [None] * len(rows)])
        self._extend(CHARGES, CHARGES.columns_of([row for one in rows for row in one.charges]))
        self._extend(CALL_METERS, CALL_METERS.columns_of([row for one in rows for row in one.meters]))
        self._extend(CALL_SOURCES, CALL_SOURCES.columns_of([row for one in rows for row in _if_several(one.sources)]))

    def _extend(self, target: Target, columns: Sequence[Sequence[Any]]) -> None:
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
        odd = self._fill(columns, calls, [call.call_id for call in calls], settled_ns)
        self._add_odd(columns, [calls[place] for place in odd], settled_ns)
        left_out = set(odd)
        written = [call for place, call in enumerate(calls) if place not in left_out]
        pairs = [(call, source) for call in written for source in _if_several(call.sources)]
        if pairs:
            columns.add(CALL_SOURCES, _sources(pairs))

    def fill_lone(self, columns: CallColumns, lone: Lone, settled_ns: int) -> None:
        """Add the calls of lone observations in their first revision."""
        odd = self._fill(columns, lone.observations, lone.call_ids, settled_ns)
        self._add_odd(columns, [lone.call(place) for place in odd], settled_ns)

    def _fill(self, columns: CallColumns, told: _Facts, ids: Sequence[str], settled_ns: int) -> list[int]:
        """Add the rows of calls, but for their sources; the places of those that can only be made one by one."""
        bill_of = self._bills.of
        by_bill: defaultdict[_Key, list[int]] = defaultdict(list)
        odd: list[int] = []
        for place, one in enumerate(told):
            bill = bill_of(one)
            if bill is None:
                odd.append(place)
            else:
                by_bill[bill, tuple(one.meters), one.flags].append(place)
        for (bill, meters, flags), places in by_bill.items():
            alike = _Alike.of(bill, meters, flags, [told[place] for place in places], [ids[place] for place in places])
            if max(alike.totals) >= IMPOSSIBLE:
                odd += places
                continue
            number = self._number(bill, meters)
            settled = {"price_book": self._book.sha256, "settled_at": settled_ns, "bill": number}
            alike.fill(columns, {name: alike.every(value) for name, value in settled.items()})
            if number is None:
                alike.fill_parts(columns)
        return odd

    def _add_odd(self, columns: CallColumns, calls: Iterable[Call], settled_ns: int) -> None:
        priced = [(call, price(call, self._book)) for call in calls]
        columns.add_rows([call_rows(call, pricing, revision=1, settled_ns=settled_ns) for call, pricing in priced])


_Key = tuple[Bill, tuple[str, ...], tuple[str, ...]]
"""What calls that are made together have in common: bill, meters, flags."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Calls with one bill, the same meters and the same flags, and their names; `counts` are the quantities of each
    meter, `amounts` what those of the bill cost, and `totals` what each call costs, in 1e-12 USD."""

    bill: Bill
    flags: tuple[str, ...]
    calls: Sequence[Call | Observation]
    call_ids: Sequence[str]
    counts: _Named
    amounts: Sequence[Sequence[int]]
    totals: Sequence[int]

    @classmethod
    def of(
        cls,
        bill: Bill,
        meters: tuple[str, ...],
        flags: tuple[str, ...],
        calls: Sequence[Call | Observation],
        call_ids: Sequence[str],
    ) -> Self:
        """Count and multiply."""
        counts = dict(zip(meters, zip(*[call.meters.values() for call in calls], strict=True), strict=True))
        prices = zip(bill.meters, bill.prices, strict=True)
        amounts = [[count * unit_price for count in counts[meter]] for meter, unit_price in prices]
        return cls(bill, flags, calls, call_ids, counts, amounts, _sum(amounts) or [0] * len(calls))

    def every(self, value: Any) -> list[Any]:  # noqa: ANN401 - whatever the column holds
        """A column in which all calls have this value."""
        return [value] * len(self.calls)

    def fill(self, columns: CallColumns, settled: _Named) -> None:
        """Add the calls; `settled` are the columns about the settling."""
        told = dict(zip(_AS_TOLD, zip(*map(_as_told, self.calls), strict=True), strict=True))
        first = {"revision": self.every(1), "call_id": self.call_ids}
        columns.add(
            CALLS_WITH_BILL,
            {**settled, **told, **first, **self._ids(), **self._tokens(), **self._price(), **self._said()},
        )

    def fill_parts(self, columns: CallColumns) -> None:
        """Add their meters and charges."""
        started = [call.started_ns for call in self.calls]
        common = {"revision": self.every(1), "call_id": self.call_ids, "started_at": started}
        for meter, counts in self.counts.items():
            columns.add(CALL_METERS, {**common, "meter": self.every(meter), "quantity": _scaled(counts)})
        for line in self._charges():
            columns.add(CHARGES, {**common, **line})

    def _ids(self) -> _Named:
        return {
            "trace_id": [call.trace_id.hex() for call in self.calls],
            "span_id": [call.span_id.hex() for call in self.calls],
        }

    def _tokens(self) -> _Named:
        def total(belongs: Callable[[str], bool]) -> Sequence[int | None]:
            return _sum([counts for meter, counts in self.counts.items() if belongs(meter)]) or self.every(None)

        taken, given = INPUT_METERS.__contains__, OUTPUT_METERS.__contains__
        return {
            "input_tokens": total(taken),
            "cache_read_tokens": total(lambda meter: meter.startswith("cache_read")),
            "cache_write_tokens": total(lambda meter: meter.startswith("cache_write")),
            "output_tokens": total(given),
            "reasoning_tokens": total(lambda meter: meter.startswith("reasoning")),
            "total_tokens": total(lambda meter: taken(meter) or given(meter)),
        }

    def _price(self) -> _Named:
        """What the calls cost as far as that is known, with its bounds."""
        bill, totals, unknown = self.bill, self.totals, self.every(None)
        more = [[count * less for count in self.counts[m]] for m, less in zip(bill.meters, bill.more, strict=False)]
        dearest = _sum([totals, *more])
        cost, low, high = (
            (unknown, totals if bill.meters else unknown, unknown) if bill.reasons else (totals, totals, dearest)
        )
        return {
            "cost_usd": cost,
            "cost_low_usd": low,
            "cost_high_usd": high,
            "reported_cost_usd": unknown,  # who is told one is not priced here
            "price_status": self.every(bill.status),
            "price_reasons": self.every(json_text(bill.reasons)),
        }

    def _said(self) -> _Named:
        return {
            "flags": self.every(flags_text(self.flags, self.bill.flags)),
            "conditions": self.every(conditions_text(self.calls[0].conditions)),  # a bill is for one set of them
            "emitter_cost_usd": [money_units(call.emitter_cost_usd) for call in self.calls],
            "dimensions": [map_text(call.attribution.dimensions) for call in self.calls],
            "sources": [len(call.sources) if isinstance(call, Call) else 1 for call in self.calls],
        }

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
        "call_id": [call.call_id for call, _ in pairs],
        "revision": [1] * len(pairs),
        "trace_hi": trace_hi,
        "trace_lo": trace_lo,
        "span": span,
        "part": [source.part for _, source in pairs],
        "reason": [source.reason for _, source in pairs],
        "started_at": [call.started_ns for call, _ in pairs],
    }


def _sum(columns: Sequence[Sequence[int]]) -> Sequence[int]:
    """The sum of columns, row by row; nothing for no columns."""
    return columns[0] if len(columns) == 1 else [*map(sum, zip(*columns, strict=True))]


def _scaled(counts: Sequence[int]) -> list[int]:
    return [count * _ONE for count in counts]
