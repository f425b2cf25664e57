"""From a group of observations to the call: which one is believed, and what the others add."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Final, Literal, TypeVar

from spanledger_collector.facts import Facts, facts_of
from spanledger_collector.model import Attribution, Call, Conditions, Observation, Source
from spanledger_collector.settle.groups import Group
from spanledger_collector.settle.keys import CallIds
from spanledger_collector.settle.meters import merged_meters
from spanledger_collector.settle.nodes import Identity, Node

__all__ = ["ALONE", "call_of", "lone_call", "lone_call_ids"]

_T = TypeVar("_T")
_CONDITIONS: Final = tuple(field.name for field in fields(Conditions))
_ATTRIBUTION: Final = tuple(field.name for field in fields(Attribution) if field.name != "dimensions")
ALONE: Final = ("usage", "the only span of this call")
"""What is taken from an observation that is joined with no other, and why."""
_RANKS: Final = ("the provider's own span", "SDK instrumentation", "a framework", "an unknown emitter")


def lone_call(told: Observation, response_key: str | None) -> Call:
    """The call of an observation that is joined with no other: what `call_of` gives for its group, for much less."""
    source = Source(told.trace_id, told.span_id, *ALONE)
    flags = tuple(dict.fromkeys(told.flags)) if told.flags else ()
    (call_id,) = lone_call_ids(facts_of([told]), [response_key])
    return _as_told(told, call_id.hex(), (source,), flags)


def lone_call_ids(told: Facts[Observation], response_keys: Sequence[str | None]) -> list[bytes]:
    """The names of such calls, as bytes: of most calls nobody needs the digits before they are written."""
    spans = zip(response_keys, told.column("trace_id"), told.column("span_id"), strict=True)
    return [CallIds.of_response(key) if key else CallIds.of_span(trace, span) for key, trace, span in spans]


def call_of(group: Group) -> Call:
    """The call that a group tells of."""
    alone = len(group.members) == 1
    trusted = group.members if alone else sorted(group.members, key=_trust)
    believed = group.members[0] if alone else min(group.members, key=_belief)
    best = believed.observation
    around = _around(trusted, group.covers)
    facts = [node.observation for node in trusted]
    attribution, lenders = (best.attribution, []) if alone and not around else _attribution(facts, around)
    told = _as_told(
        best, _call_id(group, trusted, believed), _sources(group, believed, lenders), _flags(group, believed)
    )
    return replace(
        told,
        provider=_first(facts, lambda fact: fact.provider or None) or "",
        operation=_first(facts, lambda fact: fact.operation or None) or "",
        request_model=_first(facts, lambda fact: fact.request_model),
        response_model=_first(facts, lambda fact: fact.response_model),
        response_id=_first(facts, lambda fact: fact.response_id),
        error_type=facts[0].error_type,
        meters={} if group.is_replay else merged_meters(believed, trusted),
        conditions=best.conditions if alone else _conditions(facts),
        attribution=attribution,
        reported_cost_usd=_first(facts, lambda fact: fact.reported_cost_usd),
        emitter_cost_usd=_first(facts, lambda fact: fact.emitter_cost_usd),
    )


def _as_told(told: Observation, call_id: str, sources: tuple[Source, ...], flags: tuple[str, ...]) -> Call:
    """A call of which all is taken from one observation. By position: names cost half as much time again."""
    return Call(
        call_id,
        told.trace_id,
        told.span_id,
        told.started_ns,
        told.ended_ns,
        told.service,
        told.provider,
        told.operation,
        told.request_model,
        told.response_model,
        told.response_id,
        told.error_type,
        told.usage_status,
        told.usage_evidence,
        told.meters,
        told.conditions,
        told.attribution,
        told.dialect,
        sources,
        told.reported_cost_usd,
        told.emitter_cost_usd,
        flags,
    )


def _trust(node: Node) -> tuple[object, ...]:
    """Whose word counts first for everything but usage: the provider's own span before SDK instrumentation before
    frameworks; a part of the calls before their sum; the deepest first."""
    observation = node.observation
    return observation.role == "aggregate", observation.source_rank, -len(node.above), node.order


def _belief(node: Node) -> tuple[object, ...]:
    """Whose usage counts: a final record (measured, valid, both input and output) before the most trusted emitter,
    and of two equals the one with more detail."""
    observation = node.observation
    complete = node.totals.input is not None and node.totals.output is not None
    return (
        not node.metered,
        observation.usage_status == "estimated",
        any(flag.startswith("invalid_usage") for flag in observation.flags),
        not complete,
        *_trust(node)[:2],
        -len(observation.meters),
        *_trust(node)[2:],
    )


def _call_id(group: Group, trusted: list[Node], believed: Node) -> str:
    owned = next((node.response_key for node in trusted if node.response_key in group.owned_keys), None)
    return (CallIds.of_response(owned) if owned else CallIds.of_span(*believed.identity)).hex()


def _first(facts: Iterable[Observation], read: Callable[[Observation], _T | None]) -> _T | None:
    return next((value for fact in facts if (value := read(fact)) is not None), None)


def _conditions(facts: list[Observation]) -> Conditions:
    known: dict[str, str] = {}
    for fact in facts:
        for name in _CONDITIONS:
            value: str | None = getattr(fact.conditions, name)
            if value is not None:
                known.setdefault(name, value)
    return Conditions(**known)


def _around(trusted: list[Node], covers: list[Node]) -> list[Node]:
    """What encloses the call and is no part of it, nearest first: where attribution may stand that the call lacks."""
    above = [node for member in trusted for node in member.above if node.observation.role == "aggregate"]
    distinct = {node.identity: node for node in (*sorted(covers, key=_trust), *above)}
    members = {node.identity for node in trusted}
    return [node for identity, node in distinct.items() if identity not in members]


def _attribution(facts: list[Observation], around: list[Node]) -> tuple[Attribution, list[Node]]:
    """Who spent it, by whoever says so, the most trusted first; and the enclosing nodes that had to be asked."""
    known: dict[str, str] = {}
    dimensions: dict[str, str] = {}
    for fact in facts:
        _fill(fact.attribution, known, dimensions)
    lenders = [node for node in around if _fill(node.observation.attribution, known, dimensions)]
    if "key_org" in known:  # nobody's claim is stronger than a key
        known["org"] = known["key_org"]
    return Attribution(**known, dimensions=dict(sorted(dimensions.items()))), lenders


def _fill(said: Attribution, known: dict[str, str], dimensions: dict[str, str]) -> bool:
    """Add what is said and not known yet; whether there was anything."""
    before = len(known) + len(dimensions)
    for name in _ATTRIBUTION:
        value: str | None = getattr(said, name)
        if value is not None:
            known.setdefault(name, value)
    for name, value in said.dimensions.items():
        dimensions.setdefault(name, value)
    return len(known) + len(dimensions) > before


def _sources(group: Group, believed: Node, lenders: list[Node]) -> tuple[Source, ...]:
    """Every observation behind the call, the believed one first, each once, with what was taken from it and why."""
    first = _alone(believed) if len(group.members) == 1 else _source(believed, "usage", _why_believed(believed))
    said: dict[Identity, Source] = {believed.identity: first}
    for node in sorted(group.members, key=_trust) if len(group.members) > 1 else ():
        said.setdefault(node.identity, _source(node, "merged", _why_same(node, believed)))
    for node in group.checks:
        said.setdefault(node.identity, _source(node, "check", f"sum over what {_named(node)} encloses"))
    for node in group.covers:
        part = "check" if node.metered else "merged"
        said.setdefault(node.identity, _source(node, part, "encloses this call and others"))
    for node in lenders:
        said.setdefault(node.identity, _source(node, "merged", f"attribution from the enclosing {_named(node)}"))
    return tuple(said.values())


def _alone(node: Node) -> Source:
    return _source(node, *ALONE)


def _source(node: Node, part: Literal["usage", "merged", "check"], reason: str) -> Source:
    return Source(*node.identity, part, reason)


def _named(node: Node) -> str:
    return node.observation.operation or "span"


def _why_believed(believed: Node) -> str:
    return f"usage of {_RANKS[min(believed.observation.source_rank, 3)]}"


def _why_same(node: Node, believed: Node) -> str:
    if node.response_key is not None and node.response_key == believed.response_key:
        return "same response id"
    if node in believed.above:
        return "encloses the believed span"
    if believed in node.above:
        return "lies in the believed span"
    return "tells of the same call"


def _flags(group: Group, believed: Node) -> tuple[str, ...]:
    flags = [*believed.observation.flags, *sorted(set(group.flags))]
    if group.is_replay:
        flags.append("cache_replay")
    if believed.metered and any(node.totals != believed.totals for node in group.metered_nodes()):
        flags.append("sources_disagree")
    return tuple(dict.fromkeys(flags))
