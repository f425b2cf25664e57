"""The vocabulary of the collector as frozen records: what flows between the sockets and the database.

    ReceivedSpan --recognise--> Observation --settle--> Call --price--> Pricing (with its Charges)

Nothing here does I/O. Ids are raw bytes (16 for a trace, 8 for a span) until people see them, then lower-case hex text.
Times are integer nanoseconds since the Unix epoch, UTC. Money is `Decimal` USD. Counts are integers of the meter's unit
(`Decimal` only for meters that are not whole, such as seconds). An absent meter is unknown; a zero is a
reported zero.

Of what there is one for each span, making a `Struct` takes less than half of what a dataclass does, and the garbage
collector need not look at it (`gc=False`): it holds what was decoded, and nothing of that can refer back to it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct

from spanledger_collector.call_records import (
    Attribution,
    Call,
    Charge,
    Conditions,
    PriceStatus,
    Pricing,
    Quantity,
    Source,
    UsageStatus,
)

__all__ = [
    "KEY_ORG",
    "AttributeScalar",
    "AttributeValue",
    "Attributes",
    "Attribution",
    "Call",
    "Charge",
    "Conditions",
    "Observation",
    "PriceStatus",
    "Pricing",
    "Quantity",
    "ReceivedSpan",
    "Role",
    "Scope",
    "Source",
    "UsageStatus",
    "service_of",
]

AttributeScalar = str | bool | int | float | bytes
AttributeValue = AttributeScalar | list["AttributeValue"] | dict[str, "AttributeValue"] | None
"""An OTLP `AnyValue` in Python."""

Attributes = Mapping[str, AttributeValue]

KEY_ORG: Final = "spanledger.key.org"
"""The resource attribute in which the receiver notes the organisation of the key with which a span came. Never as a
client sent it: it is stored with the observation, and stronger than every other word on who spent it."""


def service_of(resource: Attributes) -> str:
    """`service.name` of a resource, or the empty string."""
    value = resource.get("service.name")
    return value if isinstance(value, str) else ""


Role = Literal["candidate", "aggregate", "ignored"]
"""What an observation may become: a call of its own, a check on the calls below it, or nothing (design, section 4)."""


class Scope(Struct, frozen=True, gc=False):
    """The instrumentation scope that emitted a span."""

    name: str = ""
    version: str = ""


class ReceivedSpan(Struct, frozen=True, gc=False):
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
        """That of the resource."""
        return service_of(self.resource)


class Observation(Struct, frozen=True, gc=False):
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
