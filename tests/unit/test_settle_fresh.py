"""What settling works out for many new observations at once is what it works out for each of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.observed import OWN, links_of, make_span, numbered, observations_of, worlds

from spanledger_collector.facts import facts_of
from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.lone import Lone, apart
from spanledger_collector.ledger.neighbours import IndexColumns, IndexRow, repeated
from spanledger_collector.model import AttributeValue, Observation, Quantity, ReceivedSpan, Scope
from spanledger_collector.settle import settle
from spanledger_collector.settle.keys import (
    answer_key,
    answer_keys,
    response_key,
    response_key_of,
    response_keys_of,
    text_key,
    wide_key,
)
from spanledger_collector.settle.roots import begin_traces, begins_trace
from spanledger_collector.settle.sharing import shared_by
from spanledger_collector.totals import Totals

_FRAMEWORK = Scope("pydantic-ai", "2")


@given(worlds(most=12))
def test_the_index_says_of_each_observation_what_it_shares(spans: list[ReceivedSpan]) -> None:
    observations = observations_of(spans)
    fresh = Fresh.of(numbered(observations))
    assert IndexColumns._fields == IndexRow._fields
    assert [*fresh.index.rows()] == [*_one_by_one(observations)]
    assert [fresh.index.row(place) for place in range(len(fresh))] == [*fresh.index.rows()]
    assert [observations[number] for number in fresh.index.seq] == [*map(fresh.told.fact, range(len(fresh)))]


def _one_by_one(observations: list[Observation]) -> Iterator[IndexRow]:
    for number, told in enumerate(observations):
        if told.role == "ignored":
            continue
        shared = shared_by(told) if told.role == "candidate" else None
        key, twin, model = (
            (shared.response_key, shared.twin_parts, shared.model_parts) if shared else (None, None, None)
        )
        yield IndexRow(
            number,
            int.from_bytes(told.trace_id[:8]),
            int.from_bytes(told.trace_id[8:]),
            int.from_bytes(told.span_id),
            told.started_ns,
            told.ended_ns,
            None if key is None else text_key(key),
            None if key is None or shared is None else answer_key(*shared.totals),
            None if twin is None else wide_key(*twin),
            told.dialect,
            None if model is None else wide_key(*model) & ~1 | begins_trace(told),
        )


@given(worlds(most=12))
def test_what_is_set_apart_before_any_graph_is_made_gives_the_same_calls(spans: list[ReceivedSpan]) -> None:
    observations, links = observations_of(spans), links_of(spans)
    lone, others = apart(fresh := Fresh.of(numbered(observations)), [])
    places = _places(lone)
    calls = [lone.call(place) for place in places]
    assert [call.call_id for call in calls] == [lone.call_ids[place].hex() for place in places]
    assert sorted([*places, *others]) == [*range(len(fresh))]
    calls += settle([*map(fresh.told.fact, others)], links)
    assert sorted(calls, key=lambda call: (call.started_ns, call.call_id)) == settle(observations, links)


def _places(lone: Lone) -> list[int]:
    return [place for kind in lone.kinds for place in kind.places]


def _told(scope: Scope, *, counts: bool = True, **span: Any) -> ReceivedSpan:  # noqa: ANN401 - the rest of what `make_span` takes
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
    }
    usage: dict[str, AttributeValue] = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}
    return make_span(said | (usage if counts else {}), scope, **span)


@pytest.mark.parametrize(
    ("one", "other", "apart_from_each_other"),
    [
        pytest.param(_told(OWN), _told(OWN, trace=2, span=2), True, id="two traces of one emitter"),
        pytest.param(_told(OWN), _told(_FRAMEWORK, trace=2, span=2), False, id="equal counts of two emitters"),
        pytest.param(
            _told(OWN), _told(_FRAMEWORK, counts=False, trace=2, span=2), False, id="the model, of two emitters"
        ),
        pytest.param(_told(OWN, parent=9), _told(OWN, span=2, parent=9), True, id="siblings"),
        pytest.param(_told(OWN, parent=9), _told(OWN, span=2, parent=1), False, id="one in the other"),
        pytest.param(_told(OWN, parent=1), _told(OWN, span=2, parent=1), False, id="one that is its own parent"),
        pytest.param(_told(OWN), _told(OWN), False, id="the same span twice"),
        pytest.param(_told(OWN, parent=9), _told(OWN, span=2, parent=8), False, id="parents of which nothing is known"),
    ],
)
def test_what_may_be_one_call_is_not_set_apart(
    one: ReceivedSpan, other: ReceivedSpan, *, apart_from_each_other: bool
) -> None:
    lone, others = apart(Fresh.of(numbered(observations_of([one, other]))), [])
    assert len(_places(lone)) == (2 if apart_from_each_other else 0)
    assert others == ([] if apart_from_each_other else [0, 1])


_COUNTS: list[Quantity | None] = [None, 0, 1, 2**31, 2**32 - 1, 2**32, 2**40, -1, Decimal("0.5"), Decimal(1)]


def test_answers_with_other_counts_have_other_keys() -> None:
    totals = {Totals(taken, given) for taken in _COUNTS for given in _COUNTS}
    keys = {answer_key(*each) for each in totals}
    assert len(keys) == len(totals)
    assert all(0 <= key < 2**64 for key in keys)


@given(st.lists(st.tuples(st.sampled_from(_COUNTS), st.sampled_from(_COUNTS))))
def test_keys_of_many_answers_are_those_of_each(totals: list[tuple[Quantity | None, Quantity | None]]) -> None:
    taken, given_ = [one for one, _ in totals], [other for _, other in totals]
    assert [*answer_keys(taken, given_)] == [answer_key(*each) for each in totals]


_PARENTS = st.sampled_from([None, bytes(8), bytes.fromhex("018f0000000070ff"), bytes.fromhex("018f000000010000")])


@given(st.lists(st.tuples(_PARENTS, st.sampled_from([bytes(16), bytes.fromhex("018f0000000070ff" + "00" * 8)]))))
def test_what_begins_a_trace_is_told_of_many_as_of_each(ids: list[tuple[bytes | None, bytes]]) -> None:
    (like,) = observations_of([_told(OWN)])
    started = 0x018F_0000_0000 * 10**6
    told = [
        structs.replace(like, trace_id=trace, parent_span_id=parent, started_ns=started + place)
        for place, (parent, trace) in enumerate(ids)
    ]
    assert begin_traces(facts_of(told)) == [begins_trace(one) for one in told]


@pytest.mark.parametrize(
    ("response_id", "key"),
    [
        ("chatcmpl-abc123", "openai\0chatcmpl-abc123"),
        ("cmpl-abc123", "openai\0cmpl-abc123"),
        ("msg_abc123", "anthropic\0msg_abc123"),
        ("resp-abc123", "xai\0resp-abc123"),
        ("chat-abc123", "xai\0chat-abc123"),
        ("chatcmpl-417", None),
        ("chatcmpl-123456789", None),
        ("chatcmpl-1234567890", "openai\0chatcmpl-1234567890"),
        ("abc12", None),
        ("run_abc12", None),
        ("run_abc123", "xai\0run_abc123"),
        ("1234567890", "xai\x001234567890"),
        ("", None),
    ],
)
def test_ids_that_only_one_call_can_have(response_id: str, key: str | None) -> None:
    (like,) = observations_of([_told(OWN)])
    assert response_key(structs.replace(like, provider="xai", response_id=response_id)) == key


_LONG_IDS = ["chatcmpl-1234567890", "chatcmpl-abc1234567"]
_IDS = [*_LONG_IDS, "chatcmpl-417", "chatter-12345678", "abc12", "", None]


@given(st.lists(st.sampled_from(_IDS)) | st.lists(st.sampled_from(_LONG_IDS)))
def test_ids_of_many_are_those_of_each(response_ids: list[str | None]) -> None:
    assert response_keys_of("xai", response_ids) == [response_key_of("xai", each) for each in response_ids]


def test_keys_that_come_more_than_once() -> None:
    assert repeated([]) == repeated([None, None]) == repeated([1, None, 2, None]) == set()
    assert repeated([1, 2, None, 1]) == {1}
