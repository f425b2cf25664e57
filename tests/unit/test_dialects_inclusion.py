"""Cached tokens inside the input or beside it: every row of the table (each is written by some emitter here) says it
for every provider, or the call is flagged and priced as a range between the two."""

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs
from tests.emitters import EMITTERS, Emitter, Truth
from tests.observed import links_of, make_span, observations_of

from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.model import Call, Pricing, ReceivedSpan
from spanledger_collector.pricing import price, shipped_book
from spanledger_collector.settle import settle

_ANY = {"anthropic", "openai", "gcp.gemini", "aws.bedrock", "x_ai", "mistral_ai"}
_UNKNOWN = {"generic": _ANY, "sentry": _ANY, "langsmith": {"anthropic", "aws.bedrock"}}
"""What nobody can tell, by dialect: with these providers."""
_CLAUDE = "claude-sonnet-4-5"
_MODELS = {
    "anthropic": _CLAUDE,
    "openai": "gpt-5-mini",
    "gcp.gemini": "gemini-2.5-pro",
    "aws.bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "x_ai": "grok-4",
    "mistral_ai": "mistral-large-latest",
}
_FLAG = "cache_inclusion_unknown"
EVERY_ROW = [
    pytest.param(emitter, provider, id=f"{emitter.dialect}-{emitter.scope.name}-{emitter.write.__name__}-{provider}")
    for emitter in EMITTERS
    for provider in sorted(_ANY.intersection(emitter.providers) | _UNKNOWN.get(emitter.dialect, set()))
]


def _span(emitter: Emitter, provider: str, model: str) -> ReceivedSpan:
    """A call with fewer cached tokens than others: more would prove that they are not among these."""
    truth = Truth(provider, model, 100, 0 if "cache_read" in emitter.lacks else 30, 0, 50, 0)
    return make_span(emitter.write(truth), emitter.scope, kind=emitter.kind, name=emitter.name)


def _priced(span: ReceivedSpan) -> tuple[Call, Pricing]:
    (call,) = settle(observations_of([span]), links_of([span]))
    return call, price(call, shipped_book())


@pytest.mark.parametrize(("emitter", "provider"), EVERY_ROW)
def test_what_a_row_does_not_say_is_flagged(emitter: Emitter, provider: str) -> None:
    call, pricing = _priced(_span(emitter, provider, _MODELS[provider]))
    unknown = bool(call.meters.get("cache_read")) and provider in _UNKNOWN.get(emitter.dialect, ())
    assert (_FLAG in call.flags) is unknown
    if not unknown:
        assert call.meters["input"] == 100
    elif pricing.cost_low_usd is not None and pricing.cost_high_usd is not None:
        assert pricing.cost_low_usd < pricing.cost_high_usd


def _of(dialect: str) -> Emitter:
    return next(emitter for emitter in EMITTERS if emitter.dialect == dialect)


def test_an_unversioned_langsmith_is_priced_both_ways() -> None:
    emitter = replace(_of("langsmith"), scope=structs.replace(_of("langsmith").scope, version=""))
    span = _span(emitter, "anthropic", _CLAUDE)
    said = span.attributes["gen_ai.usage.input_tokens"]
    assert said == 130
    _, pricing = _priced(span)
    inside = (100 * Decimal(3) + 30 * Decimal("0.3") + 50 * Decimal(15)) / 10**6
    beside = (130 * Decimal(3) + 30 * Decimal("0.3") + 50 * Decimal(15)) / 10**6
    assert (pricing.cost_low_usd, pricing.cost_high_usd) == (inside, beside)


BEDROCK = [emitter for emitter in EMITTERS if "aws.bedrock" in emitter.providers and "cache_read" not in emitter.lacks]


@pytest.mark.parametrize("emitter", BEDROCK, ids=lambda emitter: f"{emitter.dialect}-{emitter.scope.name}")
@pytest.mark.parametrize("model", ["openai.gpt-5.4", "us.openai.gpt-oss-120b-1:0"])
def test_models_of_openai_on_bedrock_may_count_either_way(emitter: Emitter, model: str) -> None:
    row = next(dialect for dialect in DIALECTS if dialect.id == emitter.dialect)
    call, _ = _priced(_span(emitter, "aws.bedrock", model))
    assert (_FLAG in call.flags) is bool(row.cache_outside)
