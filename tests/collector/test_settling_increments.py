"""Settling step by step, through a real file, gives what settling all at once gives."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settling_bench import SettlingBench, settling_bench
from tests.observed import links_of, observations_of, streams, worlds

from spanledger_collector.model import ReceivedSpan
from spanledger_collector.settle import crowds, settle

_settings = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Generator[SettlingBench]:
    """One file for all examples, settled in passes so small that batches are cut once more."""
    with settling_bench(tmp_path_factory.mktemp("settling") / "ledger.duckdb", observations_per_pass=3) as bench:
        yield bench


@_settings
@given(spans=worlds(), data=st.data())
def test_any_batching_gives_what_one_batch_gives(
    bench: SettlingBench, spans: list[ReceivedSpan], data: st.DataObject
) -> None:
    _assert_batching_changes_nothing(bench, spans, data)


@settings(_settings, max_examples=12)
@given(spans=streams(most=6), crowd=st.sampled_from([1, crowds.CROWD]), data=st.data())
def test_any_batching_of_equal_streams_gives_what_one_batch_gives(
    bench: SettlingBench, spans: list[ReceivedSpan], crowd: int, data: st.DataObject
) -> None:
    """Who is paired with whom depends on all that ran at once: a late one may change the partners of many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "CROWD", crowd)
        _assert_batching_changes_nothing(bench, spans, data)


def _assert_batching_changes_nothing(bench: SettlingBench, spans: list[ReceivedSpan], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(spans))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(spans)), max_size=4)))
    batches = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(spans)], strict=True) if start < end]
    step_by_step = bench.run(batches)
    at_once = settle(observations_of(spans), links_of(spans))
    assert {row[0] for row in step_by_step} == {call.call_id for call in at_once}
    assert step_by_step == bench.run([spans])
