"""Estimates: bounds that hold, and assumptions that are said."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pricing_cases import NOW, mtok

from spanledger_collector.pricing import TokenRange, estimate, shipped_book, tokens_of_messages, tokens_of_text
from spanledger_collector.pricing.entries import instant_ns

AT = instant_ns(NOW)


def test_counts_and_a_limit_give_three_figures() -> None:
    got = estimate(shipped_book(), "openai", "gpt-4o", 1000, at_ns=AT, max_output_tokens=500)
    assert got.low_usd == mtok("2.5", 1000)
    assert got.expected_usd == mtok("2.5", 1000) + mtok("10", 250)
    assert got.high_usd == mtok("2.5", 1000) + mtok("10", 500)
    assert "half of 500 output tokens expected, 0 at least, all at most" in got.assumptions


def test_the_caller_may_know_better() -> None:
    got = estimate(
        shipped_book(),
        "anthropic",
        "claude-opus-4-5",
        1000,
        at_ns=AT,
        max_output_tokens=500,
        expected_output_tokens=100,
    )
    assert got.expected_usd == mtok("5", 1000) + mtok("25", 100)


def test_without_a_limit_there_is_no_upper_bound() -> None:
    got = estimate(shipped_book(), "openai", "gpt-4o", 1000, at_ns=AT)
    assert (got.low_usd, got.expected_usd, got.high_usd) == (mtok("2.5", 1000), None, None)
    assert "no limit of output tokens given: neither an expected cost nor an upper bound" in got.assumptions


def test_a_long_prompt_may_cross_a_threshold_in_the_upper_bound_only() -> None:
    got = estimate(
        shipped_book(),
        "gcp.gemini",
        "gemini-2.5-pro",
        TokenRange(150_000, 190_000, 210_000),
        at_ns=AT,
        max_output_tokens=0,
    )
    assert got.expected_usd == mtok("1.25", 190_000)
    assert got.high_usd == mtok("2.5", 210_000)


def test_an_unknown_model_has_no_estimate_but_a_reason() -> None:
    got = estimate(shipped_book(), "openai", "gpt-99", 1000, at_ns=AT, max_output_tokens=5)
    assert (got.low_usd, got.expected_usd, got.high_usd) == (None, None, None)
    assert got.reasons == ("unknown_model:gpt-99",)


def test_azure_is_estimated_by_the_model_that_will_answer() -> None:
    got = estimate(shipped_book(), "azure.ai.openai", "gpt-4o", 1000, at_ns=AT, max_output_tokens=0)
    assert got.low_usd == mtok("2.5", 1000)


@given(st.text())
def test_token_bounds_are_ordered_and_never_above_the_bytes(text: str) -> None:
    got = tokens_of_text(text)
    assert 0 <= got.low <= got.expected <= max(got.high, got.expected)
    assert got.high == len(text.encode())
    assert (got.low > 0) is bool(text)


def test_messages_have_an_overhead() -> None:
    assert tokens_of_messages(["abcd", "abcd"]) == TokenRange(2, 2 * (1 + 4) + 3, 2 * (4 + 4) + 3)
