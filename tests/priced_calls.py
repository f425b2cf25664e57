"""Calls of all kinds and books to price them by, for what must say the same as `price`."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st
from tests.unit.pricing_cases import make_call

from spanledger_collector.model import Call, Conditions, Source
from spanledger_collector.pricing import PriceBook, shipped_book
from spanledger_collector.pricing.entries import instant_ns
from spanledger_collector.pricing.importers.user import with_user_prices
from spanledger_collector.pricing.names import listed_name
from spanledger_collector.settle import ALONE

__all__ = ["LIST", "NOTHING_KNOWN", "OWN_BOOK", "calls_made"]

OWN = """
[[price]]
provider = "openai"
models = ["gpt-4o"]
layer = "contract"
from = "2026-02-01T12:00Z"
mtok = { input = "1.7" }
source = "contract"

[[names]]
provider = "azure.ai.openai"
model = "gpt-4o-mini"
names = ["our-chat"]
from = "2026-03-01"
source = "ours"

[[free]]
provider = "ollama"
models = ["*"]
source = "our machines"

[[price]]
provider = "acme"
models = ["thirds"]
hour = { second = "0.1" }
each = { evaluation_run = "0.25" }
source = "ours"
"""
NOTHING_KNOWN = PriceBook("none", [], [])
KNOWN: list[tuple[str, str | None]] = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-5.4"),
    ("openai", "gpt-4o-mini-search-preview"),
    ("openai", "omni-moderation-latest"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-6"),
    ("gcp.gemini", "gemini-2.5-flash"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("gcp.gen_ai", "gemini-2.5-pro"),
    ("gcp.vertex_ai", "claude-sonnet-4-5"),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("azure.ai.openai", "our-chat"),
    ("azure.ai.openai", "gpt-4o-mini"),
    ("deepseek", "deepseek-v4-pro"),
    ("deepseek", "deepseek-chat"),
    ("cohere", "command-a-03-2025"),
    ("groq", "whisper-large-v3"),
    ("perplexity", "sonar"),
    ("perplexity", "sonar-pro"),
    ("cohere", "rerank-v3.5"),
    ("mistral_ai", "mistral-large-latest"),
    ("x_ai", "grok-4"),
    ("ollama", "anything"),
    ("acme", "thirds"),
    ("nobody", "nothing"),
    ("openai", None),
]
NAMES = st.sampled_from(KNOWN)


def small_list() -> PriceBook:
    """Of the shipped prices those that the calls here may need: a book to be written down often."""
    shipped = shipped_book()
    at = instant_ns("2026-11-20")
    needed = {listed_name(provider, model, shipped, at) for provider, model in KNOWN if model}
    names = [row for row in shipped.name_rows() if (row.provider, row.model) in needed]
    return PriceBook("list", [row for row in shipped.rows() if (row.provider, row.model) in needed], names)


LIST = small_list()
OWN_BOOK = with_user_prices(LIST, OWN, "toml")
METERS = st.dictionaries(
    st.sampled_from(
        ["input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "output", "reasoning", "input_audio",
         "web_search", "second", "request", "billed_input", "billed_output", "search_unit", "grounded_prompt",
         "evaluation_run", "made_up"]
    ),
    st.integers(0, 400_000)
    | st.sampled_from([0, 1, 272_000, 272_001, 200_000, 999_999_999_999, Decimal("2.5"), Decimal("7.123456")]),
    max_size=5,
)  # fmt: skip
CALLS_MADE = st.builds(
    make_call,
    st.just("x"),
    st.none(),
    METERS,
    conditions=st.builds(
        Conditions,
        service_tier=st.sampled_from([None, None, "default", "flex", "priority", "turbo"]),
        processing=st.sampled_from([None, None, "batch"]),
        region=st.sampled_from([None, None, "eu", "us-east-1"]),
        speed=st.sampled_from([None, None, "fast"]),
        search_context_size=st.sampled_from([None, None, "high"]),
    ),
    usage_status=st.sampled_from(["metered", "metered", "metered", "estimated", "unmetered"]),
    flags=st.sampled_from(
        [
            (),
            (),
            (),
            ("odd",),
            ("cache_inclusion_unknown",),
            ("reasoning_inclusion_unknown",),
            ("cache_replay",),
            ("invalid_usage:x",),
        ]
    ),
)
OTHER_SOURCE = Source(bytes(16), b"another!", "merged", "tells of the same call")


@st.composite
def calls_made(draw: st.DrawFn) -> list[Call]:
    """Calls of all kinds over three years, each with an id of its own."""
    found: list[Call] = []
    for number in range(draw(st.integers(1, 60))):
        own = Source(bytes(16), number.to_bytes(8), *ALONE)
        provider, model = draw(NAMES)
        started = draw(st.integers(1_735_000_000, 1_800_000_000)) * 10**9
        call = replace(
            draw(CALLS_MADE),
            provider=provider,
            request_model=model,
            response_model=draw(st.sampled_from([None, model])),
            reported_cost_usd=draw(st.sampled_from([None, None, Decimal(0), Decimal("0.01"), Decimal("0.0000003")])),
            emitter_cost_usd=draw(st.sampled_from([None, Decimal(0), Decimal("0.0000000000015"), Decimal("0.02")])),
            call_id=f"{number:032x}",
            span_id=number.to_bytes(8),
            sources=draw(st.sampled_from([(own,), (own, OTHER_SOURCE)])),
            started_ns=started,
            ended_ns=started + draw(st.integers(0, 3600)) * 10**9,
        )
        found.append(call)
    return found
