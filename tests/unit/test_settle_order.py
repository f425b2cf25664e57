"""Settling depends on what was observed only: not on order, repetition, or what else is in the set."""

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.observed import links_of, numbered, observations_of, streams, worlds

import spanledger_collector.settle
from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.kin import Placed, Spans, kin
from spanledger_collector.ledger.neighbours import IndexRow
from spanledger_collector.model import Call, ReceivedSpan, Source
from spanledger_collector.settle import ALONE, crowds, settle
from spanledger_collector.settle.nodes import OVERLAP_SLACK_NS, Identity, Link, Node
from spanledger_collector.settle.twins import APART_NS, CELL_NS, HANDED_OVER_NS


@given(worlds() | streams(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_calls(spans: list[ReceivedSpan], chance: random.Random) -> None:
    observations, links = observations_of(spans), links_of(spans)
    again = [*observations, *chance.choices(observations, k=3)] if observations else []
    chance.shuffle(again)
    assert settle(again, dict(chance.sample(sorted(links.items(), key=repr), len(links)))) == settle(
        observations, links
    )


@given(worlds(most=12))
def test_calls_of_lone_observations_are_those_that_the_rules_give(spans: list[ReceivedSpan]) -> None:
    """The short way for what has to do with nothing else, against the way through all rules."""
    observations, links = observations_of(spans), links_of(spans)
    short = settle(observations, links)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spanledger_collector.settle, "set_apart", _none_apart)
        assert settle(observations, links) == short


@given(worlds())
def test_every_call_has_a_name_of_its_own_and_a_span_that_is_believed(spans: list[ReceivedSpan]) -> None:
    calls = settle(observations_of(spans), links_of(spans))
    assert len({call.call_id for call in calls}) == len(calls)
    assert len({(call.trace_id, call.span_id) for call in calls}) == len(calls)
    for call in calls:
        believed = [source for source in call.sources if source.part == "usage"]
        assert [(source.trace_id, source.span_id) for source in believed] == [(call.trace_id, call.span_id)]
        if len(call.sources) == 1:
            assert call.sources == (Source(call.trace_id, call.span_id, *ALONE),), "the ledger does not store it"


@given(worlds())
def test_no_observation_is_forgotten_and_none_counted_twice(spans: list[ReceivedSpan]) -> None:
    observations = observations_of(spans)
    calls = settle(observations, links_of(spans))
    counted = [(source.trace_id, source.span_id) for call in calls for source in call.sources]
    for observation in observations:
        times = counted.count((observation.trace_id, observation.span_id))
        if observation.role == "candidate":
            assert times >= 1
    usage_of = [(call.trace_id, call.span_id) for call in calls if call.meters]
    assert len(set(usage_of)) == len(usage_of)


@given(worlds(most=12) | streams())
def test_what_a_call_is_depends_on_its_neighbours_only(spans: list[ReceivedSpan]) -> None:
    """What makes it possible to settle step by step: the questions of `ledger.neighbours` find all that matters."""
    _assert_neighbours_suffice(spans)


@given(streams(most=12))
def test_and_where_a_crowd_is_not_compared_with_all_of_it(spans: list[ReceivedSpan]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "CROWD", 1)
        _assert_neighbours_suffice(spans)


def _assert_neighbours_suffice(spans: list[ReceivedSpan]) -> None:
    observations, links = observations_of(spans), links_of(spans)
    rows = [*Fresh.of(numbered(observations)).index.rows()]
    everything = settle(observations, links)
    for row in rows:
        near = _neighbourhood(row, rows, _numbered(links))
        alone = settle([observations[found.seq] for found in near], links)
        identity = observations[row.seq].trace_id, observations[row.seq].span_id
        assert _calls_of(identity, alone) == _calls_of(identity, everything)


def _none_apart(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    return [], nodes


def _calls_of(identity: tuple[bytes, bytes], calls: list[Call]) -> list[Call]:
    return [call for call in calls if identity in {(source.trace_id, source.span_id) for source in call.sources}]


def _numbered(links: Mapping[Identity, Link]) -> Spans:
    return {
        (int.from_bytes(trace[:8]), int.from_bytes(trace[8:]), int.from_bytes(span)): Placed(
            None if link.parent_span_id is None else int.from_bytes(link.parent_span_id), *link[1:]
        )
        for (trace, span), link in links.items()
    }


def _neighbourhood(row: IndexRow, rows: Sequence[IndexRow], spans: Spans) -> list[IndexRow]:
    found, frontier = {row.seq: row}, [row]
    while frontier:
        one = frontier.pop()
        near = [other for other in rows if _near(one, other, spans)]
        for other in (*near, *_of_model(one, rows), *_owners(one, rows)):
            if other.seq not in found:
                found[other.seq] = other
                frontier.append(other)
    return list(found.values())


def _near(one: IndexRow, other: IndexRow, spans: Spans) -> bool:
    def overlap(slack: int) -> bool:
        return one.started_at <= other.ended_at + slack and other.started_at <= one.ended_at + slack

    if overlap(OVERLAP_SLACK_NS) and kin([other], [one[1:4]], spans):
        return True
    if not overlap(0):
        return False
    same_id = one.id_key is not None and one.id_key == other.id_key
    return same_id or (one.twin_key is not None and one.twin_key == other.twin_key and one.dialect != other.dialect)


def _of_model(one: IndexRow, rows: Sequence[IndexRow]) -> list[IndexRow]:
    """What is compared with `one` because of its model: over the edge of a cell only if there is nothing else, and then
    no more than shows that it is not the only one."""
    compared = [row for row in rows if _is_of_model(one, row)]
    inside = [row for row in compared if row.started_at // CELL_NS == one.started_at // CELL_NS]
    return inside or compared[:2]


def _is_of_model(one: IndexRow, other: IndexRow) -> bool:
    if one.model_key is None or other.model_key is None or one.model_key >> 1 != other.model_key >> 1:
        return False
    if one.dialect == other.dialect or (one.twin_key is not None and other.twin_key is not None):
        return False
    if (one.trace_hi, one.trace_lo) != (other.trace_hi, other.trace_lo) and not (one.model_key | other.model_key) & 1:
        return False
    same_cell = one.started_at // CELL_NS == other.started_at // CELL_NS
    began_together = abs(one.started_at - other.started_at) <= APART_NS
    if not (began_together or (same_cell and abs(one.ended_at - other.ended_at) <= APART_NS)):
        return False
    return one.started_at <= other.ended_at + HANDED_OVER_NS and other.started_at <= one.ended_at + HANDED_OVER_NS


def _owners(one: IndexRow, rows: Sequence[IndexRow]) -> list[IndexRow]:
    """Of the id of `one`, and of each of the counts that came with it, the earliest."""
    earliest: dict[int | None, IndexRow] = {}
    for row in sorted(rows, key=lambda row: (row.started_at, row.trace_hi, row.trace_lo, row.span)):
        if one.id_key is not None and row.id_key == one.id_key:
            earliest.setdefault(row.answer_key, row)
    return list(earliest.values())
