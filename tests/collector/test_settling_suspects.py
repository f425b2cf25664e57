"""New observations that may have to do with settled ones are found in memory; of others the ledger is asked nothing."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settling_bench import settling_bench
from tests.observed import OWN, make_span, numbered, observations_of, worlds

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.ledger.neighbours import INDEX, IndexColumns, IndexRow, Neighbours
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.suspects import Suspects
from spanledger_collector.model import AttributeValue, ReceivedSpan, Scope

_FRAMEWORK = Scope("pydantic-ai", "2")
_DAY = 86_400.0
_LATER: dict[str, Any] = {"start": _DAY, "end": _DAY + 1}


def _chat(number: int, scope: Scope = OWN, **span: Any) -> ReceivedSpan:  # noqa: ANN401 - the rest of what `make_span` takes
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.id": f"msg_{number:012}",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
    }
    return make_span(said, scope, **span)


def _index(spans: Sequence[ReceivedSpan], first: int = 1) -> IndexColumns:
    return Fresh.of(numbered(observations_of(spans), first)).index


def _suspected(ledger: Ledger, new: IndexColumns) -> set[int]:
    """What is suspected by who knows the ledger only, as after a restart."""
    with closing(ledger.cursor()) as cursor:
        return {row.seq for row in Suspects(cursor, KnownIds(cursor)).among(new)}


@pytest.mark.parametrize(
    ("new", "suspected"),
    [
        pytest.param(_chat(2, trace=2, span=2), False, id="another call of the emitter"),
        pytest.param(_chat(1, trace=2, span=2, **_LATER), True, id="the response id, at any time"),
        pytest.param(_chat(2, trace=1, span=2), True, id="the trace"),
        pytest.param(_chat(2, _FRAMEWORK, trace=2, span=2), True, id="another emitter at the time"),
        pytest.param(_chat(2, _FRAMEWORK, trace=2, span=2, **_LATER), False, id="another emitter later"),
    ],
)
def test_what_may_have_to_do_with_a_settled_one_is_suspected(db: Path, new: ReceivedSpan, *, suspected: bool) -> None:
    with settling_bench(db) as bench:
        bench.settle(_chat(1))
        assert _suspected(bench.ledger, _index([new])) == ({1} if suspected else set())


def test_of_what_is_not_suspected_nothing_is_asked(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[int]] = []
    neighbours = Neighbours.of

    def noted(of: Neighbours, asking: list[IndexRow], *rest: Any) -> object:  # noqa: ANN401 - passed on
        asked.append({row.span for row in asking})
        return neighbours(of, asking, *rest)

    monkeypatch.setattr(Neighbours, "of", noted)
    with settling_bench(db) as bench, bench.settler.kept_ready():
        for number in range(1, 5):
            bench.settle(_chat(number, trace=number, span=number))
        bench.settle(_chat(5, trace=1, span=5), _chat(6, trace=6, span=6))
    assert asked == [set(), set(), set(), set(), {5}]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=worlds(most=8), after=worlds(most=8), later=st.sampled_from([0.0, 5.0, _DAY]))
def test_nothing_that_the_ledger_would_find_is_overlooked(
    tmp_path_factory: pytest.TempPathFactory, before: list[ReceivedSpan], after: list[ReceivedSpan], later: float
) -> None:
    """Against the questions to the ledger, asked of every new observation by itself."""
    settled = _index(before)
    moved = _moved(_index(after, first=1000), round(later * 1e9))
    with (
        Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.duckdb") as ledger,
        closing(ledger.cursor()) as cursor,
        closing(Inserter(cursor, INDEX)) as index,
    ):
        index.insert_columns(settled)
        known = Suspects(cursor, KnownIds(cursor))
        suspected = {row.seq for row in known.among(moved)}
        neighbours = Neighbours(cursor, index)
        for row in moved.rows():
            if row.seq not in suspected:
                assert neighbours.of([row], [], set()).rows == {}


def _moved(rows: IndexColumns, by_ns: int) -> IndexColumns:
    started, ended = ([at + by_ns for at in column] for column in (rows.started_at, rows.ended_at))
    return rows._replace(started_at=started, ended_at=ended)
