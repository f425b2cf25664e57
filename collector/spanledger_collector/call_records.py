"""A call and what it costs, as frozen records: what is made of observations, and what pricing knows.

These need nothing but Python, since apps that estimate have no more (docs/decisions/0008-estimates-in-the-app.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeVar, dataclass_transform

__all__ = [
    "Attribution",
    "Call",
    "Charge",
    "Conditions",
    "PriceStatus",
    "Pricing",
    "Quantity",
    "Source",
    "UsageStatus",
]

Quantity = int | Decimal

UsageStatus = Literal["metered", "estimated", "unmetered"]
PriceStatus = Literal["priced", "partial", "unpriced", "free", "invalid_usage"]

_Record = TypeVar("_Record")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _record(cls: type[_Record]) -> type[_Record]:
    """A dataclass that is frozen to the type checker only: making one that is frozen at run time takes three times as
    long, and of these there are several for each span."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@_record
class Attribution:
    """Who or what spent the money; every field may be unknown.

    `key_org` is the organisation of the key with which it came; where it is known, `org` is the same.
    """

    user: str | None = None
    org: str | None = None
    session: str | None = None
    workflow: str | None = None
    feature: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    key_org: str | None = None


@_record
class Conditions:
    """What a price may depend on besides model, meter and time; `None` is unknown, never "standard"."""

    service_tier: str | None = None
    processing: str | None = None
    speed: str | None = None
    region: str | None = None
    inference_geo: str | None = None
    deployment_type: str | None = None
    search_context_size: str | None = None


@_record
class Source:
    """One observation behind a call: `part` says what was taken from it, `reason` why."""

    trace_id: bytes
    span_id: bytes
    part: Literal["usage", "merged", "check"]
    reason: str


@_record
class Call:
    """One real, billable model call, counted once; `trace_id` and `span_id` are those of the believed observation. The
    two costs are as in an observation, by the most trusted one that tells of them."""

    call_id: str
    trace_id: bytes
    span_id: bytes
    started_ns: int
    ended_ns: int
    service: str
    provider: str
    operation: str
    request_model: str | None
    response_model: str | None
    response_id: str | None
    error_type: str | None
    usage_status: UsageStatus
    usage_evidence: str | None
    meters: Mapping[str, Quantity]
    conditions: Conditions
    attribution: Attribution
    dialect: str
    sources: tuple[Source, ...]
    reported_cost_usd: Decimal | None = None
    emitter_cost_usd: Decimal | None = None
    flags: tuple[str, ...] = ()


@_record
class Charge:
    """Meter x quantity x unit price. `unit_price_usd` is per one unit; `amount_usd` has at most 12 decimal places."""

    meter: str
    quantity: Quantity
    unit: str
    unit_price_usd: Decimal
    amount_usd: Decimal
    price_entry_id: str


@_record
class Pricing:
    """What a price book says of a call.

    `cost_usd` is the exact sum of the charges, and `None` unless every meter has one (status `priced` or `free`);
    `cost_low_usd` and `cost_high_usd` bound what is not certain.
    """

    status: PriceStatus
    reasons: tuple[str, ...]
    charges: tuple[Charge, ...]
    cost_usd: Decimal | None
    cost_low_usd: Decimal | None
    cost_high_usd: Decimal | None
    price_book: str
    flags: tuple[str, ...] = ()
