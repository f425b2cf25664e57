"""Far more response ids than the filter in memory has room for: it takes new ones for known, which costs time only."""

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from settling_bench import settling_bench
from tests.observed import make_span

from spanledger_collector.journal import key_filter
from spanledger_collector.journal.key_filter import GrowingFilter
from spanledger_collector.ledger import known_ids
from spanledger_collector.ledger.known_ids import KnownIds
from spanledger_collector.model import ReceivedSpan

ROOM = 500
_random = random.Random(7)
CROWD = [_random.getrandbits(64) for _ in range(100 * ROOM)]


def crowded(expected: int = 0) -> GrowingFilter:
    """A filter that knows a hundred times as much as it has room for."""
    found = GrowingFilter(expected)
    found.add(CROWD)
    return found


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if that were the most that a filter may take."""
    for name in ("_FEWEST", "_MORE", "_MOST"):
        monkeypatch.setattr(key_filter, name, ROOM)


@pytest.mark.usefixtures("little_room")
def test_it_takes_no_more_memory_overlooks_nothing_and_errs_often() -> None:
    found = crowded()
    assert found.suspects(CROWD) == list(range(len(CROWD)))
    others = [_random.getrandbits(64) for _ in range(1000)]
    assert len(found.suspects(others)) > 900, "as it has no more room"
    assert len(vars(found)["_filters"]) == 1


@pytest.mark.usefixtures("little_room")
def test_which_ids_were_seen_is_known_exactly_all_the_same(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_ids, "GrowingFilter", crowded)
    with settling_bench(db) as bench:
        bench.settle(*(call(number) for number in range(3)))
        stored = {key for (key,) in bench.ask("SELECT id_key FROM store.settle_index")}
        with closing(bench.ledger.cursor()) as cursor:
            assert KnownIds(cursor).seen({*CROWD[:200], *stored}) == stored


def call(number: int, response_id: int | None = None, **span: Any) -> ReceivedSpan:  # noqa: ANN401 - the rest of what `make_span` takes
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.id": f"msg_{number if response_id is None else response_id:012}",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
    }
    return make_span(said, trace=number + 1, span=number + 1, **span)


@pytest.mark.usefixtures("little_room")
def test_the_calls_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those that were told of twice, at once and much later."""
    passes = [
        [call(number) for number in range(6)],
        [call(6), call(7, response_id=1), call(8, response_id=6)],
        [call(9, start=90_000, end=90_001), call(10, response_id=2, start=90_000, end=90_001)],
    ]
    found: list[Any] = []
    for name in ("usual", "crowded"):
        if name == "crowded":
            monkeypatch.setattr(known_ids, "GrowingFilter", crowded)
        with settling_bench(tmp_path / f"{name}.duckdb") as bench:
            for spans in passes:
                bench.settle(*spans)
            found.append(bench.snapshot())
    assert found[0] == found[1]
    assert len(found[0]) < sum(map(len, passes)), "some were told of twice"
