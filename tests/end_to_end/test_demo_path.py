"""The demo's path with real processes, from the app's SDK calls to the priced ledger, held against the truth."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from spanledger_collector.demo import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.conftest import Outcome

MILLION = 1_000_000

PRICES: dict[str, dict[str, str]] = {
    "gpt-4o-mini-2024-07-18": {"input": "0.15", "cache_read": "0.075", "output": "0.60"},
    "gpt-5-mini-2025-08-07": {"input": "0.25", "cache_read": "0.025", "output": "2.00", "reasoning": "2.00"},
    "text-embedding-3-small": {"input": "0.02"},
    "claude-haiku-4-5-20251001": {"input": "1.00", "cache_read": "0.10", "cache_write_1h": "2.00", "output": "5.00"},
    "claude-opus-4-5-20251101": {"input": "5.00", "output": "25.00", "reasoning": "25.00", "web_search": "10000"},
}
"""USD per million, as the providers publish them; a web search is $10 per thousand."""

APP_USERS = {"user-ana": 6, "user-bo": 6, "user-cy": 6, "user-dee": 2}
"""Calls for each user, failed ones included, as one reads them in examples/app.py."""


def cost(model: str, meters: truth.Meters) -> Decimal:
    """What a call costs: for each meter, its count times its price per million."""
    return sum((Decimal(PRICES[model][meter]) * count / MILLION for meter, count in meters.items()), Decimal(0))


@pytest.fixture(scope="module", params=["grpc", "http/protobuf"])
def outcome(request: pytest.FixtureRequest, run_over: Callable[[str], Outcome]) -> Outcome:
    return run_over(request.param)


def test_every_served_request_is_one_call_with_the_same_counts(outcome: Outcome) -> None:
    counted = truth.counted_from_rows(outcome.rows(truth.COUNTED_SQL))
    assert truth.differences(outcome.served, counted) == []
    assert len(outcome.billed) == 18


def test_ids_are_found_once_each(outcome: Outcome) -> None:
    told = sorted(record.response_id for record in outcome.billed if record.response_id)
    found = [
        row["response_id"]
        for row in outcome.rows("SELECT response_id FROM calls WHERE response_id IS NOT NULL ORDER BY 1")
    ]
    assert found == told


def test_inclusive_tokens_are_those_of_the_provider(outcome: Outcome) -> None:
    expected = {
        record.response_id: (
            sum(count for meter, count in record.meters.items() if meter.startswith(("input", "cache_"))),
            sum(count for meter, count in record.meters.items() if meter in {"output", "reasoning"}),
        )
        for record in outcome.billed
        if record.response_id and record.told and record.meters
    }
    rows = outcome.rows(
        "SELECT response_id, input_tokens, output_tokens FROM calls "
        "WHERE response_id IS NOT NULL AND usage_status = 'metered'"
    )
    assert {row["response_id"]: (row["input_tokens"], row["output_tokens"]) for row in rows} == expected


def test_every_cent_is_the_providers_price_times_the_count(outcome: Outcome) -> None:
    known = [record for record in outcome.billed if record.model in PRICES and record.told and record.meters]
    expected = sorted((record.model, cost(record.model, record.meters or {})) for record in known)
    rows = outcome.rows(
        "SELECT response_model, cost_usd FROM calls WHERE price_status = 'priced' ORDER BY response_model, cost_usd"
    )
    assert [(row["response_model"], row["cost_usd"]) for row in rows] == expected
    assert {record.model for record in known} == PRICES.keys()


def test_cost_is_the_sum_of_its_charges(outcome: Outcome) -> None:
    assert (
        outcome.rows(
            "SELECT call_id, cost_usd, sum(amount_usd) FROM calls JOIN charges USING (call_id, revision) "
            "GROUP BY ALL HAVING cost_usd IS DISTINCT FROM sum(amount_usd)"
        )
        == []
    )


def test_unknown_model_is_unpriced_and_never_free(outcome: Outcome) -> None:
    [row] = outcome.rows(
        "SELECT price_status, price_reasons, cost_usd, usage_status FROM calls WHERE request_model = 'acme-chat-1'"
    )
    assert (row["price_status"], row["cost_usd"], row["usage_status"]) == ("unpriced", None, "metered")
    assert row["price_reasons"]


def test_stream_without_usage_is_unmetered_and_never_zero(outcome: Outcome) -> None:
    [untold] = [record for record in outcome.billed if not record.told]
    [row] = outcome.rows(
        "SELECT response_id, input_tokens, output_tokens, cost_usd FROM calls "
        "WHERE usage_status = 'unmetered' AND error_type IS NULL"
    )
    assert row == {"response_id": untold.response_id, "input_tokens": None, "output_tokens": None, "cost_usd": None}


def test_failed_calls_are_there_without_cost(outcome: Outcome) -> None:
    rows = outcome.rows("SELECT request_model, cost_usd FROM calls WHERE error_type IS NOT NULL ORDER BY 1")
    assert rows == [
        {"request_model": "claude-haiku-4-5", "cost_usd": None},
        {"request_model": "no-such-model", "cost_usd": None},
    ]


def test_calls_belong_to_whom_the_app_worked_for(outcome: Outcome) -> None:
    rows = outcome.rows("SELECT user_id, count(*)::INTEGER AS calls FROM calls GROUP BY ALL")
    assert {row["user_id"]: row["calls"] for row in rows} == APP_USERS
    assert outcome.count("SELECT count(*) FROM calls WHERE feature IS NULL OR org_id IS NULL") == 0


def test_attribution_by_baggage_only(outcome: Outcome) -> None:
    rows = outcome.rows(
        "SELECT DISTINCT user_id, org_id, feature FROM calls WHERE provider = 'anthropic' AND user_id = 'user-dee'"
    )
    assert rows == [{"user_id": "user-dee", "org_id": "org-south", "feature": "summaries"}]


def test_one_usage_bearing_span_for_each_answered_anthropic_call(outcome: Outcome) -> None:
    answered = [record for record in outcome.billed if record.provider == "anthropic"]
    spans = outcome.count("SELECT count(*) FROM observations WHERE provider = 'anthropic' AND usage_status = 'metered'")
    assert spans == len(answered)


def test_calls_of_one_request_share_its_trace(outcome: Outcome) -> None:
    rows = outcome.rows(
        "SELECT operation FROM calls JOIN spans USING (trace_id) "
        "WHERE name = 'support with tool' ORDER BY calls.started_at"
    )
    assert [row["operation"] for row in rows] == ["embeddings", "chat", "chat"]
