"""Observations as columns say what the objects say, whole and in parts; and so does what is written of them."""

import gc
import weakref
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.observed import make_span, observations_of, worlds

from spanledger_collector.dialects import kept_json
from spanledger_collector.facts import Every, facts_in, facts_of
from spanledger_collector.journal.reading import StoredReading, decode_reading, encode_readings
from spanledger_collector.journal.rows import Told, told_of
from spanledger_collector.model import Attribution, Conditions, Observation, ReceivedSpan
from spanledger_collector.observation_columns import (
    NOTHING_READ,
    ReadInSpans,
    columns_of,
    joined,
    observations_in,
)
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.shared_objects import made_once

_texts = st.none() | st.sampled_from(["ann", "", "two\nlines", 'a "quoted" one', "\r\u2028\x85\x00", "ä" * 70])
_attributions = st.builds(
    Attribution,
    _texts,
    _texts,
    _texts,
    dimensions=st.dictionaries(st.sampled_from("ab\n"), st.sampled_from(["x", "\n"])),
)
_conditions = st.sampled_from([Conditions(), Conditions(), Conditions(region="us\neast", speed="fast")])


@st.composite
def _observations(draw: st.DrawFn) -> list[Observation]:
    return [
        replace(
            observation,
            attribution=draw(_attributions),
            conditions=draw(_conditions),
            error_type=draw(_texts),
            reported_cost_usd=draw(st.sampled_from([None, Decimal("0.10")])),
            flags=draw(st.sampled_from([(), ("zero_usage", "odd\nflag")])),
        )
        for observation in observations_of(draw(worlds()))
    ]


@given(_observations())
def test_columns_give_back_the_observations(observations: list[Observation]) -> None:
    assert observations_in(columns_of(observations)) == observations


_FIELDS = [*columns_of([])]


@given(_observations(), st.integers(1, 4), st.data())
def test_facts_are_the_same_from_columns_and_from_objects(
    observations: list[Observation], size: int, data: st.DataObject
) -> None:
    every = range(len(observations))
    places = data.draw(st.lists(st.sampled_from(every))) if observations else []
    parts = [columns_of(observations[first : first + size]) for first in every[::size]]
    expected = [observations[place] for place in places]
    for whole in (facts_of(observations), facts_in(parts)):
        facts = whole.at(places)
        assert [*map(facts.fact, range(len(facts)))] == expected
        for name in _FIELDS:
            assert [*facts.column(name)] == [attrgetter(name)(each) for each in expected]
            if expected:
                alike = all(value == facts.column(name)[0] for value in facts.column(name))
                assert [*facts.said(name)] == [*facts.column(name)]
                assert isinstance(facts.said(name), Every) == alike


def test_facts_that_nobody_needs_are_gone_at_once() -> None:
    """Where they waited for the garbage collector, a busy server kept those of many passes."""
    observations = observations_of(_spans(3))
    for facts in (facts_of(observations), facts_in([columns_of(observations)])):
        some = facts.at([1, 2])
        assert (facts.fact(0), some.fact(0), [*facts.said("role")]) == (*observations[:2], ["candidate"] * 3)
    gone = [weakref.ref(facts), weakref.ref(some)]
    gc.disable()
    try:
        del facts, some
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


@given(_observations())
def test_many_are_written_as_each_alone(observations: list[Observation]) -> None:
    alone = [*map(StoredReading.of, observations)]
    assert encode_readings(columns_of(observations)) == [stored.reading for stored in alone]
    assert [*map(decode_reading, alone)] == observations


def test_a_reading_is_written_as_ever() -> None:
    """What comes again after an upgrade is the same text."""
    [plain] = observations_of([make_span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, parent=7)])
    other = replace(
        plain,
        parent_span_id=None,
        meters={"output": 2, "input": Decimal("1.5")},
        attribution=Attribution(user="ann", dimensions={"b": "1", "a": "2"}),
        conditions=Conditions(speed="fast"),
        emitter_cost_usd=Decimal("0.10"),
        flags=("odd",),
    )
    assert encode_readings(columns_of([plain, other])) == [
        '{"parent_span_id":"0000000000000007","attribution":{},"started_ns":1790000000000000000,'
        '"ended_ns":1790000001000000000,"service":"shop","source_rank":1,"meters":{},"service_instance":"one"}',
        '{"conditions":{"speed":"fast"},"attribution":{"user":"ann","dimensions":{"a":"2","b":"1"}},'
        '"started_ns":1790000000000000000,"ended_ns":1790000001000000000,"service":"shop","source_rank":1,'
        '"meters":{"input":"1.5","output":2},"emitter_cost_usd":"0.10","service_instance":"one","flags":["odd"]}',
    ]


def _read(spans: Sequence[ReceivedSpan], places: Sequence[int]) -> ReadInSpans:
    some = [spans[place] for place in places]
    return ReadInSpans(places, columns_of(observations_of(some)), [*map(kept_json, some)])


def _spans(count: int) -> list[ReceivedSpan]:
    names = ("gen_ai.operation.name", "gen_ai.usage.input_tokens", "user.id")
    return [
        make_span(dict(zip(names, ("chat", number, f"user-{number}"), strict=True)), span=1 + number)
        for number in range(count)
    ]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_parts_of_a_request_are_put_in_the_order_of_its_spans(part_of: list[int]) -> None:
    spans = _spans(len(part_of))
    parts = [_read(spans, [place for place, part in enumerate(part_of) if part == number]) for number in range(4)]
    whole = _read(spans, range(len(spans)))
    found = ReadInSpans.together(parts)
    assert [*found.places] == [*whole.places]
    assert [*found.attributes] == [*whole.attributes]
    assert observations_in(found.observed) == observations_in(whole.observed)
    assert ReadInSpans.together([NOTHING_READ, NOTHING_READ]) == NOTHING_READ


def _said(told: Told) -> tuple[object, ...]:
    return [*told.places], {name: [*column] for name, column in told.columns.items()}, _observed(told)


def _observed(told: Told) -> list[Observation]:
    assert told.observed is not None
    return observations_in(joined(told.observed))


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=4))
def test_what_lots_of_spans_told_is_joined_and_chosen_from_as_if_they_had_come_as_one(chosen: list[list[bool]]) -> None:
    flat = [kept for lot in chosen for kept in lot]
    spans = _spans(len(flat))
    lots: list[tuple[int, Told]] = []
    first = 0
    for lot in chosen:
        some = spans[first : first + len(lot)]
        lots.append((first, told_of(ReceivedSpans.of(some).skeletons, _read(some, range(len(some))))))
        first += len(lot)
    of_all, whole = Told.joined(lots), told_of(ReceivedSpans.of(spans).skeletons, _read(spans, range(len(spans))))
    assert _said(of_all) == _said(whole)
    assert _said(of_all.only(flat)) == _said(whole.only(flat))
    kept = [span for span, is_kept in zip(spans, flat, strict=True) if is_kept]
    assert _observed(of_all.only(flat)) == observations_of(kept)


def test_what_is_the_same_object_is_made_once() -> None:
    one, true, two = [1], [True], [1]
    met: list[object] = []
    assert made_once(lambda each: (met.append(each), repr(each))[1], [one, true, one, two]) == [
        "[1]",
        "[True]",
        "[1]",
        "[1]",
    ]
    assert len(met) == 3
    assert made_once(repr, [one] * 3) == ["[1]"] * 3
    assert made_once(repr, []) == []
