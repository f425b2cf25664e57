"""As many pairs as can be, whom observations are compared with in a crowd, and what both cost at worst."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.observed import NATIVE, START_NS, make_span, observations_of

from spanledger_collector.settle.crowds import CROWD, at_once, in_turn
from spanledger_collector.settle.nodes import Node, node_of
from spanledger_collector.settle.pairing import most_pairs

_Wishes = list[tuple[int, int]]

_wishes = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), unique=True, max_size=20)


def _most(wishes: Sequence[tuple[int, int]]) -> int:
    """How many pairs there can be, by trying everything."""
    if not wishes:
        return 0
    (left, right), *others = wishes
    without = [wish for wish in others if wish[0] != left and wish[1] != right]
    return max(_most(others), 1 + _most(without))


def _as_they_come(wishes: _Wishes) -> dict[int, int]:
    found: dict[int, int] = {}
    for left, right in wishes:
        if left not in found and right not in found.values():
            found[left] = right
    return found


@given(_wishes)
def test_there_are_no_more_pairs_than_these(wishes: _Wishes) -> None:
    pairs = most_pairs(wishes)
    assert len(pairs) == _most(wishes)
    assert set(pairs) <= set(wishes)
    assert len({left for left, _ in pairs}) == len({right for _, right in pairs}) == len(pairs)


@given(_wishes)
def test_the_most_wanted_are_taken_unless_somebody_is_left_over(wishes: _Wishes) -> None:
    taken = _as_they_come(wishes)
    if len(taken) == _most(wishes):
        assert dict(most_pairs(wishes)) == taken


@given(_wishes, _wishes, st.randoms(use_true_random=False))
def test_those_whom_nothing_connects_do_not_matter_to_one_another(
    some: _Wishes, others: _Wishes, chance: Random
) -> None:
    apart = [(left + 10, right + 10) for left, right in others]
    both = [*some, *apart]
    chance.shuffle(both)  # of each, the order stays what it is in the whole
    some_in_order, others_in_order = [w for w in both if w in some], [w for w in both if w in apart]
    assert sorted(most_pairs(both)) == sorted([*most_pairs(some_in_order), *most_pairs(others_in_order)])


def test_a_chain_of_thousands_changes_partners_without_going_deep() -> None:
    """Everyone wants the next one's first choice: the last in line finds a partner only if all move on by one."""
    many = 5000
    inner = [(number, number + 1) for number in range(many)]
    wishes = [*inner, *((number, number) for number in range(many + 1))]
    assert len(most_pairs(wishes)) == many + 1


def _nodes(spans: Sequence[tuple[int, int]], first_id: int) -> list[Node]:
    """Observations from a start for a length (ms), in their order."""
    (told,) = observations_of([make_span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, NATIVE)])
    made = [
        replace(
            told,
            trace_id=(first_id + number).to_bytes(16),
            started_ns=START_NS + start * 10**6,
            ended_ns=START_NS + (start + length) * 10**6,
        )
        for number, (start, length) in enumerate(spans)
    ]
    return sorted(map(node_of, made), key=lambda node: node.order)


_times = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=CROWD)


@given(_times, _times)
def test_all_that_overlap_are_compared(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    one, other = _nodes(some, 100), _nodes(others, 200)
    expected = {
        frozenset({mine.identity, theirs.identity})
        for mine, theirs in product(one, other)
        if mine.observation.started_ns <= theirs.observation.ended_ns
        and theirs.observation.started_ns <= mine.observation.ended_ns
    }
    found = [*at_once(one, other)]
    assert {frozenset({first.identity, later.identity}) for first, later in found} == expected
    assert all(first.order < later.order for first, later in found)


def test_in_a_crowd_each_is_compared_with_so_many() -> None:
    """Also with the one that began when it did, and the one that ended when it did."""
    many = 2000
    one = _nodes([(number, 5000 - 2 * number) for number in range(many)], 10_000)
    other = _nodes([(number, 5000 - 2 * number) for number in range(many)], 20_000)
    found = [*at_once(one, other)]
    assert len(found) <= 4 * CROWD * many
    alike = {(first.order[0], later.order[0]) for first, later in found if first.order[0] == later.order[0]}
    assert len(alike) == many


@given(_times, _times)
def test_whoever_is_left_over_finds_somebody_who_is(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    """Unless nobody overlaps it."""
    one, other = _nodes(some, 100), _nodes(others, 200)
    compared, taken = {*_ids(at_once(one, other))}, {*_ids(in_turn(one, other))}
    assert taken <= compared
    assert bool(taken) == bool(compared)


def _ids(pairs: Iterable[tuple[Node, Node]]) -> Iterator[tuple[bytes, bytes]]:
    return ((first.identity[0], later.identity[0]) for first, later in pairs)


def test_a_crowd_that_is_left_over_is_not_compared_with_the_same_few() -> None:
    many = 2000
    one, other = _nodes([(0, 100)] * many, 10_000), _nodes([(1, 50)] * many, 20_000)
    found = [*in_turn(one, other)]
    assert len(found) <= 2 * CROWD * many
    assert len(most_pairs(_ids(found))) == many
