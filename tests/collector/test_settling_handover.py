"""What the journal hands to settling in memory is what stands in its file, however much of it there is room for."""

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settling_bench import SettlingBench, settling_bench
from tests.observed import OWN, make_span, observations_of, worlds

from spanledger_collector.journal.reading import StoredReading, decode_reading
from spanledger_collector.ledger import passes
from spanledger_collector.ledger.handover import Handover
from spanledger_collector.model import Observation, ReceivedSpan
from spanledger_collector.observation_columns import ObservationColumns, columns_of

_SAID = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}


def _observations(count: int) -> list[Observation]:
    return observations_of([make_span(_SAID, OWN, span=number) for number in range(1, count + 1)])


def _parts(observations: list[Observation], size: int = 9) -> list[ObservationColumns]:
    return [columns_of(observations[first : first + size]) for first in range(0, len(observations), size)]


def _taken(handover: Handover, after: int, most: int) -> list[int]:
    return [*handover.take(after, most).numbers]


@given(
    commits=st.lists(st.integers(0, 5), max_size=8),
    settled=st.lists(st.integers(0, 7), max_size=12),
    most=st.integers(0, 12),
    part=st.integers(1, 5),
    few=st.integers(0, 4),
)
def test_what_is_taken_is_what_follows(commits: list[int], settled: list[int], most: int, part: int, few: int) -> None:
    """However puts and takes follow each other, and whatever there was no room for."""
    handover = Handover(most, few=few)
    every = _observations(sum(commits))
    put = after = 0
    for step in settled:
        if commits:
            size = commits.pop()
            handover.put(put + 1, _parts(every[put : put + size], part))
            put += size
        taken = handover.take(after, step)
        count = len(taken.numbers)
        assert [*taken.numbers] == [*range(after + 1, after + 1 + count)]
        assert [*map(taken.told.fact, range(len(taken.told)))] == every[after : after + count]
        assert count <= min(step + step // 4, most)
        after = min(put, after + max(count, step))  # what was not taken was read from the file


def test_what_is_taken_stays_until_it_is_settled() -> None:
    handover, every = Handover(), _observations(6)
    handover.put(1, _parts(every[:3]))
    handover.put(4, _parts(every[3:]))
    assert _taken(handover, 0, 4) == [1, 2, 3, 4], "a pass that fails finds it again"
    assert _taken(handover, 0, 4) == [1, 2, 3, 4]
    assert _taken(handover, 4, 4) == [5, 6]
    assert _taken(handover, 6, 4) == []


def test_hardly_more_than_wanted_is_taken_at_once() -> None:
    handover, every = Handover(), _observations(12)
    handover.put(1, _parts(every[:11]))
    assert _taken(handover, 0, 8) == [*range(1, 9)]
    assert _taken(handover, 1, 8) == [*range(2, 12)]
    handover.put(12, _parts(every[11:]))
    assert _taken(handover, 1, 8) == [*range(2, 10)]


def test_a_gap_is_left_to_the_file() -> None:
    handover, every = Handover(2), _observations(6)
    handover.put(1, _parts(every[:2]))
    handover.put(3, _parts(every[2:4]))  # no room
    assert _taken(handover, 0, 9) == [1, 2]
    assert _taken(handover, 2, 9) == []
    handover.put(5, _parts(every[4:]))
    assert _taken(handover, 2, 9) == []
    assert _taken(handover, 4, 9) == [5, 6]


@given(spans=worlds())
def test_the_file_says_the_same_as_what_is_handed_over(spans: list[ReceivedSpan]) -> None:
    observations = observations_of(spans)
    assert [decode_reading(StoredReading.of(told)) for told in observations] == observations


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[SettlingBench, SettlingBench]]:
    """One that reads the file, and one that has room for a few in memory."""
    folder = tmp_path_factory.mktemp("handover")
    with (
        settling_bench(folder / "file.duckdb") as reading,
        settling_bench(folder / "memory.duckdb", observations_per_pass=3, handover=Handover(5)) as handed,
    ):
        yield reading, handed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=10)
@given(spans=worlds(most=12), cut=st.integers(0, 12))
def test_the_ledger_is_the_same(
    benches: tuple[SettlingBench, SettlingBench], spans: list[ReceivedSpan], cut: int
) -> None:
    batches = [batch for batch in (spans[:cut], spans[cut:]) if batch]
    reading, handed = (bench.run(batches) for bench in benches)
    assert reading == handed


@pytest.mark.parametrize("room", [0, 1, 3, 4, 20])
def test_nothing_is_left_pending_however_little_room_there_is(db: Path, room: int) -> None:
    with settling_bench(db, observations_per_pass=4, handover=Handover(room)) as bench:
        for number in range(1, 12, 2):
            bench.arrive([make_span(_SAID, OWN, trace=number + some) for some in (0, 1)])
        assert bench.settler.settle_pending() == 12
        assert bench.settler.pending() == 0


def test_what_was_handed_over_is_not_read(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(stored: StoredReading) -> Observation:
        raise AssertionError(stored)

    with settling_bench(db, handover=Handover()) as bench:
        monkeypatch.setattr(passes, "decode_reading", unwanted)
        assert bench.settle(make_span(_SAID, OWN)) == 1
