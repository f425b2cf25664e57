"""Observations in columns: one sequence of values for each field, in place of an object for each span.

Nearly all that is done with them before they are stored is done with one field of all. The objects are made where
settling asks for them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import chain, compress
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, Self

from spanledger_collector.model import Attribution, Observation

__all__ = [
    "NOTHING_READ",
    "OF_ATTRIBUTION",
    "ObservationColumns",
    "ReadInSpans",
    "columns_of",
    "columns_of_attributions",
    "count_of",
    "joined",
    "observation_of",
    "observations_in",
    "part_of",
    "selected",
    "taking",
]

ObservationColumns = Mapping[str, Sequence[Any]]
"""The values of observations by the names of their fields; `attribution` is spread into `OF_ATTRIBUTION`."""

_FIELDS: Final = Observation.__struct_fields__
_ATTRIBUTION: Final = "attribution"
_FIELDS_OF_ATTRIBUTION: Final = [field.name for field in fields(Attribution)]
OF_ATTRIBUTION: Final = tuple(f"{_ATTRIBUTION}.{name}" for name in _FIELDS_OF_ATTRIBUTION)
"""The columns of the fields of attributions, in their order."""
_NAMES: Final = (*(name for name in _FIELDS if name != _ATTRIBUTION), *OF_ATTRIBUTION)
_values_of: Final = attrgetter(*_NAMES)
_of_attribution: Final = attrgetter(*_FIELDS_OF_ATTRIBUTION)
_NONE: Final[ObservationColumns] = dict.fromkeys(_NAMES, ())


def columns_of(observations: Sequence[Observation]) -> ObservationColumns:
    """What observations say, in columns."""
    return dict(zip(_NAMES, zip(*map(_values_of, observations), strict=True), strict=True)) if observations else _NONE


def columns_of_attributions(attributions: Iterable[Attribution]) -> ObservationColumns:
    """The columns `OF_ATTRIBUTION` of one attribution or more."""
    return dict(zip(OF_ATTRIBUTION, zip(*map(_of_attribution, attributions), strict=True), strict=True))


def taking(names: Sequence[str]) -> Callable[[ObservationColumns], tuple[Sequence[Any], ...]]:
    """What takes several columns at once, in the order of their names."""
    return itemgetter(*names)


def observations_in(columns: ObservationColumns) -> list[Observation]:
    """The observations that columns tell of."""
    attributions = map(Attribution, *[columns[name] for name in OF_ATTRIBUTION])
    values = [attributions if name == _ATTRIBUTION else columns[name] for name in _FIELDS]
    return [*map(Observation, *values)]


def observation_of(column: Callable[[str], Sequence[Any]], place: int) -> Observation:
    """The one at a place, of the columns of these names."""
    (observation,) = observations_in({name: (column(name)[place],) for name in _NAMES})
    return observation


def count_of(columns: ObservationColumns) -> int:
    """How many observations columns tell of."""
    return len(columns["role"])


def joined(parts: Sequence[ObservationColumns]) -> ObservationColumns:
    """The observations of several parts, one after the other."""
    return {name: [*chain.from_iterable([part[name] for part in parts])] for name in _NAMES}


def part_of(columns: ObservationColumns, first: int, end: int) -> ObservationColumns:
    """The observations from one place up to another; the same columns where these are all."""
    if first == 0 and end == count_of(columns):
        return columns
    return {name: column[first:end] for name, column in columns.items()}


def selected(columns: ObservationColumns, chosen: Sequence[bool]) -> ObservationColumns:
    """The observations at whose places is True."""
    return {name: [*compress(column, chosen)] for name, column in columns.items()}


class ReadInSpans(NamedTuple):
    """What was read in spans of one request that tell of model calls: their places in it, the observations, and the
    attributes that are kept, as JSON text."""

    places: Sequence[int]
    observed: ObservationColumns
    attributes: Sequence[str]

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """What was read in parts of a request, in the order of the spans."""
        parts = [part for part in parts if part.places]
        if len(parts) < 2:
            return parts[0] if parts else cls((), _NONE, ())
        places = [*chain.from_iterable([part.places for part in parts])]
        in_order = itemgetter(*sorted(range(len(places)), key=places.__getitem__))
        observed = {name: in_order([*chain.from_iterable([part.observed[name] for part in parts])]) for name in _NAMES}
        attributes = in_order([*chain.from_iterable([part.attributes for part in parts])])
        return cls(in_order(places), observed, attributes)


NOTHING_READ: Final = ReadInSpans((), _NONE, ())
