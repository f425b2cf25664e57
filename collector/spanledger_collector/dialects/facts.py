"""One pass over a span's attributes by a dialect's names: which facts it carries, and under which attribute."""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from spanledger.meters import OTHER_METER_PREFIX
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC, Names
from spanledger_collector.model import Attributes, AttributeValue

__all__ = ["LONGEST_FACT", "Facts", "hidden_response_id", "read_facts", "text_of"]

_OTHER = (OTHER_METER_PREFIX, *DIMENSION_PREFIXES)
_LONGEST_MESSAGE = 1 << 20
LONGEST_FACT = 4096
"""Characters. A longer text is no fact, whatever its name; the journal does not keep it either."""


@dataclass(slots=True)
class Facts:
    """`found` holds (attribute, value) by fact; `other` what stands under a prefix that we read (free meters,
    dimensions)."""

    found: dict[str, tuple[str, AttributeValue]] = field(default_factory=dict[str, tuple[str, AttributeValue]])
    other: dict[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])

    def text(self, fact: str) -> str | None:
        """The fact as text, `None` when it is absent, empty or no scalar."""
        entry = self.found.get(fact)
        return None if entry is None else text_of(entry[1])


def read_facts(dialect: Dialect, attributes: Attributes) -> Facts:
    """The facts that a span carries by the names of its dialect, the first present name of each fact."""
    plan = _plan(dialect)
    if dialect.unpack:
        attributes = {**attributes, **dict(_unpacked(dialect.unpack, attributes))}
    facts, ranks = Facts(), dict[str, int]()
    for name, value in attributes.items():
        slots = plan.get(name)
        if slots is None and not name.startswith(_OTHER):
            continue
        if value is None or (isinstance(value, str) and not 0 < len(value) <= LONGEST_FACT):
            continue
        if slots is None:
            facts.other[name] = value
            continue
        for fact, rank in slots:
            if rank < ranks.get(fact, 1000):
                ranks[fact] = rank
                facts.found[fact] = (name, _unquoted(value) if dialect.quoted else value)
    return facts


def _unquoted(value: AttributeValue) -> AttributeValue:
    return value[1:-1] if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"' else value


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
        if isinstance(found, str) and found:
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


def _unpacked(names: tuple[str, ...], attributes: Attributes) -> Iterator[tuple[str, AttributeValue]]:
    for name in names:
        found = _object(attributes.get(name), LONGEST_FACT)
        if isinstance(found, dict):
            yield from _flattened(name, cast("dict[str, AttributeValue]", found))


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
