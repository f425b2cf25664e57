"""A long trace: what is settled again for a new span does not grow with what its trace holds."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from settling_bench import settling_bench
from tests.observed import OWN, make_span

from spanledger_collector.ledger.neighbours import IndexRow, Neighbours
from spanledger_collector.model import Observation, ReceivedSpan

_SAID = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
}
_ROOT = 1


def _turn(number: int, *, told_by: int) -> list[ReceivedSpan]:
    """A call within a span that lies in the root: all of them at the same time, so that only their place tells them
    apart."""
    counts = {"gen_ai.usage.input_tokens": 100 + number}
    return [
        make_span({"http.request.method": "GET"}, OWN, trace=1, span=told_by, parent=_ROOT, end=5.0),
        make_span(_SAID | counts, OWN, trace=1, span=told_by + 1, parent=told_by, end=5.0),
    ]


def test_what_is_read_again_does_not_grow_with_the_trace(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[int] = []
    read = Neighbours.read

    def counted(self: Neighbours, rows: Sequence[IndexRow]) -> list[Observation]:
        again.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(Neighbours, "read", counted)
    with settling_bench(db) as bench:
        for number in range(8):
            bench.settle(*_turn(number, told_by=10 + 2 * number))
        assert again == [], "calls beside each other have nothing to do with one another"
        bench.settle(make_span({"http.request.method": "GET"}, OWN, trace=1, span=_ROOT, end=5.0))
        assert again == [], "the root lies between nothing"
        assert bench.ask("SELECT count(*) FROM calls") == [(8,)]


def test_a_span_that_lies_between_comes_last(db: Path) -> None:
    """Only it tells that one span lies in the other."""
    inner = make_span(_SAID | {"gen_ai.response.model": "claude-sonnet-4-5"}, OWN, trace=1, span=3, parent=2)
    outer = make_span(_SAID | {"user.id": "ann"}, OWN, trace=1, span=1)
    between = make_span({"http.request.method": "GET"}, OWN, trace=1, span=2, parent=1)
    with settling_bench(db) as bench:
        bench.settle(outer)
        bench.settle(inner)
        assert bench.ask("SELECT count(*) FROM calls") == [(2,)]
        bench.settle(between)
        assert bench.ask("SELECT span_id, user_id, sources FROM calls") == [("0000000000000003", "ann", 2)]
