"""The line before the journal: everybody's requests in their order, and nobody behind all that another one sends."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from spanledger_collector.journal.line import Line

_SYNC = 4096
_LARGEST = 4096
"""Spans of a request are fewer: larger ones come in parts."""

_requests = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, _LARGEST - 1)), max_size=60)


@given(_requests)
def test_everything_is_taken_once_and_of_each_client_in_its_order(requests: list[tuple[str, int]]) -> None:
    line = _filled(requests)
    line.close()
    taken: list[int] = []
    while line.wait():
        together = line.take()
        spans = [requests[number][1] for number in together]
        assert sum(spans[:-1]) < _SYNC, "a sync is bounded"
        taken += together
    assert sorted(taken) == [*range(len(requests))]
    for client in "abc":
        own = [number for number in taken if requests[number][0] == client]
        assert own == sorted(own)


@given(_requests)
def test_whoever_waits_has_a_turn_in_each_sync_that_has_room_for_all(requests: list[tuple[str, int]]) -> None:
    """Three clients at most: each has room for its first request, unless those before it are larger than a turn."""
    usual = [(client, min(spans, 512)) for client, spans in requests]
    line = _filled(usual)
    clients = Counter(client for client, _ in usual)
    while +clients:
        taken = Counter(usual[number][0] for number in line.take())
        assert taken.keys() == (+clients).keys()
        clients -= taken


def test_who_sends_little_does_not_wait_for_all_that_another_one_sends() -> None:
    line = _filled([("large", 512)] * 100)
    assert len(line.take()) == 8
    for number in range(100, 110):
        line.put("small", 8, number)
    together = line.take()
    assert [number for number in together if number >= 100] == [*range(100, 110)]
    assert len(together) <= 14, "and what goes with it is little"


def test_of_a_client_with_small_and_large_requests_no_more_goes_before_others() -> None:
    line = _filled([("large", 1)] * 1000 + [("small", 1)])
    assert 1000 in line.take()


def test_who_takes_waits_for_the_first_and_is_told_of_the_end() -> None:
    line: Line[int] = Line()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(line.wait)
        assert line.put("a", 1, 7)
        assert waiting.result(timeout=30)
        assert line.take() == [7]
        waiting = thread.submit(line.wait)
        line.close()
        assert not waiting.result(timeout=30)
    assert line.closed
    assert not line.put("a", 1, 8), "nothing is let in that nobody would take"
    assert line.take() == []


def _filled(requests: list[tuple[str, int]]) -> Line[int]:
    line: Line[int] = Line()
    for number, (client, spans) in enumerate(requests):
        assert line.put(client, spans, number)
    return line
