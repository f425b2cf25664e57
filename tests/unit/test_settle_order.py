"""Settling depends on what was observed only: not on order, repetition, or what else is in the set."""

import random

from hypothesis import given
from hypothesis import strategies as st

from spanledger_collector.model import ReceivedSpan
from spanledger_collector.settle import settle
from tests.observed import observations_of, parents_of, worlds


@given(worlds(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_calls(spans: list[ReceivedSpan], chance: random.Random) -> None:
    observations, parents = observations_of(spans), parents_of(spans)
    again = [*observations, *chance.choices(observations, k=3)] if observations else []
    chance.shuffle(again)
    assert settle(again, dict(chance.sample(sorted(parents.items(), key=repr), len(parents)))) == settle(
        observations, parents
    )


@given(worlds())
def test_every_call_has_a_name_of_its_own_and_a_span_that_is_believed(spans: list[ReceivedSpan]) -> None:
    calls = settle(observations_of(spans), parents_of(spans))
    assert len({call.call_id for call in calls}) == len(calls)
    assert len({(call.trace_id, call.span_id) for call in calls}) == len(calls)
    for call in calls:
        believed = [source for source in call.sources if source.part == "usage"]
        assert [(source.trace_id, source.span_id) for source in believed] == [(call.trace_id, call.span_id)]


@given(worlds())
def test_no_observation_is_forgotten_and_none_counted_twice(spans: list[ReceivedSpan]) -> None:
    observations = observations_of(spans)
    calls = settle(observations, parents_of(spans))
    counted = [(source.trace_id, source.span_id) for call in calls for source in call.sources]
    for observation in observations:
        times = counted.count((observation.trace_id, observation.span_id))
        if observation.role == "candidate":
            assert times >= 1
    usage_of = [(call.trace_id, call.span_id) for call in calls if call.meters]
    assert len(set(usage_of)) == len(usage_of)
