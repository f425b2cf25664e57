"""Golden costs of OpenAI and Azure OpenAI calls, as arithmetic on published prices."""

import pytest
from tests.unit.pricing_cases import cost, mtok, priced, thousand


def test_plain_chat() -> None:
    assert cost("openai", "gpt-4o-mini", {"input": 550, "output": 200}) == mtok("0.15", 550) + mtok("0.6", 200)


def test_answer_names_the_snapshot() -> None:
    got = cost("openai", "gpt-4o", {"input": 1200, "output": 80}, answer="gpt-4o-2024-05-13")
    assert got == mtok("5", 1200) + mtok("15", 80)


def test_cached_input_is_priced_apart() -> None:
    got = cost("openai", "gpt-5", {"input": 1000, "cache_read": 9000, "output": 300})
    assert got == mtok("1.25", 1000) + mtok("0.125", 9000) + mtok("10", 300)


def test_reasoning_costs_what_output_costs() -> None:
    got = priced("openai", "o3-mini", {"input": 100, "output": 50, "reasoning": 640})
    assert got.cost_usd == mtok("1.1", 100) + mtok("4.4", 50) + mtok("4.4", 640)
    assert [charge.meter for charge in got.charges] == ["input", "output", "reasoning"]


@pytest.mark.parametrize(("total", "dear"), [(272_000, False), (272_001, True)])
def test_long_context_bills_the_whole_request(total: int, dear: bool) -> None:
    got = cost("openai", "gpt-5.4", {"input": total - 2000, "cache_read": 2000, "output": 1000})
    expected = (
        mtok("5", total - 2000) + mtok("0.5", 2000) + mtok("22.5", 1000)
        if dear
        else mtok("2.5", total - 2000) + mtok("0.25", 2000) + mtok("15", 1000)
    )
    assert got == expected


def test_cache_writes_of_gpt_5_6() -> None:
    got = cost("openai", "gpt-5.6-sol", {"input": 100, "cache_write": 4000, "cache_read": 500, "output": 10})
    assert got == mtok("4", 100) + mtok("5", 4000) + mtok("0.4", 500) + mtok("20", 10)


@pytest.mark.parametrize(
    ("tier", "prices"),
    [("default", ("2", "0.5", "8")), ("flex", ("1", "0.25", "4")), ("priority", ("3.5", "0.875", "14"))],
)
def test_service_tier_of_the_answer(tier: str, prices: tuple[str, str, str]) -> None:
    got = cost("openai", "o3", {"input": 700, "cache_read": 300, "output": 90}, service_tier=tier)
    assert got == mtok(prices[0], 700) + mtok(prices[1], 300) + mtok(prices[2], 90)


def test_fast_is_a_name_of_priority() -> None:
    meters = {"input": 10, "output": 20}
    assert cost("openai", "gpt-5.5", meters, service_tier="fast") == mtok("12.5", 10) + mtok("75", 20)


def test_flex_before_the_catalogue_has_it() -> None:
    got = cost(
        "openai", "o4-mini", {"input": 1000, "cache_read": 40, "output": 10}, at="2025-08-01", service_tier="flex"
    )
    assert got == mtok("0.55", 1000) + mtok("0.1375", 40) + mtok("2.2", 10)


@pytest.mark.parametrize("how", [{"processing": "batch"}, {"service_tier": "batch"}])
def test_batch_is_half(how: dict[str, str]) -> None:
    got = cost("openai", "gpt-4o", {"input": 4000, "output": 1000}, at="2025-03-01", **how)
    assert got == mtok("1.25", 4000) + mtok("5", 1000)


def test_o3_before_its_price_cut() -> None:
    meters = {"input": 1000, "cache_read": 100, "output": 10}
    assert cost("openai", "o3", meters, at="2025-06-09T23:59:59Z") == (
        mtok("10", 1000) + mtok("2.5", 100) + mtok("40", 10)
    )
    assert cost("openai", "o3", meters, at="2025-06-10") == mtok("2", 1000) + mtok("0.5", 100) + mtok("8", 10)


def test_gpt_4o_was_another_snapshot_before_october_2024() -> None:
    meters = {"input": 1000, "output": 100}
    assert cost("openai", "gpt-4o", meters, at="2024-10-01T23:59Z") == mtok("5", 1000) + mtok("15", 100)
    assert cost("openai", "gpt-4o", meters, at="2024-10-02") == mtok("2.5", 1000) + mtok("10", 100)


def test_audio() -> None:
    got = cost(
        "openai", "gpt-4o-audio-preview-2024-12-17", {"input": 20, "input_audio": 900, "output": 5, "output_audio": 700}
    )
    assert got == mtok("2.5", 20) + mtok("40", 900) + mtok("10", 5) + mtok("80", 700)


def test_images_cost_tokens_or_image_tokens() -> None:
    assert cost("openai", "gpt-4.1", {"input": 20, "input_image": 800, "output": 1}) == mtok("2", 820) + mtok("8", 1)
    got = cost("openai", "gpt-image-1", {"input": 50, "input_image": 300, "output_image": 4160})
    assert got == mtok("5", 50) + mtok("10", 300) + mtok("40", 4160)


def test_web_search_and_its_preview() -> None:
    meters = {"input": 1000, "output": 100}
    assert cost("openai", "gpt-4.1", {**meters, "web_search": 2}) == (
        mtok("2", 1000) + mtok("8", 100) + thousand("10", 2)
    )
    assert cost("openai", "gpt-4.1", {**meters, "web_search_preview": 2}) == (
        mtok("2", 1000) + mtok("8", 100) + thousand("25", 2)
    )


def test_search_model_has_a_fee_for_every_completion() -> None:
    got = cost("openai", "gpt-4o-mini-search-preview", {"input": 30, "output": 400})
    assert got == mtok("0.15", 30) + mtok("0.6", 400) + thousand("25", 1)


def test_fine_tuned_models_are_priced_by_their_base() -> None:
    got = cost("openai", "ft:gpt-4.1-2025-04-14:acme::Bx12", {"input": 1000, "cache_read": 200, "output": 50})
    assert got == mtok("3", 1000) + mtok("0.75", 200) + mtok("12", 50)
    got = cost(
        "openai", "ft:gpt-4o-2024-08-06:acme:tone:Bx12:ckpt-step-90", {"input": 10, "cache_read": 20, "output": 5}
    )
    assert got == mtok("3.75", 10) + mtok("1.875", 20) + mtok("15", 5)


def test_embeddings_and_whisper() -> None:
    assert cost("openai", "text-embedding-3-small", {"input": 8000}) == mtok("0.02", 8000)
    assert cost("openai", "whisper-1", {"second": 90}) == thousand("0.1", 90)


def test_regional_processing_costs_a_tenth_more_from_gpt_5_4_on() -> None:
    meters = {"input": 1000, "output": 100}
    assert cost("openai", "gpt-5.4", meters, region="eu") == mtok("2.75", 1000) + mtok("16.5", 100)
    assert cost("openai", "gpt-4.1", meters, region="eu") == mtok("2", 1000) + mtok("8", 100)


def test_moderation_is_free_by_an_entry_that_says_so() -> None:
    got = priced("openai", "omni-moderation-latest", {"input": 400})
    assert (got.status, got.cost_usd) == ("free", 0)
    assert len(got.charges) == 1


def test_azure_global_deployments_cost_what_openai_charges() -> None:
    got = priced("azure.ai.openai", "our-chat", {"input": 1000, "output": 100}, answer="gpt-4.1-mini-2025-04-14")
    assert got.cost_usd == mtok("0.4", 1000) + mtok("1.6", 100)
    assert "deployment_type_assumed_default" in got.flags


@pytest.mark.parametrize("kind", ["DataZoneStandard", "data_zone", "datazone"])
def test_azure_data_zones_cost_a_tenth_more(kind: str) -> None:
    got = cost("azure.ai.openai", "x", {"input": 1000, "output": 100}, answer="gpt-4o-2024-11-20", deployment_type=kind)
    assert got == mtok("2.75", 1000) + mtok("11", 100)


def test_azure_spells_gpt_35() -> None:
    got = cost("azure.ai.openai", "x", {"input": 10, "output": 10}, answer="gpt-35-turbo")
    assert got == mtok("0.5", 10) + mtok("1.5", 10)
