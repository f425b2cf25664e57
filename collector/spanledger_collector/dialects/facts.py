"""What a span says by its dialect's names: texts, counts, and what stands under a prefix of free dimensions."""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Self, cast

from spanledger.meters import METERS, OTHER_METER_PREFIX
from spanledger_collector.dialects.counts import LONGEST_FACT, Counter, Counters, Counts, is_usable
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.names import (
    DIMENSION_PREFIXES,
    GENERIC,
    INPUT_BESIDE,
    MADE_BY_FRAMEWORKS,
    METER_FACTS,
    TOTAL,
    Names,
)
from spanledger_collector.dialects.shapes import ByNames, Values, values_of
from spanledger_collector.model import Attributes, AttributeValue

__all__ = [
    "LONGEST_FACT",
    "Facts",
    "Shape",
    "Steady",
    "hidden_response_id",
    "members_of",
    "read_facts",
    "shape_of",
    "steady_of",
    "text_of",
    "with_members",
]

_LONGEST_MESSAGE: Final = 1 << 20

_OF_ONE_CALL: Final = frozenset({"response_id", "user", "session", "lasted", "reported_cost_usd", "emitter_cost_usd"})
"""Facts that are others in nearly every call; the rest an emitter says alike in call after call."""
_AS_DIMENSION: Final = ("agent", "project", "api_key", "environment")
_MOST_STEADY: Final = 4096
_LONGEST_STEADY: Final = 1024
"""Characters of all texts that are remembered together: with their number that makes 4 MB at most."""
_TEXTS: Final = frozenset({str})

_COUNTED: Final = METER_FACTS | {TOTAL, INPUT_BESIDE}
_NOTHING: Final[Mapping[str, AttributeValue]] = {}
_FRACTIONAL: Final = frozenset(meter.name for meter in METERS if meter.unit == "second")


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """Texts by fact that come again in call after call: the same object then, so that what follows is remembered."""

    texts: Mapping[str, str]
    dimensions: tuple[tuple[str, str], ...]
    """Those of them that are free dimensions of the call."""
    org: str | None
    workflow: str | None
    feature: str | None

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Self:
        """What these texts say."""
        dimensions = tuple((fact, texts[fact]) for fact in _AS_DIMENSION if fact in texts)
        return cls(texts, dimensions, texts.get("org"), texts.get("workflow"), texts.get("feature"))


@dataclass(slots=True)  # not frozen: that takes three times as long to make
class Facts:
    """Texts by fact: `steady` those that come again, `of_call` those that do not; counts; and, by attribute,
    `dimensions`: the values of attributes under a prefix of free dimensions."""

    steady: Steady
    of_call: Mapping[str, str]
    counts: Counts
    dimensions: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Which attribute of a set says what: `steady` facts, their attributes and what takes the values out of the set,
    pairs of facts `of_call` and attributes, and those with free `dimensions`."""

    steady: tuple[str, ...]
    steady_names: tuple[str, ...]
    steady_values: Values
    of_call: tuple[tuple[str, str], ...]
    counters: Counters
    dimensions: tuple[str, ...]


def read_facts(dialect: Dialect, attributes: Attributes) -> Facts:
    """The facts that a span carries by the names of its dialect, the first present name of each fact.

    An attribute without value, with the empty text or with an overlong one is as good as absent.
    """
    if dialect.unpack:
        attributes = with_members(dialect, attributes)
    facts = _read(shape_of[dialect, tuple(attributes)], attributes)
    if facts is None:
        attributes = {name: value for name, value in attributes.items() if is_usable(value)}
        facts = _read(shape_of[dialect, tuple(attributes)], attributes)
        assert facts is not None  # noqa: S101 - whatever is left is usable
    return _unquoted(facts, attributes) if dialect.quoted else facts


def with_members(dialect: Dialect, attributes: Attributes) -> Attributes:
    """The attributes, and the members of those that the dialect unpacks as `<attribute>.<member>`."""
    members = (member for name in dialect.unpack for member in members_of(name, attributes.get(name)))
    return {**attributes, **dict(members)}


def members_of(attribute: str, value: AttributeValue) -> Iterator[tuple[str, AttributeValue]]:
    """The members of a value that holds an object (itself, as JSON, or as Python prints it), with the names
    `<attribute>.<member>`; of any other value none."""
    found = _object(value, LONGEST_FACT)
    if isinstance(found, dict):
        yield from _flattened(attribute, cast("dict[str, AttributeValue]", found))


def _read(shape: Shape, attributes: Attributes) -> Facts | None:
    """The facts of a span of that shape; None when an attribute is not usable, so that the span has another shape."""
    steady = steady_of(shape, shape.steady_values(attributes))
    if steady is None:
        return None
    of_call: dict[str, str] = {}
    for fact, name in shape.of_call:
        value = attributes[name]
        if type(value) is str and 0 < len(value) <= LONGEST_FACT:
            of_call[fact] = value
        elif not is_usable(value):
            return None
        elif (text := text_of(value)) is not None:
            of_call[fact] = text
    counts = Counts.of(shape.counters, attributes)
    if counts is None:
        return None
    if not shape.dimensions:
        return Facts(steady, of_call, counts, _NOTHING)
    dimensions = {name: attributes[name] for name in shape.dimensions}
    return Facts(steady, of_call, counts, dimensions) if all(map(is_usable, dimensions.values())) else None


def steady_of(shape: Shape, values: tuple[AttributeValue, ...]) -> Steady | None:
    """What the values of the steady facts say, the same object for the same texts; None when one of them is not
    usable."""
    try:
        return _known_steady.get((shape, values)) or _new_steady(shape, values)
    except TypeError:  # a list or an object is among them, which no mapping has for a key
        return _new_steady(shape, values)


def _new_steady(shape: Shape, values: tuple[AttributeValue, ...]) -> Steady | None:
    if not all(map(is_usable, values)):
        return None
    texts = zip(shape.steady, map(text_of, values), strict=True)
    steady = Steady.of({fact: text for fact, text in texts if text is not None})
    # Texts alone: 1, 1.0 and True would be one value to a mapping.
    if _TEXTS.issuperset(map(type, values)) and len("".join(steady.texts.values())) <= _LONGEST_STEADY:
        if len(_known_steady) >= _MOST_STEADY:
            _known_steady.clear()
        _known_steady[shape, values] = steady
    return steady


_known_steady: Final[dict[tuple[Shape, tuple[AttributeValue, ...]], Steady]] = {}


@ByNames
def shape_of(dialect: Dialect, names: tuple[str, ...]) -> Shape:
    """What attributes of these names say, in their order."""
    plan = _plan(dialect)
    ranked: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        for fact, rank in plan.get(name, ()):
            ranked.setdefault(fact, []).append((rank, name))
    chosen = {fact: min(carriers)[1] for fact, carriers in sorted(ranked.items())}  # whatever the order of attributes
    steady = {fact: name for fact, name in chosen.items() if fact not in _COUNTED and fact not in _OF_ONE_CALL}
    free = sorted(name for name in names if name not in plan and name.startswith(OTHER_METER_PREFIX))
    return Shape(
        steady=tuple(steady),
        steady_names=tuple(steady.values()),
        steady_values=values_of(tuple(steady.values())),
        of_call=tuple((fact, name) for fact, name in chosen.items() if fact in _OF_ONE_CALL),
        counters=Counters.of(
            (
                *(Counter(fact, name, fact in _FRACTIONAL) for fact, name in chosen.items() if fact in _COUNTED),
                *(Counter(name.removeprefix(OTHER_METER_PREFIX), name, fractional=True) for name in free),
            )
        ),
        dimensions=tuple(name for name in names if name not in plan and name.startswith(DIMENSION_PREFIXES)),
    )


def _unquoted(facts: Facts, attributes: Attributes) -> Facts:
    """The same for an emitter that writes every text as JSON, in quotation marks."""
    of_call, steady = _texts_unquoted(facts.of_call), _texts_unquoted(facts.steady.texts)
    counters = facts.counts.counters
    sent = [attributes[counter.attribute] for counter in counters.told]
    counts = Counts.of_any(counters, [_without_quotes(value) if isinstance(value, str) else value for value in sent])
    return Facts(Steady.of(steady), of_call, counts, facts.dimensions)


def _texts_unquoted(texts: Mapping[str, str]) -> dict[str, str]:
    return {fact: text for fact, quoted in texts.items() if (text := _without_quotes(quoted))}


def _without_quotes(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def text_of(value: AttributeValue) -> str | None:
    """A scalar as text: identifiers and amounts arrive as numbers too. `None` for the empty text and anything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def hidden_response_id(dialect: Dialect, attributes: Attributes) -> str | None:
    """The response id that stands inside a message written as JSON, for emitters that have no attribute for it."""
    for attribute, *path in dialect.hidden_ids:
        found: object = _object(attributes.get(attribute), _LONGEST_MESSAGE)
        for step in path:
            found = _member(found, step)
        if isinstance(found, str) and found and not found.startswith(MADE_BY_FRAMEWORKS):
            return found
    return None


@cache
def _plan(dialect: Dialect) -> Mapping[str, tuple[tuple[str, int], ...]]:
    """For each attribute name the facts that it may carry, and its rank among the names of that fact."""
    names: Names = {**GENERIC, **dialect.names}
    plan: dict[str, tuple[tuple[str, int], ...]] = {}
    for fact, attributes in names.items():
        for rank, attribute in enumerate(attributes):
            plan[attribute] = (*plan.get(attribute, ()), (fact, rank))
    return plan


def _flattened(prefix: str, members: Mapping[str, AttributeValue]) -> Iterator[tuple[str, AttributeValue]]:
    for key, value in members.items():
        if isinstance(value, dict):
            yield from _flattened(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def _object(value: AttributeValue, longest: int) -> object:
    """The object that an attribute holds: itself, as JSON, or as Python prints a dict; `None` for anything else."""
    if not isinstance(value, str):
        return value
    if len(value) > longest or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return cast("object", json.loads(value))
    except ValueError:
        return _printed(value)


def _printed(text: str) -> object:
    try:
        return cast("object", ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _member(container: object, step: str) -> object:
    if isinstance(container, dict):
        return cast("dict[str, object]", container).get(step)
    if isinstance(container, list) and step.isdigit() and int(step) < len(cast("list[object]", container)):
        return cast("list[object]", container)[int(step)]
    return None
