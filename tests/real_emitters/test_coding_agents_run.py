"""Released coding agents against a provider that knows what it served: the ledger has exactly those calls and those
tokens, by their log records, their spans, or both."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.real_emitters.coding_agents import AGENT_RUNS, QUESTIONS, AgentRun
from tests.real_emitters.emitter_runs import Command, run

from spanledger_collector.demo.processes import Collector


@pytest.mark.slow
@pytest.mark.parametrize("agent", AGENT_RUNS, ids=lambda agent: agent.title)
def test_every_request_of_an_agent_is_counted_once(agent: AgentRun, tmp_path: Path) -> None:
    def commands(provider: str, collector: Collector) -> Iterable[Command]:
        return [agent.command(question, tmp_path, provider, collector) for question in QUESTIONS]

    outcome = run(commands, tmp_path)
    assert len(outcome.served) >= len(QUESTIONS)
    assert outcome.differences(agent.lacks) == []
