"""The rules of billing are the database's work too: calls whose prices have hours, billed units, fees, rounding or
bounds are not left to `price`, one after the other, and cost what it says."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count, product
from pathlib import Path

import pytest
from tests.collector.test_repricing_same_as_price import repriced, settle_as, stored
from tests.priced_calls import NOTHING_KNOWN
from tests.unit.pricing_cases import make_call

from spanledger_collector.ledger import bulk_pricing
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import Call, Conditions, Quantity
from spanledger_collector.pricing import PriceBook, price, shipped_book

SECOND = 10**9
HOURS = ("2025-03-03T16:29:59Z", "2025-03-03T16:30Z", "2025-03-04T00:29:59Z", "2025-03-04T00:30Z", "2026-11-20T03:00Z")
DEEPSEEK = ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-pro", "deepseek-v4-flash")
WINDOWS = [
    make_call("deepseek", model, {"input": 1000, "cache_read": 50, "output": 7}, at=at)
    for model, at in product(DEEPSEEK, HOURS)
]
OVER_THE_EDGE = [
    replace(call, provider=provider, ended_ns=call.started_ns + 7 * SECOND)
    for call, provider in product(WINDOWS, ("deepseek", "DeepSeek\n"))
]
COUNTED: list[dict[str, Quantity]] = [
    {"input": 500, "output": 20, "billed_input": 3, "billed_output": 20},
    {"input": 500, "output": 20, "reasoning": 9, "billed_input": 3},
    {"input": 500, "billed_input": 0},
]
COHERE = [make_call("cohere", "command-a-03-2025", meters) for meters in COUNTED]
ASKED: list[dict[str, Quantity]] = [
    {"input": 10, "output": 5},
    {"input": 10, "request": 0},
    {"output": 1, "request": 3},
]
FEES = [
    make_call("perplexity", model, meters, conditions=Conditions(search_context_size=size))
    for model, meters, size in product(("sonar", "sonar-pro"), ASKED, (None, "low", "high"))
]
SECONDS = [make_call("groq", "whisper-large-v3", {"second": second}) for second in (1, 10, 61, Decimal("12.345678"))]
GROUNDED = [
    make_call("gcp.gemini", "gemini-2.5-pro", {"input": 9, "output": 9, "web_search": searches}) for searches in (1, 4)
]
DOUBTS = (
    ("cache_inclusion_unknown",),
    ("odd", "reasoning_inclusion_unknown"),
    ("cache_inclusion_unknown", "reasoning_inclusion_unknown"),
)
DOUBTED = [
    make_call("openai", model, {"input": size, "cache_read": 100, "output": 50, "reasoning": 30}, flags=flags)
    for model, size, flags in product(("gpt-5-mini", "gpt-5.4", "gpt-4-0314"), (1000, 300_000), DOUBTS)
]
KINDS: dict[str, list[Call]] = {
    "windows": WINDOWS,
    "end of the call": OVER_THE_EDGE,
    "billed units": COHERE,
    "fees and sizes": FEES,
    "seconds": SECONDS,
    "once a prompt": GROUNDED,
    "inclusion not said": DOUBTED,
}


def apart(calls: list[Call]) -> Iterator[Call]:
    """The calls, each with an id of its own."""
    for number, call in zip(count(), calls, strict=False):
        yield replace(call, call_id=f"{number:032x}", span_id=number.to_bytes(8))


@pytest.mark.parametrize("kind", KINDS)
def test_the_database_prices_by_the_rules(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_by_itself(call: Call, _book: PriceBook) -> None:
        pytest.fail(f"left to `price`: {call}")

    monkeypatch.setattr(bulk_pricing, "price", not_by_itself)
    calls, book = list(apart(KINDS[kind])), shipped_book()
    with Ledger.open(tmp_path / "ledger.duckdb") as ledger:
        settle_as(ledger, calls, NOTHING_KNOWN, by_row=False)
        repriced(ledger, book)
        rows = stored(ledger)
    said = {call.call_id: price(call, book) for call in calls}
    for call in calls:
        expected = call_rows(call, said[call.call_id], revision=0, settled_ns=0)
        assert expected.differing(rows[call.call_id]) in {(), ("price_book",)}
    assert any(pricing.charges for pricing in said.values())


def test_what_the_rules_say_is_not_the_plain_product() -> None:
    """The calls above tell the rules apart: without them they would cost something else."""
    book = shipped_book()
    by_hours = {price(call, book).cost_usd for call in WINDOWS if call.request_model == "deepseek-chat"}
    assert len(by_hours) > 1
    before_the_edge, after_it = (price(one[0], book).cost_usd for one in (WINDOWS, OVER_THE_EDGE))
    assert before_the_edge != after_it
    charged: list[Quantity] = [price(call, book).charges[0].quantity for call in SECONDS]
    assert charged == [10, 10, 61, Decimal("12.345678")]
    assert [price(call, book).charges[-1].quantity for call in GROUNDED] == [1, 1]
    assert any("rounded" in price(call, book).flags for call in SECONDS)
    unsized = price(FEES[0], book)
    assert unsized.cost_low_usd != unsized.cost_high_usd
    assert unsized.flags == ("search_context_size_assumed_default",)
