"""Worlds whose real calls are known, all of equal usage and at one time: how many does settling count too many, and how
many too few?

Both are wrong, and what helps against the one brings the other about. The figures are held here; decision 3 tells them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest
from msgspec.structs import replace
from tests.observed import NATIVE, START_NS, make_span, observations_of

from spanledger_collector.model import Call, Observation, Scope
from spanledger_collector.settle import settle
from spanledger_collector.settle.twins import CLOSE_NS

_MS_NS: Final = 10**6
_EMITTERS: Final = (NATIVE, Scope("opentelemetry.instrumentation.anthropic", "0.62.4"), Scope("pydantic-ai", "2"))
"""The provider's own span, which may know a response id, in an SDK's instrumentation's, in a framework's."""
_SAID: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
}
_TOLD: Final = tuple(observations_of([make_span(_SAID, scope)])[0] for scope in _EMITTERS)


def _told(emitter: int, call: int, began_ms: float, ended_ms: float, *, named: bool = False) -> Observation:
    """What an emitter tells of a call, in a trace of its own: who tells of which is in its ids."""
    return replace(
        _TOLD[emitter],
        trace_id=bytes([emitter + 1]) * 8 + (call + 1).to_bytes(8),
        span_id=(call + 1).to_bytes(8),
        started_ns=START_NS + round(began_ms * _MS_NS),
        ended_ns=START_NS + round(ended_ms * _MS_NS),
        response_id=f"msg_{call:08}" if named and emitter == 0 else None,
    )


def _settled(told: Sequence[Observation]) -> list[Call]:
    return settle(told, {})


def test_two_streams_at_once_that_end_alike_are_two_calls() -> None:
    """The first one's outer span ends with the second one's inner span, but began long before it: joined with that, it
    would leave two over that do not go together."""
    inner = [_told(0, 0, 10, 200, named=True), _told(0, 1, 160, 1142, named=True)]
    outer = [_told(1, 0, 0, 1140), _told(1, 1, 150, 1170)]
    calls = _settled([*inner, *outer])
    assert [sorted(source.span_id[-1] for source in call.sources) for call in calls] == [[1, 1], [2, 2]]


def test_what_two_emitters_saw_and_a_third_saw_too_is_still_as_many_calls() -> None:
    told = [_told(emitter, call, call * 5 - emitter, 500 + 5 * emitter) for call in range(12) for emitter in range(3)]
    assert [len(call.sources) for call in _settled(told)] == [3] * 12


@pytest.mark.parametrize("calls", [40, 400])
@pytest.mark.parametrize(
    ("emitters", "apart_ms", "begun_within_ms", "ended_within_ms"),
    [(2, 1, 0, 0), (3, 1, 0, 0), (2, 30, 10, 10), (3, 30, 10, 10), (2, 30, 10, 500)],
)
def test_a_crowd_of_equal_calls_that_begins_at_once_is_as_many_calls(
    calls: int, emitters: int, apart_ms: int, begun_within_ms: int, ended_within_ms: int
) -> None:
    """As when many wait for one answer of a busy server: all outer spans begin before any inner one does."""
    chance, told = Random(1), list[Observation]()
    for call in range(calls):
        began, ended = 100 + chance.uniform(0, begun_within_ms), 1100 + chance.uniform(0, ended_within_ms)
        told += [
            _told(emitter, call, began - apart_ms * emitter, ended + apart_ms * emitter) for emitter in range(emitters)
        ]
    assert [len(call.sources) for call in _settled(told)] == [emitters] * calls


_CLOSE_MS: Final = CLOSE_NS // _MS_NS
_GAPS: Final = [(early, late) for early in (0, 1, 5, 20, 50) for late in (0, 1, 5, 20, 100, 400)]
_CLOSE_GAPS: Final = [gaps for gaps in _GAPS if (gaps[0] + 1) * (gaps[1] + 1) <= _CLOSE_MS**2]


@pytest.mark.parametrize("emitters", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("named", [True, False])
def test_where_one_emitter_sees_all_and_others_closely_there_are_as_many_calls(
    emitters: tuple[int, ...], named: bool
) -> None:
    """Whoever is paired with whom: nobody whose twin is close is left over, and no two of one emitter are joined."""
    for seed in range(150):
        chance, calls = Random(seed), 12
        told: list[Observation] = []
        for call in range(calls):
            began = chance.randrange(50, 350)
            ended = began + chance.choice([5, 20, 100, 300, 900])
            told.append(_told(0, call, began, ended, named=named))
            for emitter in emitters:
                early, late = chance.choice(_CLOSE_GAPS)
                if chance.random() < 0.9:
                    told.append(_told(emitter, call, began - early, ended + late))
        chance.shuffle(told)
        assert len(_settled(told)) == calls


@dataclass(frozen=True, slots=True)
class World:
    """How random calls are: as many as that in so many milliseconds, which each emitter sees with some probability; an
    outer span begins up to `early` ms before the inner one and ends up to `late` ms after it, or before its end."""

    calls: tuple[int, int]
    within: int
    seen: float
    early: tuple[int, ...] = (0, 1, 5, 50)
    late: tuple[int, ...] = (0, 1, 5, 100, 400)
    ends_before: float = 0.0


WORLDS: Final = {
    "all seen": World((1, 8), 300, 1.0),
    "one in ten lost": World((1, 8), 300, 0.9),
    "half lost": World((1, 8), 300, 0.5),
    "streams handed on, busy machine": World((1, 8), 300, 1.0, (0, 1, 5, 50), (0, 5, 100, 2000), 0.3),
    "thirty in a second": World((10, 30), 1000, 1.0, (0, 1, 2, 5), (1, 5, 20, 40)),
    "thirty in a second, one in twenty lost": World((10, 30), 1000, 0.95, (0, 1, 2, 5), (1, 5, 20, 40)),
}


@dataclass(slots=True)
class Miscount:
    """Of so many calls: how many are counted too many and too few (in a world, the one less the other), and how many
    counted ones are told of by observations of different calls."""

    calls: int = 0
    too_many: int = 0
    too_few: int = 0
    mixed: int = 0


def miscount(world: World, worlds: int, seed: int = 0) -> Miscount:
    """What settling makes of many such worlds."""
    chance, found = Random(seed), Miscount()
    for _ in range(worlds):
        told = list(_observed(world, chance))
        settled, real = _settled(told), len({one.span_id for one in told})
        found.calls += real
        found.too_many += max(0, len(settled) - real)
        found.too_few += max(0, real - len(settled))
        found.mixed += sum(len({source.span_id for source in call.sources}) > 1 for call in settled)
    return found


def _observed(world: World, chance: Random) -> Iterator[Observation]:
    emitters, named = chance.choice([2, 2, 3]), chance.random() < 0.7
    for call in range(chance.randint(*world.calls)):
        sent = began = chance.uniform(0, world.within)
        ended = sent + chance.choice([5, 20, 100, 300, 900]) * chance.uniform(0.5, 1.5)
        for emitter in range(emitters):
            if emitter:
                before = chance.random() < world.ends_before
                ended += (
                    (sent - ended) * chance.uniform(0, 0.5) if before else chance.choice(world.late) * chance.random()
                )
                began -= chance.choice(world.early) * chance.random()
            if chance.random() < world.seen:
                yield _told(emitter, call, began + 2000, ended + 2000, named=named)


MOST: Final = {
    "all seen": (4, 0),
    "one in ten lost": (3, 36),
    "half lost": (1, 240),
    "streams handed on, busy machine": (12, 0),
    "thirty in a second": (0, 0),
    "thirty in a second, one in twenty lost": (0, 8),
}
"""So many of the calls of 500 worlds, of 50 where there are thirty in a second, may be too many, and too few."""


@pytest.mark.parametrize("name", WORLDS)
def test_how_many_calls_are_too_many_or_too_few(name: str) -> None:
    found = miscount(WORLDS[name], 50 if "thirty" in name else 500)
    too_many, too_few = MOST[name]
    assert found.too_many <= too_many
    assert found.too_few <= too_few
