"""Reads a span by its dialect into an observation: usage, identity, who bills, who spent, and what role it may play."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, cast, get_args

from spanledger import semconv
from spanledger_collector.dialects.attribution import process_of, read_attribution
from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.billing import billing_provider, recorded_provider, region_of_host
from spanledger_collector.dialects.choice import choose_dialect
from spanledger_collector.dialects.counts import Counts
from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.facts import Facts, Steady, hidden_response_id, read_facts, text_of
from spanledger_collector.dialects.names import INPUT_BESIDE, MADE_BY_FRAMEWORKS, TOTAL
from spanledger_collector.dialects.operations import OPERATIONS, SPELLINGS, role_of_operation
from spanledger_collector.dialects.peer import host_of_url
from spanledger_collector.dialects.usage import ZERO_USAGE, Convention, Usage, disjoint, is_blank, plain, use_billed
from spanledger_collector.model import Attributes, Conditions, Observation, ReceivedSpan, Role, UsageStatus

__all__ = ["recognise"]

_USAGE_STATUSES: Final = frozenset(get_args(UsageStatus))
_STATUS_ERROR: Final = 2
_NS_PER_SECOND: Final = 10**9
_UNTIL_THE_FIRST_CHUNK_NS: Final = _NS_PER_SECOND // 2
"""A model takes about as long before it begins to answer, more often longer."""
_ESTIMATE: Final = "estimated by the emitter"
_LARGEST_COST: Final = 10**6
"""USD: what the ledger's columns hold, and more than any call costs."""
_OPENAI_ON_BEDROCK: Final = "openai."
"""In the ids of models of OpenAI there. Bedrock passes on their counts, in which cached tokens may be inside the input,
unlike those of all others there (maximhq/bifrost#6942)."""
_NO_USAGE: Final = Usage.of({})
_PLAIN: Final = Convention()


def recognise(span: ReceivedSpan, mapped: AttributionMap = NO_MAP) -> Observation | None:
    """What a span says about a model call; `None` for a span that is not about one. `mapped`: who spends, for this
    installation."""
    dialect = choose_dialect(span)
    if dialect is None:
        return None
    facts = read_facts(dialect, span.attributes)
    setting = _setting(dialect, facts.steady, span.name if dialect.role_names else "", span.kind)
    if not facts.counts.counters.told and not setting.tells_enough:
        return None
    return _observation(span, dialect, facts, setting, mapped)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What an emitter says alike in call after call. `tells_enough` for an observation without counts; `usage_status`
    as it says itself, else `of_counts` where there are some; `zeros_count` where it would not write zeros for what it
    could not read."""

    operation: str
    role: Role
    tells_enough: bool
    provider: str
    request_model: str | None
    response_model: str | None
    conditions: Conditions
    convention: Convention
    host: str | None
    error_type: str | None
    usage_status: UsageStatus | None
    of_counts: UsageStatus
    usage_evidence: str | None
    flags: tuple[str, ...]
    zeros_count: bool


@lru_cache(2048)
def _setting(dialect: Dialect, steady: Steady, span_name: str, kind: int) -> _Setting:
    said = steady.texts.get
    named = said("operation") or dialect.operation or ""
    operation = SPELLINGS.get(named, named)
    role = _role(dialect, span_name, kind, operation)
    host, request_model, response_model = _host(said("server_address")), said("request_model"), said("response_model")
    provider = _provider(said("provider") or dialect.provider, host, request_model or response_model, operation)
    is_estimate = any(part in (request_model or "") for part in dialect.estimates)
    status = said("usage_status")
    return _Setting(
        operation=operation,
        role=role,
        tells_enough=_tells_enough(dialect, steady, operation, role),
        provider=provider,
        request_model=request_model,
        response_model=response_model,
        conditions=_conditions(steady, host),
        convention=_convention(dialect, steady, provider, operation, request_model or response_model or ""),
        host=host,
        error_type=said("error_type"),
        usage_status=cast("UsageStatus", status) if status in _USAGE_STATUSES else None,
        of_counts="estimated" if is_estimate else "metered",
        usage_evidence=said("usage_evidence") or (_ESTIMATE if is_estimate else None),
        flags=() if _is_completed(steady) else dialect.flags,
        zeros_count=dialect.source_rank == 0 or _is_completed(steady),
    )


def _host(said: str | None) -> str | None:
    """The host, in lower case, of an address that some emitters give as a URL."""
    if said is None:
        return None
    return host_of_url(said) if "://" in said else said.lower()


def _role(dialect: Dialect, span_name: str, kind: int, operation: str) -> Role:
    """What the span may become, by the most particular rule."""
    return (
        dialect.role_names.get(span_name)
        or dialect.role_names.get(span_name.rpartition(".")[2])
        or dialect.operations.get(operation)
        or role_of_operation(operation, kind)
    )


def _tells_enough(dialect: Dialect, steady: Steady, operation: str, role: Role) -> bool:
    """A span without counts is kept where it may be a call without usage, or the agent around calls. A tool's is not,
    nor is what we do not know (a rendered prompt, a task of somebody's own) if it names no model."""
    if role == "ignored":
        return False
    is_known_operation = operation in OPERATIONS or operation in dialect.operations
    return is_known_operation or "request_model" in steady.texts or "response_model" in steady.texts


def _provider(named: str | None, host: str | None, model: str | None, operation: str) -> str:
    return recorded_provider(named) if operation == semconv.RECORD else billing_provider(named, host, model)


def _conditions(steady: Steady, host: str | None) -> Conditions:
    said = steady.texts.get
    return Conditions(
        service_tier=said("service_tier"),
        processing=said("processing"),
        speed=said("speed"),
        region=said("region") or (region_of_host(host) if host else None),
        inference_geo=said("inference_geo"),
        deployment_type=said("deployment_type"),
        search_context_size=said("search_context_size"),
    )


def _observation(
    span: ReceivedSpan, dialect: Dialect, facts: Facts, setting: _Setting, mapped: AttributionMap
) -> Observation:
    said, counts, process = facts.of_call.get, facts.counts, process_of(span.resource)
    usage = _usage(counts, setting) if counts.counters.told else _NO_USAGE
    lasted, reported, emitted = said("lasted"), said("reported_cost_usd"), said("emitter_cost_usd")
    return Observation(  # in the order of its fields: names would cost three times as much
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        _started_ns(span, lasted, at_the_end=dialect.at_the_end) if lasted or dialect.at_the_end else span.started_ns,
        span.ended_ns,
        process.service,
        dialect.id,
        "+".join(usage.rules) or "plain",
        setting.role,
        dialect.source_rank,
        setting.provider,
        setting.operation,
        setting.request_model,
        setting.response_model,
        _response_id(dialect, said("response_id"), span.attributes),
        setting.error_type or ("_OTHER" if span.status == _STATUS_ERROR else None),
        setting.usage_status or (setting.of_counts if _tells_counts(counts, usage) else "unmetered"),
        setting.usage_evidence,
        usage.meters,
        setting.conditions,
        read_attribution(facts, span, process, mapped),
        _reported_cost(dialect, reported, span.attributes) if reported or dialect.ticks else None,
        _money(emitted) if emitted else None,
        setting.host,
        process.instance,
        tuple(dict.fromkeys(usage.flags)) if usage.flags else (),
    )


def _response_id(dialect: Dialect, said: str | None, attributes: Attributes) -> str | None:
    if said is not None and not said.startswith(MADE_BY_FRAMEWORKS):
        return said
    return hidden_response_id(dialect, attributes) if dialect.hidden_ids else None


def _started_ns(span: ReceivedSpan, lasted: str | None, *, at_the_end: bool) -> int:
    """When the call started: a record of one moment may say for how many seconds the answer was read before it."""
    seconds = _decimal(lasted) if lasted is not None and span.started_ns == span.ended_ns else None
    if seconds is None and not at_the_end:
        return span.started_ns
    seconds = seconds or Decimal(0)
    return max(0, span.started_ns - max(0, int(seconds * _NS_PER_SECOND)) - _UNTIL_THE_FIRST_CHUNK_NS)


def _usage(counts: Counts, setting: _Setting) -> Usage:
    convention = setting.convention
    usage = plain(counts.quantities, convention) if counts.counters.plain else _of_any_meters(counts, convention)
    if not setting.zeros_count and not counts.invalid and is_blank(usage.meters):
        return Usage({}, ["zeros"], [ZERO_USAGE], [])
    if counts.invalid or usage.impossible or counts.as_text:
        _flag(usage, counts)
    if setting.flags:
        usage.flags.extend(setting.flags)
    return usage


def _of_any_meters(counts: Counts, convention: Convention) -> Usage:
    total = counts.quantities.pop(TOTAL, None)
    if (beside := counts.quantities.pop(INPUT_BESIDE, None)) is not None:
        counts.quantities["input"] = counts.quantities.get("input", 0) + beside
    billed = use_billed(counts.quantities)
    usage = disjoint(counts.quantities, total, convention)
    if billed:
        usage.rules.append("billed")
    return usage


def _flag(usage: Usage, counts: Counts) -> None:
    usage.flags.extend(f"invalid_usage:{attribute}" for attribute in counts.invalid)
    usage.flags.extend(f"invalid_usage:{counts.attribute_of(meter)}" for meter in usage.impossible)
    if counts.as_text:
        usage.flags.append("usage_as_text")


def _is_completed(steady: Steady) -> bool:
    """Whether our instrumentation has completed the span: then it counts as the conventions have it."""
    return "usage_status" in steady.texts


def _convention(dialect: Dialect, steady: Steady, provider: str, operation: str, model: str) -> Convention:
    if _is_completed(steady):
        return _PLAIN
    outside = _holds(dialect.cache_outside, provider)
    unknown = outside and provider == "aws.bedrock" and _OPENAI_ON_BEDROCK in model
    return Convention(
        cache_outside=outside and not unknown,
        cache_unknown=unknown or _holds(dialect.cache_unknown, provider),
        reasoning_outside=_holds(dialect.reasoning_outside, provider)
        or operation in dialect.reasoning_outside_operations,
        reasoning_unknown=dialect.reasoning_unknown,
        total_is_reported=dialect.total_is_reported,
        input_is_rest=dialect.input_is_rest,
        thoughts_hidden=provider in {"gcp.gemini", "gcp.vertex_ai"},
    )


def _holds(providers: frozenset[str], provider: str) -> bool:
    return provider in providers or providers == ANY_PROVIDER


def _tells_counts(counts: Counts, usage: Usage) -> bool:
    """Whether more was reported than a total; a count that cannot be read is still a sign that usage was."""
    return not counts.counters.only_total and ZERO_USAGE not in usage.flags


def _reported_cost(dialect: Dialect, said: str | None, attributes: Attributes) -> Decimal | None:
    """What the provider itself says the call cost, in USD; prices that an emitter worked out are not that."""
    amount = _money(said)
    if amount is None and dialect.ticks is not None:
        attribute, ticks_per_usd = dialect.ticks
        amount = _money(text_of(attributes.get(attribute)), ticks_per_usd)
    return amount


def _money(text: str | None, per_usd: int = 1) -> Decimal | None:
    """An amount in USD, of which so many units make one; `None` for what is no amount that a call may cost."""
    if text is None:
        return None
    amount = _decimal(text)
    if amount is None or not 0 <= amount < _LARGEST_COST * per_usd:
        return None
    return amount / per_usd if per_usd > 1 else amount


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
