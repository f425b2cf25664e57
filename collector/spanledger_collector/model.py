"""The vocabulary of the collector as frozen records: what flows between the sockets and the database.

    ReceivedSpan --recognise--> Observation --settle--> Call --price--> Pricing (with its Charges)

Nothing here does I/O. Ids are raw bytes (16 for a trace, 8 for a span) until people see them, then lower-case hex text.
Times are integer nanoseconds since the Unix epoch, UTC. Money is `Decimal` USD. Counts are integers of the meter's unit
(`Decimal` only for meters that are not whole, such as seconds). An absent meter is unknown; a zero is a
reported zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeVar, dataclass_transform

AttributeScalar = str | bool | int | float | bytes
AttributeValue = AttributeScalar | list["AttributeValue"] | dict[str, "AttributeValue"] | None
"""An OTLP `AnyValue` in Python."""

Attributes = Mapping[str, AttributeValue]

KEY_ORG: Final = "spanledger.key.org"
"""The resource attribute in which the receiver notes the organisation of the key with which a span came. Never as a
client sent it: it is stored with the observation, and stronger than every other word on who spent it."""

Quantity = int | Decimal

UsageStatus = Literal["metered", "estimated", "unmetered"]
PriceStatus = Literal["priced", "partial", "unpriced", "free", "invalid_usage"]
Role = Literal["candidate", "aggregate", "ignored"]
"""What an observation may become: a call of its own, a check on the calls below it, or nothing (design, section 4)."""


_Record = TypeVar("_Record")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _record(cls: type[_Record]) -> type[_Record]:
    """A dataclass that is frozen to the type checker only: making one that is frozen at run time takes three times as
    long, and of these there are several for each span."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@_record
class Scope:
    """The instrumentation scope that emitted a span."""

    name: str = ""
    version: str = ""


@_record
class ReceivedSpan:
    """One span as it arrived, whatever the transport; `kind` and `status` are the numbers of the OTLP enums.

    A log record about a model call has this shape too: `kind` is 0, and the attribute `event.name` its name.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: int
    started_ns: int
    ended_ns: int
    status: int
    attributes: Attributes
    resource: Attributes
    scope: Scope

    @property
    def service(self) -> str:
        """`service.name` of the resource, or the empty string."""
        value = self.resource.get("service.name")
        return value if isinstance(value, str) else ""


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
class Observation:
    """What one span says about one model call. Immutable; its identity is (trace_id, span_id).

    `meters` is disjoint: `input` excludes cached tokens, `output` excludes reasoning. `source_rank` orders who is
    believed (0 the provider's own span, 1 SDK instrumentation, 2 framework, 3 unknown emitter). `flags` are short
    words for what is odd about the reading. `reported_cost_usd` is the provider's own price; `emitter_cost_usd` is what
    the emitter worked out by a table of its own, kept beside ours and never in its place.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    started_ns: int
    ended_ns: int
    service: str
    dialect: str
    rule: str
    role: Role
    source_rank: int
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
    reported_cost_usd: Decimal | None = None
    emitter_cost_usd: Decimal | None = None
    server_address: str | None = None
    service_instance: str | None = None
    flags: tuple[str, ...] = ()


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
