"""Which attributes say who spends, in the words of one installation: a small file that its people edit.

    user = ["user.email", "..."]            # the first one present; "..." are the names that are read without this file
    org = ["acme.cost_center"]              # this one only
    session = []                            # never
    [dimensions]
    team = ["acme.team", "team.id"]         # a dimension of that name

An attribute is looked for on the span or log record, then on its resource; `metadata.team` is also the member `team` of
an attribute `metadata` that holds an object as JSON. Baggage that an app copies to its spans is
there under its own key.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from spanledger_collector.dialects.content import is_content

__all__ = ["FIELDS", "NO_MAP", "USUAL", "AttributionMap", "Sources", "parse_attribution_map"]

FIELDS: Final = ("user", "org", "session", "workflow", "feature")
"""What an attribution has besides free dimensions."""
USUAL: Final = "..."
"""Stands for the names that are read without a map."""
_DIMENSIONS: Final = "dimensions"
_DIMENSION: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Sources = tuple[str, ...]
"""Attribute names, the most trusted first, and `USUAL` at most once."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributionMap:
    """Where each field stands, and each dimension; what is not in it is read by the usual names."""

    fields: Mapping[str, Sources] = field(default_factory=dict[str, Sources])
    dimensions: Mapping[str, Sources] = field(default_factory=dict[str, Sources])

    def said(self) -> dict[str, str]:
        """The map as people read it, by field and `dim:<name>`."""
        of_dimensions = {f"dim:{name}": sources for name, sources in self.dimensions.items()}
        return {name: ", ".join(sources) or "never" for name, sources in {**self.fields, **of_dimensions}.items()}


NO_MAP: Final = AttributionMap()


def parse_attribution_map(text: str) -> AttributionMap:
    """The map that a TOML text holds. Raises ValueError, with what is wrong and what could stand there."""
    document: dict[str, object] = tomllib.loads(text)
    dimensions = document.pop(_DIMENSIONS, {})
    if not isinstance(dimensions, dict):
        message = f"{_DIMENSIONS} is a table: [{_DIMENSIONS}], then lines like team = ['team.id']."
        raise ValueError(message)  # noqa: TRY004 - a mistake in somebody's file
    for name in document:
        if name not in FIELDS:
            raise ValueError(
                f"{name!r} is none of {', '.join(FIELDS)}. A dimension of your own goes below [{_DIMENSIONS}]."
            )
    found = cast("dict[str, object]", dimensions)
    return AttributionMap(dict(_fields(document)), dict(_dimensions(found)))


def _fields(document: Mapping[str, object]) -> Iterator[tuple[str, Sources]]:
    for name, value in document.items():
        yield name, _sources(name, value)


def _dimensions(document: Mapping[str, object]) -> Iterator[tuple[str, Sources]]:
    for name, value in document.items():
        if not _DIMENSION.fullmatch(name):
            raise ValueError(f"The dimension {name!r} needs a name of letters, digits and _ . - (64 at most).")
        sources = _sources(f"{_DIMENSIONS}.{name}", value)
        if USUAL in sources:
            raise ValueError(f"{_DIMENSIONS}.{name}: {USUAL!r} is for {', '.join(FIELDS)} only.")
        yield name, sources


def _sources(place: str, value: object) -> Sources:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(name, str) and name for name in cast("list[object]", listed)):
        raise ValueError(f"{place} is a list of attribute names, like ['user.id', '{USUAL}'], not {value!r}.")
    names = cast("list[str]", listed)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{place} names {name!r} twice.")
        if is_content(name):
            raise ValueError(f"{place}: {name!r} holds what people or models said, which is not kept.")
    return tuple(names)
