"""Reads a group of spans into columns of observations: the short way of `engine`, which reads one span. It decides
nothing by itself: what differs from span to span in a way that matters goes through the same functions."""

from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any, Final

from spanledger_collector.dialects.attribution import Process, dimensions_of, process_of, read_attribution
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
from spanledger_collector.dialects.fact_columns import FactColumns, Key, read_columns
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.names import MADE_BY_FRAMEWORKS
from spanledger_collector.dialects.setting import Setting, setting_of
from spanledger_collector.dialects.usage import CountColumns, plain_columns
from spanledger_collector.observation_columns import ObservationColumns, columns_of_attributions
from spanledger_collector.received_spans import rows_of

__all__ = ["observations_of"]

_OF_SETTING: Final = (
    "role",
    "provider",
    "operation",
    "request_model",
    "response_model",
    "error_type",
    "usage_evidence",
    "conditions",
)
_of_setting: Final = attrgetter(*_OF_SETTING, "host")
_ALIKE: Final = (
    *_OF_SETTING,
    "server_address",
    "usage_status",
    "flags",
    "attribution.org",
    "attribution.workflow",
    "attribution.feature",
    "attribution.dimensions",
)
"""Columns whose values follow, but for what is odd, from what an emitter says alike in call after call."""


def observations_of(group: Group, dialect: Dialect, mapped: AttributionMap) -> ObservationColumns | None:
    """What each span of a group says about a model call, as `recognise` has it; None where something is odd or one of
    them says nothing, so that the spans are to be read one by one."""
    facts = read_columns(dialect, group)
    if facts is None:
        return None
    settings = {key: setting_of(dialect, said.steady, said.name, group.kind) for key, said in facts.said.items()}
    if not facts.counters.told and not all(setting.tells_enough for setting in settings.values()):
        return None
    return _observations(group, dialect, facts, settings, mapped)


def _observations(
    group: Group, dialect: Dialect, facts: FactColumns, settings: Mapping[Key, Setting], mapped: AttributionMap
) -> ObservationColumns:
    skeletons, process, many = group.skeletons, process_of(group.resource), len(group.places)
    emitted = facts.of_call.get("emitter_cost_usd")
    observed: dict[str, Sequence[Any]] = {
        "trace_id": group.of_each(skeletons.trace_id),
        "span_id": group.of_each(skeletons.span_id),
        "parent_span_id": group.of_each(skeletons.parent_span_id),
        "started_ns": _started(group, dialect, facts),
        "ended_ns": group.of_each(skeletons.ended_ns),
        "service": [process.service] * many,
        "dialect": [dialect.id] * many,
        "source_rank": [dialect.source_rank] * many,
        "response_id": _response_ids(group, dialect, facts),
        "reported_cost_usd": _reported_costs(group, dialect, facts),
        "emitter_cost_usd": [None] * many if emitted is None else [*map(money_of, emitted)],
        "service_instance": [process.instance] * many,
    }
    observed.update(_alike(group, facts, settings))
    observed.update(_attributions(group, facts, mapped))
    observed.update(_usages(facts, settings))
    statuses = group.of_each(skeletons.status)
    if STATUS_ERROR in statuses:
        known = zip(observed["error_type"], statuses, strict=True)
        observed["error_type"] = [error or ("_OTHER" if status == STATUS_ERROR else None) for error, status in known]
    return observed


def _alike(group: Group, facts: FactColumns, settings: Mapping[Key, Setting]) -> ObservationColumns:
    process, counters = process_of(group.resource), facts.counters
    usual = _usual(process)
    values: dict[Key, tuple[Any, ...]] = {}
    for key, (steady, _, dimensions) in facts.said.items():
        setting = settings[key]
        values[key] = (  # in the order of `_ALIKE`
            *_of_setting(setting),
            setting.status(counted=not counters.only_total),
            setting.flags if counters.told else NO_USAGE.distinct_flags,
            process.key_org or steady.org or usual.get("org"),
            steady.workflow or usual.get("workflow"),
            steady.feature or usual.get("feature"),
            dimensions_of(steady, process, dimensions),
        )
    return _spread(values, facts.keys)


def _spread(values: Mapping[Key, tuple[Any, ...]], keys: Sequence[Key]) -> ObservationColumns:
    """The columns `_ALIKE`, of values by key; most are the same in all."""
    columns: dict[str, Sequence[Any]] = {}
    differing: list[str] = []
    for name, column in zip(_ALIKE, zip(*values.values(), strict=True), strict=True):
        first, *others = column
        if all(other is first for other in others):
            columns[name] = [first] * len(keys)
        else:
            differing.append(name)
    if differing:
        taken = itemgetter(*map(_ALIKE.index, differing), 0)  # one more, as a single one would be no tuple
        rows = {key: taken(row)[:-1] for key, row in values.items()}
        columns.update(zip(differing, zip(*map(rows.__getitem__, keys), strict=True), strict=True))
    return columns


def _usual(process: Process) -> Mapping[str, str]:
    """Who spends where spans do not say: by field what is most trusted, which comes first."""
    return dict(reversed(process.fields))


def _usages(facts: FactColumns, settings: Mapping[Key, Setting]) -> ObservationColumns:
    """What was counted; where some counts are not plain also what else follows from each."""
    counters, many = facts.counters, len(facts.keys)
    if not counters.told:
        return {"meters": [NO_USAGE.meters] * many, "rule": [NO_USAGE.rule] * many}
    plain = _plain(facts.counts, settings.values()) if counters.plain else None
    if plain is None:
        return _usage_of_each(facts, [*map(settings.__getitem__, facts.keys)])
    meters, rules = plain
    return {"meters": rows_of(meters), "rule": rules}


def _plain(counts: CountColumns, settings: Collection[Setting]) -> tuple[CountColumns, Sequence[str]] | None:
    """Meters and rules where all count the same way; but not where zeros may stand for what could not be read."""
    conventions = {setting.convention for setting in settings}
    if len(conventions) > 1:
        return None
    if not all(setting.zeros_count for setting in settings) and not all(map(any, zip(*counts.values(), strict=True))):
        return None
    return plain_columns(counts, conventions.pop())


def _usage_of_each(facts: FactColumns, settings: Sequence[Setting]) -> ObservationColumns:
    rows = zip(rows_of(facts.counts), settings, strict=True)
    usages = [usage_of(Counts(facts.counters, {**row}, []), each) for row, each in rows]
    counted = [tells_counts(facts.counters, usage) for usage in usages]
    return {
        "meters": [usage.meters for usage in usages],
        "rule": [usage.rule for usage in usages],
        "usage_status": [each.status(counted=told) for each, told in zip(settings, counted, strict=True)],
        "flags": [usage.distinct_flags for usage in usages],
    }


def _started(group: Group, dialect: Dialect, facts: FactColumns) -> Sequence[int]:
    lasted = facts.of_call.get("lasted")
    if lasted is None and not dialect.at_the_end:
        return group.of_each(group.skeletons.started_ns)
    return [started_ns(span, text, dialect) for span, text in zip(group.spans(), lasted or repeat(None))]  # noqa: B905 - endless


def _response_ids(group: Group, dialect: Dialect, facts: FactColumns) -> Sequence[str | None]:
    said = facts.of_call.get("response_id")
    if said is None and not dialect.hidden_ids:
        return [None] * len(group.places)
    if said is not None and all(said):
        text = "".join(filter(None, said))
        if not any(start in text for start in MADE_BY_FRAMEWORKS):  # a tenth of what looking at each takes
            return said
    return [*map(response_id, repeat(dialect), said or repeat(None), group.attributes())]


def _reported_costs(group: Group, dialect: Dialect, facts: FactColumns) -> Sequence[object]:
    said = facts.of_call.get("reported_cost_usd")
    if said is None and dialect.ticks is None:
        return [None] * len(group.places)
    return [*map(reported_cost, repeat(dialect), said or repeat(None), group.attributes())]


def _attributions(group: Group, facts: FactColumns, mapped: AttributionMap) -> ObservationColumns:
    """Who spends, as far as it does not follow from what is alike; by a map all of it."""
    process, none = process_of(group.resource), [None] * len(group.places)
    usual = _usual(process)
    users, sessions = facts.of_call.get("user", none), facts.of_call.get("session", none)
    if mapped is NO_MAP:
        return {
            "attribution.user": _or_usual(users, usual.get("user")),
            "attribution.session": _or_usual(sessions, usual.get("session")),
            "attribution.key_org": [process.key_org] * len(group.places),
        }
    steady, _, free = zip(*map(facts.said.__getitem__, facts.keys), strict=True)
    of_each = map(read_attribution, users, sessions, steady, free, group.spans(), repeat(process), repeat(mapped))
    return columns_of_attributions(of_each)


def _or_usual(said: Sequence[str | None], usual: str | None) -> Sequence[str | None]:
    return said if usual is None else [own or usual for own in said]
