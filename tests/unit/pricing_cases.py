"""What the pricing tests share: calls in a line, and cost written as the arithmetic that a reader can check."""

from collections.abc import Mapping
from decimal import Decimal

from spanledger_collector.model import Attribution, Call, Conditions, Pricing, Quantity, UsageStatus
from spanledger_collector.pricing import price, shipped_book
from spanledger_collector.pricing.entries import instant_ns

NOW = "2026-11-20T12:00Z"
"""A Friday, when none of the tests says otherwise."""


def mtok(dollars: str, tokens: int) -> Decimal:
    """The cost of tokens at a price for a million of them."""
    return Decimal(dollars) * tokens / 1_000_000


def thousand(dollars: str, count: int) -> Decimal:
    """The cost of searches, requests or pages at a price for a thousand of them."""
    return Decimal(dollars) * count / 1000


def make_call(
    provider: str,
    model: str | None,
    meters: Mapping[str, Quantity],
    *,
    answer: str | None = None,
    at: str = NOW,
    until: str | None = None,
    conditions: Conditions | None = None,
    usage_status: UsageStatus = "metered",
    flags: tuple[str, ...] = (),
) -> Call:
    """A call to `model`, answered by `answer` (not named if `None`) at an instant."""
    return Call(
        call_id="call",
        trace_id=bytes(16),
        span_id=bytes(8),
        started_ns=instant_ns(at),
        ended_ns=instant_ns(until or at),
        service="test",
        provider=provider,
        operation="chat",
        request_model=model,
        response_model=answer,
        response_id=None,
        error_type=None,
        usage_status=usage_status,
        usage_evidence=None,
        meters=meters,
        conditions=conditions or Conditions(),
        attribution=Attribution(),
        dialect="test",
        sources=(),
        flags=flags,
    )


def priced(
    provider: str,
    model: str | None,
    meters: Mapping[str, Quantity],
    *,
    answer: str | None = None,
    at: str = NOW,
    until: str | None = None,
    **conditions: str,
) -> Pricing:
    """What the shipped book says of a call; keywords are conditions of the call (`service_tier="flex"`)."""
    call = make_call(provider, model, meters, answer=answer, at=at, until=until, conditions=Conditions(**conditions))
    return price(call, shipped_book())


def cost(
    provider: str,
    model: str | None,
    meters: Mapping[str, Quantity],
    *,
    answer: str | None = None,
    at: str = NOW,
    until: str | None = None,
    **conditions: str,
) -> Decimal:
    """The cost of a call by the shipped book, which must have a price for everything in it."""
    pricing = priced(provider, model, meters, answer=answer, at=at, until=until, **conditions)
    assert pricing.status in {"priced", "free"}, pricing.reasons
    assert pricing.cost_usd is not None
    assert sum((charge.amount_usd for charge in pricing.charges), Decimal(0)) == pricing.cost_usd
    return pricing.cost_usd
