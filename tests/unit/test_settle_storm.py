"""A storm of failures: hundreds of calls at once of which nobody counted anything, each told of by several emitters."""

from random import Random

import pytest
from tests.observed import NATIVE, links_of, make_span, observations_of

from spanledger_collector.model import ReceivedSpan, Scope
from spanledger_collector.settle import settle, twins
from spanledger_collector.settle.nodes import Node

_EMITTERS = (NATIVE, Scope("opentelemetry.instrumentation.anthropic", "0.62.4"), Scope("pydantic-ai", "2"))
_FAILED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5",
    "error.type": "timeout",
}


def _storm(calls: int, chance: Random) -> list[ReceivedSpan]:
    """Each in a trace of its own, of three spans that lie in one another; of one in ten the outermost is not there."""
    return [
        make_span(
            _FAILED,
            scope,
            trace=call,
            span=10 * call + place,
            parent=10 * call + place + 1 if place < 2 else None,
            start=began - place / 1000,
            end=began + 2 + place / 1000,
        )
        for call in range(1, calls + 1)
        for began in [chance.random()]
        for place, scope in enumerate(_EMITTERS)
        if place < 2 or call % 10
    ]


def test_what_is_one_call_by_its_path_is_not_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, compared = 300, 0
    met = twins._met  # pyright: ignore[reportPrivateUsage] - where two are compared

    def counted(one: Node, other: Node) -> bool:
        nonlocal compared
        compared += 1
        return met(one, other)

    monkeypatch.setattr(twins, "_met", counted)
    spans = _storm(calls, Random(1))
    assert len(settle(observations_of(spans), links_of(spans))) == calls
    assert compared < 10 * calls, "of some 300,000 pairs"
