"""A reprice by the database says of every call what `price` says of it, to the last digit."""

import itertools
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.pricing_cases import make_call

from spanledger_collector.ledger.arrow import Inserter
from spanledger_collector.ledger.neighbours import INDEX
from spanledger_collector.ledger.queries.choosing import chosen_calls
from spanledger_collector.ledger.repricing import Repriced, reprice
from spanledger_collector.ledger.revisions import Changes, Revisions, transaction
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.rows import CALLS, CallRows, all_of
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.ledger.stored_calls import stored_calls
from spanledger_collector.model import Call, Conditions
from spanledger_collector.pricing import PriceBook, price, shipped_book
from spanledger_collector.pricing.entries import instant_ns
from spanledger_collector.pricing.importers.user import with_user_prices
from spanledger_collector.pricing.names import listed_name

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
         "web_search", "second", "request", "billed_input", "evaluation_run", "made_up"]
    ),
    st.integers(0, 400_000) | st.sampled_from([0, 1, 272_000, 272_001, 200_000, 999_999_999_999, Decimal("2.5")]),
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


@st.composite
def calls_made(draw: st.DrawFn) -> list[Call]:
    """Calls of all kinds over three years, each with an id of its own."""
    found: list[Call] = []
    for number in range(draw(st.integers(1, 60))):
        provider, model = draw(NAMES)
        started = draw(st.integers(1_735_000_000, 1_800_000_000)) * 10**9
        call = replace(
            draw(CALLS_MADE),
            provider=provider,
            request_model=model,
            response_model=draw(st.sampled_from([None, model])),
            reported_cost_usd=draw(st.sampled_from([None, None, Decimal(0), Decimal("0.01"), Decimal("0.0000003")])),
            call_id=f"{number:032x}",
            span_id=number.to_bytes(8),
            started_ns=started,
            ended_ns=started + draw(st.integers(0, 3600)) * 10**9,
        )
        found.append(call)
    return found


def settle_as(ledger: Ledger, calls: list[Call], book: PriceBook) -> None:
    """Write the calls as if they had been settled with that book."""
    with (
        closing(ledger.cursor()) as cursor,
        closing(Inserter(cursor, INDEX)) as index,
        closing(Revisions(cursor, index, book)) as revisions,
        transaction(cursor),
    ):
        revisions.apply(Changes([call_rows(call, price(call, book), revision=1, settled_ns=1) for call in calls]), 1)


def stored(ledger: Ledger) -> dict[str, CallRows]:
    with closing(ledger.cursor()) as cursor:
        found = cursor.execute(all_of("rebuild.calls_from", CALLS), {"after": "", "limit": 10_000}).fetchall()
        return stored_calls(cursor, found)


def repriced(ledger: Ledger, book: PriceBook, *, apply: bool = True) -> Repriced:
    with closing(ledger.cursor()) as cursor:
        return reprice(ledger, book, chosen_calls(cursor, {}), apply=apply)


@settings(max_examples=8, deadline=None)
@given(calls_made())
def test_every_call_is_priced_as_price_does(calls: list[Call]) -> None:
    with TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.duckdb") as ledger:
        settle_as(ledger, calls, NOTHING_KNOWN)
        for before, book in itertools.pairwise((NOTHING_KNOWN, LIST, OWN_BOOK)):
            said = {call.call_id: price(call, book) for call in calls}
            was = {call.call_id: price(call, before) for call in calls}
            dry = repriced(ledger, book, apply=False)
            found = repriced(ledger, book)
            assert found == dry
            assert found.calls == len(calls)
            rows = stored(ledger)
            for call in calls:
                expected = call_rows(call, said[call.call_id], revision=0, settled_ns=0)
                assert expected.differing(rows[call.call_id]) in {(), ("price_book",)}
            changed = [row for row in rows.values() if row.call.price_book == book.sha256]
            assert found.total.calls == len(changed)
            assert found.total.new_usd == sum(said[row.call.call_id].cost_usd or 0 for row in changed)
            assert found.total.old_usd == sum(was[row.call.call_id].cost_usd or 0 for row in changed)
            for deltas in found.by.values():
                assert sum(delta.calls for delta in deltas.values()) == found.total.calls
                assert sum(delta.new_usd for delta in deltas.values()) == found.total.new_usd
            assert repriced(ledger, book).total.calls == 0
