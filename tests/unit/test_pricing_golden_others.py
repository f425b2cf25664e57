"""Golden costs of Google, xAI, Mistral, Cohere, Groq, DeepSeek, Perplexity and OpenRouter calls."""

from decimal import Decimal

import pytest
from tests.unit.pricing_cases import cost, mtok, priced, thousand


@pytest.mark.parametrize(("total", "prices"), [(200_000, ("1.25", "0.125", "10")), (200_001, ("2.5", "0.25", "15"))])
def test_gemini_long_context(total: int, prices: tuple[str, str, str]) -> None:
    meters = {"input": total - 50_000, "cache_read": 50_000, "output": 800, "reasoning": 1200}
    got = cost("gcp.gemini", "gemini-2.5-pro", meters)
    assert got == mtok(prices[0], total - 50_000) + mtok(prices[1], 50_000) + mtok(prices[2], 800 + 1200)


def test_gemini_audio_has_a_price_of_its_own_where_the_page_lists_one() -> None:
    meters = {"input": 100, "input_audio": 2000, "cache_read_audio": 300, "input_video": 500, "output": 10}
    assert cost("gcp.gemini", "models/gemini-2.5-flash", meters) == (
        mtok("0.3", 100 + 500) + mtok("1", 2000) + mtok("0.1", 300) + mtok("2.5", 10)
    )
    assert cost("gcp.gemini", "gemini-2.5-pro", {"input": 100, "input_audio": 2000}) == mtok("1.25", 2100)


def test_gemini_batch_leaves_the_cache_price() -> None:
    meters = {"input": 1000, "cache_read": 500, "output": 100}
    got = cost("gcp.gemini", "gemini-2.5-flash", meters, at="2025-10-01", processing="batch")
    assert got == mtok("0.15", 1000) + mtok("0.03", 500) + mtok("1.25", 100)


def test_gemini_2_grounding_is_billed_by_prompt_gemini_3_by_search() -> None:
    two = priced("gcp.gemini", "gemini-2.5-flash", {"input": 10, "web_search": 4})
    assert two.cost_usd == mtok("0.3", 10) + thousand("35", 1)
    assert "billed_once_per_prompt" in two.flags
    assert cost("gcp.gemini", "gemini-3.5-flash", {"input": 10, "web_search": 4}) == (
        mtok("1.5", 10) + thousand("14", 4)
    )


def test_gemini_introductory_price_ends_at_an_instant() -> None:
    assert cost("gcp.gemini", "gemini-4-argon", {"input": 1000}, at="2026-11-30T23:59:59Z") == mtok("2", 1000)
    assert cost("gcp.gemini", "gemini-4-argon", {"input": 1000}, at="2026-12-01T00:00Z") == mtok("4", 1000)


def test_gemini_images_and_speech() -> None:
    got = cost("gcp.gemini", "gemini-2.5-flash-image", {"input": 20, "output_image": 1290}, at="2026-01-01")
    assert got == mtok("0.3", 20) + mtok("30", 1290)
    assert cost("gcp.gemini", "gemini-2.5-flash-preview-tts", {"input": 20, "output_audio": 900}) == (
        mtok("0.5", 20) + mtok("10", 900)
    )


def test_vertex_asks_more_for_gemini_2_0_flash() -> None:
    meters = {"input": 1000, "output": 100}
    assert cost("gcp.gemini", "gemini-2.0-flash-001", meters) == mtok("0.1", 1000) + mtok("0.4", 100)
    assert cost("gcp.vertex_ai", "gemini-2.0-flash-001", meters, service_tier="ON_DEMAND") == (
        mtok("0.15", 1000) + mtok("0.6", 100)
    )


def test_xai_bills_reasoning_as_output() -> None:
    got = cost("x_ai", "grok-3-mini", {"input": 100, "cache_read": 50, "output": 10, "reasoning": 300})
    assert got == mtok("0.3", 100) + mtok("0.075", 50) + mtok("0.5", 10 + 300)


def test_xai_long_context() -> None:
    at = "2025-09-01"
    assert cost("x_ai", "grok-4", {"input": 128_000, "output": 10}, at=at) == mtok("3", 128_000) + mtok("15", 10)
    assert cost("x_ai", "grok-4", {"input": 128_001, "output": 10}, at=at) == mtok("6", 128_001) + mtok("30", 10)
    # The boundary of Grok 4.3 is inclusive: "< 200k" and ">= 200k".
    assert cost("x_ai", "grok-4.3", {"input": 199_999}) == mtok("1.25", 199_999)
    assert cost("x_ai", "grok-4.3", {"input": 200_000}) == mtok("2.5", 200_000)


@pytest.mark.parametrize("name", ["grok-4", "grok-4-fast", "grok-4-1-fast-non-reasoning", "grok-3-latest"])
def test_xai_bills_retired_names_as_their_successor_from_an_hour_on(name: str) -> None:
    meters = {"input": 1000, "cache_read": 100, "output": 10}
    before = cost("x_ai", name, meters, at="2026-05-15T18:59:59Z")
    after = cost("x_ai", name, meters, at="2026-05-15T19:00:00Z")
    assert after == cost("x_ai", "grok-4.3", meters) == mtok("1.25", 1000) + mtok("0.2", 100) + mtok("2.5", 10)
    assert before != after
    assert cost("x_ai", name, {"input": 200_000}, at="2026-06-01") == mtok("2.5", 200_000)


def test_a_retired_name_of_which_the_price_is_in_doubt_has_none() -> None:
    assert cost("x_ai", "grok-code-fast-1", {"input": 1000}, at="2026-05-01") == mtok("0.2", 1000)
    got = priced("x_ai", "grok-code-fast-1", {"input": 1000}, at="2026-06-01")
    assert got.reasons == ("no_price_at_time:input",)


def test_mistral_moved_its_latest_aliases() -> None:
    meters = {"input": 1000, "output": 100}
    assert cost("mistral_ai", "mistral-large-latest", meters, at="2025-12-01") == mtok("2", 1000) + mtok("6", 100)
    assert cost("mistral_ai", "mistral-large-latest", meters, at="2025-12-02") == mtok("0.5", 1000) + mtok("1.5", 100)
    assert cost("mistral_ai", "mistral-small-latest", meters, at="2026-03-16") == mtok("0.15", 1000) + mtok("0.6", 100)


def test_mistral_pages_and_retired_models() -> None:
    assert cost("mistral_ai", "mistral-ocr-2512", {"page": 12}) == thousand("2", 12)
    assert cost("mistral_ai", "open-mixtral-8x22b", {"input": 10, "output": 10}, at="2024-06-01") == (
        mtok("2", 10) + mtok("6", 10)
    )


def test_cohere_chat_embeddings_and_rerank() -> None:
    assert cost("cohere", "command-a-03-2025", {"input": 10, "output": 20}) == mtok("2.5", 10) + mtok("10", 20)
    assert cost("cohere", "embed-english-v3.0", {"input": 400}) == mtok("0.1", 400)
    assert cost("cohere", "rerank-english-v3.0", {"rerank_search": 1}) == thousand("2", 1)


def test_groq() -> None:
    assert cost("groq", "llama-3.3-70b-versatile", {"input": 100, "output": 50}, service_tier="on_demand") == (
        mtok("0.59", 100) + mtok("0.79", 50)
    )


def test_groq_bills_ten_seconds_of_audio_at_least() -> None:
    short = priced("groq", "whisper-large-v3", {"second": Decimal("2.5")})
    assert short.charges[0].quantity == 10
    assert short.cost_usd == (Decimal("0.111") * 10 / 3600).quantize(Decimal("1e-12"))
    assert {"minimum_billed", "rounded", "unit_price_rounded"} <= set(short.flags)


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2025-02-01T00:00Z", "0.14"),  # introductory price
        ("2025-02-10T20:00Z", "0.27"),  # no windows yet
        ("2025-03-10T16:29:59Z", "0.27"),
        ("2025-03-10T16:30Z", "0.135"),  # the window runs over midnight
        ("2025-03-11T00:29:59Z", "0.135"),
        ("2025-03-11T00:30Z", "0.27"),
        ("2025-09-05T15:59:59Z", "0.27"),
        ("2025-09-05T16:00Z", "0.56"),  # V3.1, inside a day
        ("2025-09-29T00:00Z", "0.28"),
    ],
)
def test_deepseek_prices_by_hour(at: str, price: str) -> None:
    assert cost("deepseek", "deepseek-chat", {"input": 10_000}, at=at) == mtok(price, 10_000)


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2026-08-16T15:59:59Z", "0.435"),
        ("2026-08-16T16:00Z", "0.66"),  # Sunday
        ("2026-08-17T01:00Z", "1.32"),  # Monday, peak
        ("2026-08-17T04:00Z", "0.66"),
        ("2026-08-17T09:59:59Z", "1.32"),
        ("2026-08-22T02:00Z", "0.66"),  # Saturday
        ("2026-10-01T02:00Z", "0.66"),  # Thursday, a public holiday in China
    ],
)
def test_deepseek_peak_hours_have_weekdays_and_holidays(at: str, price: str) -> None:
    assert cost("deepseek", "deepseek-v4-pro", {"input": 1000}, at=at) == mtok(price, 1000)


def test_deepseek_bills_by_the_end_of_the_call() -> None:
    got = cost("deepseek", "deepseek-chat", {"input": 1000}, at="2025-03-10T16:29:50Z", until="2025-03-10T16:30:05Z")
    assert got == mtok("0.135", 1000)


@pytest.mark.parametrize(("size", "fee"), [("low", "6"), ("medium", "10"), ("high", "14")])
def test_sonar_pro_has_a_fee_by_search_context_size(size: str, fee: str) -> None:
    got = cost("perplexity", "sonar-pro", {"input": 10, "output": 100}, search_context_size=size)
    assert got == mtok("3", 10) + mtok("15", 100) + thousand(fee, 1)


def test_sonar_fee_of_an_unreported_size_is_bounded() -> None:
    got = priced("perplexity", "sonar", {"input": 10, "output": 100})
    tokens = mtok("1", 10) + mtok("1", 100)
    assert (got.cost_low_usd, got.cost_usd, got.cost_high_usd) == (
        tokens + thousand("5", 1),
        tokens + thousand("5", 1),
        tokens + thousand("12", 1),
    )


def test_openrouter_sells_at_its_own_price() -> None:
    got = cost("openrouter", "openai/gpt-4o-mini", {"input": 16, "output": 2})
    assert got == mtok("0.15", 16) + mtok("0.6", 2)


def test_openrouter_free_variants_are_free() -> None:
    got = priced("openrouter", "deepseek/deepseek-r1:free", {"input": 16, "output": 2})
    assert (got.status, got.cost_usd) == ("free", 0)


def test_cohere_bills_its_billed_units() -> None:
    # The answer to a short prompt: 212 tokens with what Cohere adds to it, of which 12 are billed.
    meters = {"input": 4, "cache_read": 208, "output": 36, "billed_input": 12, "billed_output": 36}
    got = priced("cohere", "command-r-08-2024", meters)
    assert got.cost_usd == mtok("0.15", 12) + mtok("0.6", 36)
    assert [charge.meter for charge in got.charges] == ["billed_input", "billed_output"]
    assert cost("cohere", "rerank-v3.5", {"search_unit": 2}) == thousand("2", 2)


def test_xai_tools_have_a_fee_for_each_call() -> None:
    got = cost("x_ai", "grok-4.3", {"input": 1000, "output": 10, "x_search": 3, "code_execution": 1})
    assert got == mtok("1.25", 1000) + mtok("2.5", 10) + thousand("5", 3) + thousand("5", 1)
