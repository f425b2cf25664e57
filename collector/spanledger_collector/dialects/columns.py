"""Reads a group of spans into observations, in columns: the short way of `engine`, which reads one span. It decides
nothing by itself: what differs from span to span in a way that matters goes through the same functions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple

from spanledger_collector.dialects.attribution import dimensions_of, process_of, read_attribution
from spanledger_collector.dialects.attribution_map import NO_MAP, AttributionMap
from spanledger_collector.dialects.counts import Counts
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.engine import (
    NO_USAGE,
    STATUS_ERROR,
    money_of,
    reported_cost,
    response_id,
    started_ns,
    tells_counts,
    usage_of,
)
from spanledger_collector.dialects.fact_columns import FactColumns, read_columns
from spanledger_collector.dialects.groups import Columns, Group, rows_of
from spanledger_collector.dialects.setting import Setting, setting_of
from spanledger_collector.dialects.usage import CountColumns, plain_columns
from spanledger_collector.model import Attributes, Attribution, Observation, Quantity, UsageStatus

__all__ = ["observations_of"]

_Key = tuple[str, ...]
_NO_DIMENSIONS: Final[Attributes] = {}
# What of a setting is a column of observations, once for each setting.
_of_setting: Final = attrgetter(
    "role",
    "provider",
    "operation",
    "request_model",
    "response_model",
    "error_type",
    "usage_evidence",
    "conditions",
    "host",
)


def observations_of(
    group: Group, columns: Columns, dialect: Dialect, mapped: AttributionMap
) -> Sequence[Observation] | None:
    """What each span of a group says about a model call, as `recognise` has it; None where something is odd or one of
    them says nothing, so that the spans are to be read one by one."""
    facts = read_columns(dialect, group, columns)
    if facts is None:
        return None
    settings = {key: setting_of(dialect, steady, key[-1], group.kind) for key, steady in facts.steady.items()}
    if not facts.counters.told and not all(setting.tells_enough for setting in settings.values()):
        return None
    return _observations(group, dialect, facts, settings, mapped)


def _observations(
    group: Group, dialect: Dialect, facts: FactColumns, settings: Mapping[_Key, Setting], mapped: AttributionMap
) -> list[Observation]:
    spans, process = group.spans, process_of(group.resource)
    steady = {key: _of_setting(setting) for key, setting in settings.items()}
    role, provider, operation, request_model, response_model, error_type, evidence, conditions, host = zip(
        *map(steady.__getitem__, facts.keys), strict=True
    )
    statuses = [span.status for span in spans]
    if STATUS_ERROR in statuses:
        known = zip(error_type, statuses, strict=True)
        error_type = [error or ("_OTHER" if status == STATUS_ERROR else None) for error, status in known]
    usages = _usages(facts, settings)
    columns: tuple[Iterable[Any], ...] = (  # in the order of the fields of an observation
        [span.trace_id for span in spans],
        [span.span_id for span in spans],
        [span.parent_span_id for span in spans],
        _started(group, dialect, facts),
        [span.ended_ns for span in spans],
        repeat(process.service),
        repeat(dialect.id),
        usages.rules,
        role,
        repeat(dialect.source_rank),
        provider,
        operation,
        request_model,
        response_model,
        _response_ids(group, dialect, facts),
        error_type,
        usages.statuses,
        evidence,
        usages.meters,
        conditions,
        _attributions(group, facts, mapped),
        _reported_costs(group, dialect, facts),
        map(money_of, facts.of_call["emitter_cost_usd"]) if "emitter_cost_usd" in facts.of_call else repeat(None),
        host,
        repeat(process.instance),
        usages.flags,
    )
    return [*map(Observation, *columns)]


class _Usages(NamedTuple):
    """What was counted, as columns of observations."""

    meters: Iterable[Mapping[str, Quantity]]
    rules: Iterable[str]
    statuses: Iterable[UsageStatus]
    flags: Iterable[tuple[str, ...]]


def _usages(facts: FactColumns, settings: Mapping[_Key, Setting]) -> _Usages:
    counters = facts.counters
    counted, status_of = not counters.only_total, dict[_Key, UsageStatus]()
    status_of.update((key, setting.status(counted=counted)) for key, setting in settings.items())
    statuses: list[UsageStatus] = [status_of[key] for key in facts.keys]
    if not counters.told:
        return _Usages(repeat(NO_USAGE.meters), repeat(NO_USAGE.rule), statuses, repeat(NO_USAGE.distinct_flags))
    plain = _plain(facts.counts, settings.values()) if counters.plain else None
    if plain is None:
        return _usage_of_each(facts, [*map(settings.__getitem__, facts.keys)])
    meters, rules = plain
    return _Usages(rows_of(meters), rules, statuses, [settings[key].flags for key in facts.keys])


def _plain(counts: CountColumns, settings: Collection[Setting]) -> tuple[CountColumns, Sequence[str]] | None:
    """Meters and rules where all count the same way; but not where zeros may stand for what could not be read."""
    conventions = {setting.convention for setting in settings}
    if len(conventions) > 1:
        return None
    if not all(setting.zeros_count for setting in settings) and not all(map(any, zip(*counts.values(), strict=True))):
        return None
    return plain_columns(counts, conventions.pop())


def _usage_of_each(facts: FactColumns, settings: Sequence[Setting]) -> _Usages:
    rows: list[dict[str, Quantity]] = rows_of(facts.counts)
    usages = [usage_of(Counts(facts.counters, row, []), each) for row, each in zip(rows, settings, strict=True)]
    counted = [tells_counts(facts.counters, usage) for usage in usages]
    statuses: list[UsageStatus] = [each.status(counted=told) for each, told in zip(settings, counted, strict=True)]
    return _Usages(
        [usage.meters for usage in usages],
        [usage.rule for usage in usages],
        statuses,
        [usage.distinct_flags for usage in usages],
    )


def _started(group: Group, dialect: Dialect, facts: FactColumns) -> list[int]:
    lasted = facts.of_call.get("lasted")
    if lasted is None and not dialect.at_the_end:
        return [span.started_ns for span in group.spans]
    return [started_ns(span, text, dialect) for span, text in zip(group.spans, lasted or repeat(None))]  # noqa: B905 - endless


def _response_ids(group: Group, dialect: Dialect, facts: FactColumns) -> Iterable[str | None]:
    said = facts.of_call.get("response_id", repeat(None))
    return map(response_id, repeat(dialect), said, group.attributes)


def _reported_costs(group: Group, dialect: Dialect, facts: FactColumns) -> Iterable[object]:
    said = facts.of_call.get("reported_cost_usd")
    if said is None and dialect.ticks is None:
        return repeat(None)
    return map(reported_cost, repeat(dialect), said or repeat(None), group.attributes)


def _attributions(group: Group, facts: FactColumns, mapped: AttributionMap) -> Iterable[Attribution]:
    process, steady = process_of(group.resource), facts.steady
    users, sessions = facts.of_call.get("user", repeat(None)), facts.of_call.get("session", repeat(None))
    if process.fields or mapped is not NO_MAP or facts.dimensions:
        free = facts.dimensions or repeat(_NO_DIMENSIONS)
        own = map(steady.__getitem__, facts.keys)
        return map(read_attribution, users, sessions, own, free, group.spans, repeat(process), repeat(mapped))
    alike = {
        key: (process.key_org or own.org, own.workflow, own.feature, dimensions_of(own, process, _NO_DIMENSIONS))
        for key, own in steady.items()
    }
    orgs, workflows, features, dimensions = zip(*map(alike.__getitem__, facts.keys), strict=True)
    return map(Attribution, users, orgs, sessions, workflows, features, dimensions, repeat(process.key_org))
