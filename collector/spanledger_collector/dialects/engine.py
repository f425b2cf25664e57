"""Reads a span by its dialect into an observation: usage, identity, who bills, who spent, and what role it may play."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final, cast, get_args

from spanledger.meters import METER_BY_NAME, OTHER_METER_PREFIX
from spanledger_collector.dialects.attribution import read_attribution
from spanledger_collector.dialects.billing import billing_provider, region_of_host
from spanledger_collector.dialects.choice import choose_dialect
from spanledger_collector.dialects.counts import Count, read_count
from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.facts import Facts, hidden_response_id, read_facts, text_of
from spanledger_collector.dialects.names import METER_FACTS, TOTAL
from spanledger_collector.dialects.operations import OPERATIONS, SPELLINGS, role_of_operation
from spanledger_collector.dialects.usage import Convention, Usage, disjoint, use_billed
from spanledger_collector.model import Conditions, Observation, Quantity, ReceivedSpan, Role, UsageStatus

__all__ = ["recognise"]

_USAGE_STATUSES: Final = frozenset(get_args(UsageStatus))
_STATUS_ERROR: Final = 2
_FRACTIONAL_UNITS: Final = frozenset({"second"})
_LARGEST_COST: Final = 10**6
"""USD: what the ledger's columns hold, and more than any call costs."""
_NO_USAGE: Final = Usage({})
_PLAIN: Final = Convention()


def recognise(span: ReceivedSpan) -> Observation | None:
    """What a span says about a model call; `None` for a span that is not about one."""
    dialect = choose_dialect(span)
    if dialect is None:
        return None
    facts = read_facts(dialect, span.attributes)
    counts = list(_counts(facts))
    said = facts.text("operation") or dialect.operation or ""
    operation = SPELLINGS.get(said, said)
    role = _role(dialect, span, operation)
    if not _tells_enough(facts, counts, operation in OPERATIONS or operation in dialect.operations, role):
        return None
    return _observation(span, dialect, facts=facts, counts=counts, operation=operation, role=role)


def _role(dialect: Dialect, span: ReceivedSpan, operation: str) -> Role:
    """What the span may become, by the most particular rule."""
    return (
        dialect.role_names.get(span.name)
        or dialect.operations.get(operation)
        or role_of_operation(operation, span.kind)
    )


def _tells_enough(facts: Facts, counts: list[Count], is_known_operation: bool, role: Role) -> bool:
    """A span without counts is kept where it may be a call without usage, or the agent around calls. A tool's is not,
    nor is what we do not know (a rendered prompt, a task of somebody's own) if it names no model."""
    if counts:
        return True
    if role == "ignored":
        return False
    return is_known_operation or any(facts.text(model) is not None for model in ("request_model", "response_model"))


def _observation(
    span: ReceivedSpan, dialect: Dialect, *, facts: Facts, counts: list[Count], operation: str, role: Role
) -> Observation:
    host = facts.text("server_address")
    request_model, response_model = facts.text("request_model"), facts.text("response_model")
    provider = billing_provider(facts.text("provider") or dialect.provider, host, request_model or response_model)
    usage = _usage(dialect, facts, counts, provider, operation)
    return Observation(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        started_ns=span.started_ns,
        ended_ns=span.ended_ns,
        service=span.service,
        dialect=dialect.id,
        rule="+".join(usage.rules) or "plain",
        role=role,
        source_rank=dialect.source_rank,
        provider=provider,
        operation=operation,
        request_model=request_model,
        response_model=response_model,
        response_id=facts.text("response_id") or hidden_response_id(dialect, span.attributes),
        error_type=facts.text("error_type") or ("_OTHER" if span.status == _STATUS_ERROR else None),
        usage_status=_usage_status(facts, counts),
        usage_evidence=facts.text("usage_evidence"),
        meters=usage.meters,
        conditions=_conditions(facts, host),
        attribution=read_attribution(facts, span.resource),
        reported_cost_usd=_reported_cost(dialect, facts, span),
        server_address=host.lower() if host else None,
        service_instance=text_of(span.resource.get("service.instance.id")),
        flags=tuple(dict.fromkeys(usage.flags)),
    )


def _counts(facts: Facts) -> Iterator[Count]:
    """Every count on the span, by meter: those with names of their own, then free meters under our prefix."""
    for fact, (attribute, value) in facts.found.items():
        if fact in METER_FACTS or fact == TOTAL:
            unit = METER_BY_NAME[fact].unit if fact in METER_BY_NAME else "token"
            yield read_count(fact, attribute, value, fractional=unit in _FRACTIONAL_UNITS)
    for attribute, value in facts.other.items():
        if attribute.startswith(OTHER_METER_PREFIX):
            yield read_count(attribute.removeprefix(OTHER_METER_PREFIX), attribute, value, fractional=True)


def _usage(dialect: Dialect, facts: Facts, counts: list[Count], provider: str, operation: str) -> Usage:
    if not counts:
        return _NO_USAGE
    whole: dict[str, Quantity] = {count.meter: count.quantity for count in counts if count.quantity is not None}
    total = whole.pop(TOTAL, None)
    billed = use_billed(whole)
    # Whatever emitter made a span, one that our instrumentation has completed counts as the conventions have it.
    completed = facts.text("usage_status") is not None
    usage = disjoint(whole, total, _PLAIN if completed else _convention(dialect, provider, operation))
    if billed:
        usage.rules.append("billed")
    usage.flags.extend(f"invalid_usage:{count.attribute}" for count in counts if count.quantity is None)
    usage.flags.extend(f"invalid_usage:{facts.found[meter][0]}" for meter in usage.impossible)
    if any(count.as_text and count.quantity is not None for count in counts):
        usage.flags.append("usage_as_text")
    usage.flags.extend(dialect.flags)
    return usage


def _convention(dialect: Dialect, provider: str, operation: str) -> Convention:
    return Convention(
        cache_outside=_holds(dialect.cache_outside, provider),
        cache_unknown=dialect.cache_unknown,
        reasoning_outside=_holds(dialect.reasoning_outside, provider)
        or operation in dialect.reasoning_outside_operations,
        total_is_reported=dialect.total_is_reported,
        thoughts_hidden=provider in {"gcp.gemini", "gcp.vertex_ai"},
    )


def _holds(providers: frozenset[str], provider: str) -> bool:
    return provider in providers or providers == ANY_PROVIDER


def _usage_status(facts: Facts, counts: list[Count]) -> UsageStatus:
    """As the emitter says, where it says; a count that cannot be read is still a sign that usage was reported."""
    said = facts.text("usage_status")
    if said in _USAGE_STATUSES:
        return cast("UsageStatus", said)
    return "metered" if any(count.meter != TOTAL for count in counts) else "unmetered"


def _conditions(facts: Facts, host: str | None) -> Conditions:
    return Conditions(
        service_tier=facts.text("service_tier"),
        processing=facts.text("processing"),
        speed=facts.text("speed"),
        region=facts.text("region") or (region_of_host(host) if host else None),
        inference_geo=facts.text("inference_geo"),
        deployment_type=facts.text("deployment_type"),
        search_context_size=facts.text("search_context_size"),
    )


def _reported_cost(dialect: Dialect, facts: Facts, span: ReceivedSpan) -> Decimal | None:
    """What the provider itself says the call cost, in USD; prices that an emitter worked out are not that."""
    amount = _decimal(facts.text("reported_cost_usd"))
    if amount is None and dialect.ticks is not None:
        attribute, ticks_per_usd = dialect.ticks
        ticks = _decimal(text_of(span.attributes.get(attribute)))
        amount = None if ticks is None else ticks / ticks_per_usd
    return amount if amount is not None and 0 <= amount < _LARGEST_COST else None


def _decimal(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
