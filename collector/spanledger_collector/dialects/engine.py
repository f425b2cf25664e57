"""Reads a span by its dialect into an observation: usage, identity, who bills, who spent, and what role it may play."""

from decimal import Decimal, InvalidOperation
from typing import Final

from spanledger_collector.dialects.attribution import process_of, read_attribution
from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.choice import choose_dialect
from spanledger_collector.dialects.counts import Counters, Counts
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.facts import Facts, hidden_response_id, read_facts, text_of
from spanledger_collector.dialects.names import INPUT_BESIDE, MADE_BY_FRAMEWORKS, TOTAL
from spanledger_collector.dialects.setting import Setting, setting_of
from spanledger_collector.dialects.usage import ZERO_USAGE, Convention, Usage, disjoint, is_blank, plain, use_billed
from spanledger_collector.model import Attributes, Observation, ReceivedSpan

__all__ = [
    "NO_USAGE",
    "STATUS_ERROR",
    "money_of",
    "recognise",
    "reported_cost",
    "response_id",
    "started_ns",
    "tells_counts",
    "usage_of",
]

STATUS_ERROR: Final = 2
_NS_PER_SECOND: Final = 10**9
_UNTIL_THE_FIRST_CHUNK_NS: Final = _NS_PER_SECOND // 2
"""A model takes about as long before it begins to answer, more often longer."""
_LARGEST_COST: Final = 10**6
"""USD: what the ledger's columns hold, and more than any call costs."""
NO_USAGE: Final = Usage.of({})


def recognise(span: ReceivedSpan, mapped: AttributionMap = NO_MAP) -> Observation | None:
    """What a span says about a model call; `None` for a span that is not about one. `mapped`: who spends, for this
    installation."""
    dialect = choose_dialect(span)
    if dialect is None:
        return None
    facts = read_facts(dialect, span.attributes)
    setting = setting_of(dialect, facts.steady, span.name if dialect.role_names else "", span.kind)
    if not facts.counts.counters.told and not setting.tells_enough:
        return None
    return _observation(span, dialect, facts, setting, mapped)


def _observation(
    span: ReceivedSpan, dialect: Dialect, facts: Facts, setting: Setting, mapped: AttributionMap
) -> Observation:
    said, counts, process = facts.of_call.get, facts.counts, process_of(span.resource)
    usage = usage_of(counts, setting) if counts.counters.told else NO_USAGE
    lasted, reported, emitted = said("lasted"), said("reported_cost_usd"), said("emitter_cost_usd")
    return Observation(  # in the order of its fields: names would cost three times as much
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        started_ns(span, lasted, dialect) if lasted or dialect.at_the_end else span.started_ns,
        span.ended_ns,
        process.service,
        dialect.id,
        usage.rule,
        setting.role,
        dialect.source_rank,
        setting.provider,
        setting.operation,
        setting.request_model,
        setting.response_model,
        response_id(dialect, said("response_id"), span.attributes),
        setting.error_type or ("_OTHER" if span.status == STATUS_ERROR else None),
        setting.status(counted=tells_counts(counts.counters, usage)),
        setting.usage_evidence,
        usage.meters,
        setting.conditions,
        read_attribution(said("user"), said("session"), facts.steady, facts.dimensions, span, process, mapped),
        reported_cost(dialect, reported, span.attributes) if reported or dialect.ticks else None,
        money_of(emitted) if emitted else None,
        setting.host,
        process.instance,
        usage.distinct_flags if usage.flags else (),
    )


def response_id(dialect: Dialect, said: str | None, attributes: Attributes) -> str | None:
    """The provider's id of the answer; what frameworks make up in its place is none."""
    if said is not None and not said.startswith(MADE_BY_FRAMEWORKS):
        return said
    return hidden_response_id(dialect, attributes) if dialect.hidden_ids else None


def started_ns(span: ReceivedSpan, lasted: str | None, dialect: Dialect) -> int:
    """When the call started: a record of one moment may say for how many seconds the answer was read before it."""
    seconds = _decimal(lasted) if lasted is not None and span.started_ns == span.ended_ns else None
    if seconds is None and not dialect.at_the_end:
        return span.started_ns
    seconds = seconds or Decimal(0)
    return max(0, span.started_ns - max(0, int(seconds * _NS_PER_SECOND)) - _UNTIL_THE_FIRST_CHUNK_NS)


def usage_of(counts: Counts, setting: Setting) -> Usage:
    """Disjoint meters of what was counted in a call, and what is odd about them."""
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


def tells_counts(counters: Counters, usage: Usage) -> bool:
    """Whether more was reported than a total; a count that cannot be read is still a sign that usage was."""
    return not counters.only_total and ZERO_USAGE not in usage.flags


def reported_cost(dialect: Dialect, said: str | None, attributes: Attributes) -> Decimal | None:
    """What the provider itself says the call cost, in USD; prices that an emitter worked out are not that."""
    amount = money_of(said)
    if amount is None and dialect.ticks is not None:
        attribute, ticks_per_usd = dialect.ticks
        amount = money_of(text_of(attributes.get(attribute)), ticks_per_usd)
    return amount


def money_of(text: str | None, per_usd: int = 1) -> Decimal | None:
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
