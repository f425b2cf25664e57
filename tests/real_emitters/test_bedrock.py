"""Released instrumentations of Amazon Bedrock through boto3, and of LangChain over it, against a local Bedrock that
knows what it served."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.real_emitters.bedrock_wire import serving_bedrock
from tests.real_emitters.combinations import Lacks
from tests.real_emitters.emitter_runs import run_app
from tests.real_emitters.environments import OLDER_SDKS, Environment

from provider_server import Served

_BEDROCK = Environment(
    "bedrock",
    (
        "boto3",
        "opentelemetry-instrumentation-botocore",
        "opentelemetry-instrumentation-bedrock",
        "openinference-instrumentation-bedrock",
    ),
)
_GENAI = Environment("bedrock-genai", ("boto3", "opentelemetry-instrumentation-genai-bedrock"))
_LANGCHAIN = Environment(
    "bedrock-langchain",
    (
        "langchain",
        "langchain-aws",
        "opentelemetry-instrumentation-genai-langchain",
        "opentelemetry-instrumentation-langchain",
        "openinference-instrumentation-langchain",
    ),
)
_MODEL = "claude"
"""The one that is asked, whose name some emitters shorten."""
_INVOKE = frozenset({"invoke", "invoke-with-response-stream"})


@dataclass(frozen=True, slots=True)
class _Tried:
    """Emitters, and the methods of which they tell no cached tokens at all, of which they tell them in sums, and which
    they do not see."""

    emitters: tuple[str, ...]
    uncached: frozenset[str] = frozenset()
    summed: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    environment: Environment = _BEDROCK
    app: str = "bedrock_sdk"

    def told(self, served: list[Served]) -> Iterator[Served]:
        """What was served, as far as the emitters tell of it."""
        for record in served:
            assert record.usage is not None
            usage = record.usage
            if record.endpoint in self.unseen:
                continue
            if record.endpoint in self.uncached:
                usage = replace(usage, cache_read=0, cache_write=0)
            elif record.endpoint in self.summed:
                usage = replace(usage, input=usage.input_tokens, cache_read=0, cache_write=0)
            yield replace(record, usage=usage, model=_MODEL)


_TRIED = (
    _Tried(("spanledger",)),
    _Tried(("otel-botocore",), uncached=_INVOKE),
    _Tried(("openllmetry-bedrock",), uncached=frozenset({"invoke-with-response-stream"})),
    _Tried(("openinference-bedrock",), summed=frozenset({"invoke-with-response-stream"})),
    _Tried(("otel-botocore", "spanledger")),
    _Tried(("openinference-bedrock", "spanledger")),
    _Tried(("openllmetry-bedrock", "spanledger")),
    _Tried(("otel-botocore", "openinference-bedrock"), summed=frozenset({"invoke-with-response-stream"})),
    _Tried(("otel-bedrock",), environment=_GENAI),
    _Tried(("otel-bedrock", "spanledger"), environment=_GENAI),
    # It sees streams only where they are not read as boto3 has them.
    _Tried(("openlit",), unseen=_INVOKE | {"converse-stream"}, environment=OLDER_SDKS),
    _Tried(("openlit", "spanledger"), environment=OLDER_SDKS),
    _Tried(("openinference-langchain",), summed=frozenset({"invoke"}), environment=_LANGCHAIN, app="bedrock_langchain"),
    *(
        _Tried(emitters, environment=_LANGCHAIN, app="bedrock_langchain")
        for emitters in (
            ("spanledger",),
            ("otel-langchain",),
            ("otel-langchain", "spanledger"),
            ("openllmetry-langchain",),
            ("openllmetry-langchain", "spanledger"),
            ("openinference-langchain", "spanledger"),
        )
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("tried", _TRIED, ids=lambda tried: "+".join(tried.emitters))
def test_every_served_call_is_counted_once(tried: _Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_bedrock() as (url, served):
        monkeypatch.setenv("APP_BEDROCK_URL", url)
        outcome = run_app(tried.app, tried.emitters, tried.environment, tmp_path)
    same_model = [replace(call, model=_MODEL) for call in outcome.counted]
    assert len(served) == 36
    assert replace(outcome, served=list(tried.told(served)), counted=same_model).differences(Lacks()) == []
