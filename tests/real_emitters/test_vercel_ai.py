"""The Vercel AI SDK in four generations, each with its own telemetry, against a provider that knows what it served."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real_emitters.combinations import Lacks
from tests.real_emitters.emitter_runs import Command, run
from tests.real_emitters.environments import NodeEnvironment

from spanledger_collector.demo.app_run import Transport, app_environment
from spanledger_collector.demo.processes import Collector

_APP = Path(__file__).parent / "apps" / "vercel_ai.cjs"
_TELEMETRY = (
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/exporter-trace-otlp-proto@0.223.1",
    "@opentelemetry/sdk-trace-node@2.12.0",
)


@dataclass(frozen=True, slots=True)
class _Generation:
    """A release of `ai` with the packages for providers that belong to it, and what their spans do not tell of."""

    ai: str
    anthropic: str
    google: str
    openai: str
    lacks: frozenset[str] = frozenset()
    more: tuple[str, ...] = ()

    @property
    def environment(self) -> NodeEnvironment:
        providers = {"anthropic": self.anthropic, "google": self.google, "openai": self.openai}
        packages = (f"@ai-sdk/{name}@{version}" for name, version in providers.items())
        return NodeEnvironment("vercel-ai", (f"ai@{self.ai}", *packages, *self.more, *_TELEMETRY))


_TTL = frozenset({"cache_write_5m", "cache_write_1h"})
_GENERATIONS = (
    _Generation("4.3.19", "1.2.12", "1.2.22", "1.3.24", _TTL | {"reasoning"}, ("zod@3.25.76",)),
    _Generation("5.0.277", "2.0.112", "2.0.108", "2.0.131", frozenset({"cache_read", "reasoning"}), ("zod@4.6.7",)),
    _Generation("6.0.326", "3.0.139", "3.0.141", "3.0.141", more=("zod@4.6.7",)),
    _Generation(
        "7.0.173", "4.0.105", "4.0.121", "4.0.118", _TTL | {"reasoning"}, ("zod@4.6.7", "@ai-sdk/otel@1.0.173")
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("generation", _GENERATIONS, ids=lambda generation: generation.ai)
def test_every_served_call_is_counted_once(generation: _Generation, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None, "node is needed to run these emitters"
    modules = generation.environment.folder() / "node_modules"

    def commands(provider: str, collector: Collector) -> Iterable[Command]:
        variables = app_environment(Transport("http/protobuf", collector.http), provider, os.environ)
        return [Command([node, _APP, generation.ai.partition(".")[0]], {**variables, "NODE_PATH": str(modules)})]

    outcome = run(commands, tmp_path)
    assert outcome.served
    assert outcome.differences(Lacks(generation.lacks)) == []
