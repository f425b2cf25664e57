"""Inclusive token counts of a call, from its disjoint meters."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from spanledger.meters import METER_BY_NAME, METERS, Meter
from spanledger_collector.call_records import Quantity

__all__ = ["INPUT_METERS", "OUTPUT_METERS", "Totals", "totals_of"]


def _root(meter: Meter) -> str:
    while meter.within is not None:
        meter = METER_BY_NAME[meter.within]
    return meter.name


INPUT_METERS: Final = frozenset(meter.name for meter in METERS if _root(meter) == "input")
OUTPUT_METERS: Final = frozenset(meter.name for meter in METERS if _root(meter) == "output")


class Totals(NamedTuple):
    """Inclusive token counts, the same whatever detail an emitter gives; `None` where it gives none at all."""

    input: Quantity | None
    output: Quantity | None

    @property
    def known(self) -> bool:
        """Whether there is any token to compare."""
        return bool(self.input) or bool(self.output)


def totals_of(meters: Mapping[str, Quantity]) -> Totals:
    """The inclusive totals of disjoint meters."""
    taken: Quantity | None = None
    given: Quantity | None = None
    for meter, quantity in meters.items():
        if meter in INPUT_METERS:
            taken = quantity if taken is None else taken + quantity
        elif meter in OUTPUT_METERS:
            given = quantity if given is None else given + quantity
    return Totals(taken, given)
