"""Released coding agents, started as their makers document it: without a terminal, with a provider and an OTLP endpoint
of one's own, and with everything switched off that would look for updates."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.real_emitters.combinations import Lacks
from tests.real_emitters.emitter_runs import Command
from tests.real_emitters.environments import NodeEnvironment

from spanledger_collector.demo.processes import Collector

__all__ = ["AGENT_RUNS", "QUESTIONS", "AgentRun"]

QUESTIONS = ("What is a span?", "What does a token cost, and who says so?")
_CLAUDE = NodeEnvironment("claude-code", ("@anthropic-ai/claude-code@2.1.330",))
_CODEX = NodeEnvironment("codex", ("@openai/codex@0.169.0",))
_COPILOT = NodeEnvironment("copilot", ("@github/copilot@1.0.102",))
_GEMINI = NodeEnvironment("gemini-cli", ("@google/gemini-cli@0.61.0",))
_KEY = "no-key-needed"
_CODEX_CONFIG = """
model = "gpt-5-mini"
model_provider = "local"
check_for_update_on_startup = false
[model_providers.local]
name = "local"
base_url = "{provider}/v1"
env_key = "LOCAL_KEY"
wire_api = "responses"
[otel]
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an agent is started with: where it keeps its files, what to ask, whom, and where its telemetry goes.

    `signals` are of "logs" and "spans"; `transport` is "grpc" or "http", `variant` the wire format, where it has
    several.
    """

    home: Path
    question: str
    provider: str
    collector: Collector
    signals: frozenset[str]
    transport: str
    variant: str

    @property
    def otlp(self) -> str:
        """The URL of the OTLP receiver."""
        return f"http://{self.collector.grpc if self.transport == 'grpc' else self.collector.http}"

    def file(self, path: str, content: str) -> None:
        """Write a file below the home folder."""
        (self.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.home / path).write_text(content)


Started = tuple[list[str | Path], Mapping[str, str]]
"""The words of a command and the variables that it needs."""


@dataclass(frozen=True, slots=True)
class AgentRun:
    """An agent with some of its telemetry on, and what that does not tell of."""

    name: str
    start: Callable[[Setting], Started]
    signals: frozenset[str]
    lacks: Lacks
    transport: str = "http"
    variant: str = ""

    @property
    def title(self) -> str:
        """How the test of it is called."""
        return "-".join(part for part in (self.name, self.variant, "+".join(sorted(self.signals))) if part)

    def command(self, question: str, folder: Path, provider: str, collector: Collector) -> Command:
        """What starts the agent with a question, with `folder` for its home and for its work."""
        home, work = folder / "home", folder / "work"
        for each in (home, work):
            each.mkdir(exist_ok=True)
        words, variables = self.start(
            Setting(home, question, provider, collector, self.signals, self.transport, self.variant)
        )
        own = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "NO_COLOR": "1"}
        local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
        return Command(words, {**own, **local, **variables}, work)


def _claude_code(setting: Setting) -> Started:
    """With one tool, which reads a file that is not there: the server asks for it, and gets another request."""
    exporters = {"OTEL_LOGS_EXPORTER": "logs", "OTEL_TRACES_EXPORTER": "spans"}
    words = [_CLAUDE.script("claude"), "-p", setting.question, "--model", "claude-haiku-4-5", "--tools", "Read"]
    return words, {
        "ANTHROPIC_BASE_URL": setting.provider,
        "ANTHROPIC_API_KEY": _KEY,
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        **{variable: "otlp" for variable, signal in exporters.items() if signal in setting.signals},
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if setting.transport == "grpc" else "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": setting.otlp,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(setting: Setting) -> Started:
    """Its exporters are named in its configuration, each with the whole URL of its signal."""
    lines = [_CODEX_CONFIG.format(provider=setting.provider), 'metrics_exporter = "none"']
    for option, signal, path in (("exporter", "logs", "logs"), ("trace_exporter", "spans", "traces")):
        if signal not in setting.signals:
            lines.append(f'{option} = "none"')
        elif setting.transport == "grpc":
            lines.append(f'{option} = {{ otlp-grpc = {{ endpoint = "{setting.otlp}" }} }}')
        else:
            endpoint = f'endpoint = "{setting.otlp}/v1/{path}", protocol = "binary"'
            lines.append(f"{option} = {{ otlp-http = {{ {endpoint} }} }}")
    setting.file(".codex/config.toml", "\n".join(lines))
    words = [_CODEX.script("codex"), "exec", "--skip-git-repo-check", setting.question]
    return words, {"LOCAL_KEY": _KEY}


def _gemini_cli(setting: Setting) -> Started:
    """Logs are sent in any case; without tools of its own."""
    telemetry = {
        "enabled": True,
        "target": "local",
        "otlpEndpoint": setting.otlp,
        "otlpProtocol": setting.transport,
        "traces": "spans" in setting.signals,
    }
    settings: dict[str, object] = {
        "telemetry": telemetry,
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "tools": {"core": []},
    }
    setting.file(".gemini/settings.json", json.dumps(settings))
    words = [_GEMINI.script("gemini"), "-p", setting.question, "-m", "gemini-2.5-flash", "--skip-trust"]
    return words, {"GEMINI_API_KEY": _KEY, "GOOGLE_GEMINI_BASE_URL": setting.provider}


def _copilot(setting: Setting) -> Started:
    """With a provider of one's own, and so without GitHub."""
    kind, model = ("anthropic", "claude-haiku-4-5") if setting.variant == "anthropic" else ("openai", "gpt-5-mini")
    words = [_COPILOT.script("copilot"), "-p", setting.question, "--allow-all-tools"]
    return words, {
        "OTEL_EXPORTER_OTLP_ENDPOINT": setting.otlp,
        "COPILOT_PROVIDER_BASE_URL": setting.provider if kind == "anthropic" else f"{setting.provider}/v1",
        "COPILOT_PROVIDER_TYPE": kind,
        "COPILOT_PROVIDER_WIRE_API": "responses" if setting.variant == "responses" else "completions",
        "COPILOT_PROVIDER_API_KEY": _KEY,
        "COPILOT_MODEL": model,
        "COPILOT_OFFLINE": "true",
    }


_LOGS, _SPANS = frozenset({"logs"}), frozenset({"spans"})
_NO_REASONING = Lacks(frozenset({"reasoning"}))
_NO_SEARCHES = Lacks(frozenset({"web_search"}))
_NO_TTL = frozenset({"cache_write_5m", "cache_write_1h"})

AGENT_RUNS: tuple[AgentRun, ...] = (
    AgentRun("claude-code", _claude_code, _LOGS, _NO_REASONING, "grpc"),
    AgentRun("claude-code", _claude_code, _SPANS, Lacks(_NO_TTL | {"reasoning"})),
    AgentRun("claude-code", _claude_code, _LOGS | _SPANS, _NO_REASONING),
    AgentRun("codex", _codex, _LOGS, _NO_SEARCHES, "grpc"),
    AgentRun("codex", _codex, _SPANS, _NO_SEARCHES),
    AgentRun("codex", _codex, _LOGS | _SPANS, _NO_SEARCHES),
    AgentRun("gemini-cli", _gemini_cli, _LOGS, Lacks(), "grpc"),
    AgentRun("gemini-cli", _gemini_cli, _LOGS | _SPANS, Lacks()),
    *(
        AgentRun("copilot", _copilot, _SPANS, Lacks(_NO_TTL), variant=variant)
        for variant in ("completions", "responses", "anthropic")
    ),
)
