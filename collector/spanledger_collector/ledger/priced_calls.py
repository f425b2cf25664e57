"""As much of a stored call as its price depends on."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from spanledger_collector.call_records import Attribution, Call, Conditions, Quantity
from spanledger_collector.pricing.engine import FLAGS

__all__ = ["call_of"]

_NOBODY: Final = Attribution()


def call_of(row: Sequence[Any]) -> Call:
    """The call of a row of `reprice.odd_inputs` or `queries.call_inputs`, without the flags that a price gave it."""
    call_id, started, ended, provider, request, answer, usage, tier, said, flags, reported, meters, quantities = row
    conditions: dict[str, str] = said or {}
    return Call(
        call_id=call_id,
        trace_id=b"",
        span_id=b"",
        started_ns=started,
        ended_ns=ended,
        service="",
        provider=provider,
        operation="",
        request_model=request,
        response_model=answer,
        response_id=None,
        error_type=None,
        usage_status=usage,
        usage_evidence=None,
        meters={meter: _quantity(count) for meter, count in zip(meters or (), quantities or (), strict=True)},
        conditions=Conditions(service_tier=tier, **conditions),
        attribution=_NOBODY,
        dialect="",
        sources=(),
        reported_cost_usd=reported,
        flags=tuple(flag for flag in flags if flag not in FLAGS),
    )


def _quantity(count: Decimal) -> Quantity:
    whole = int(count)
    return whole if whole == count else count
