"""The meters of a call from several observations: one is believed, others may tell more of the same counts."""

from collections.abc import Mapping, Sequence

from spanledger.meters import METER_BY_NAME
from spanledger_collector.model import Quantity
from spanledger_collector.settle.nodes import Node
from spanledger_collector.totals import INPUT_METERS, OUTPUT_METERS

__all__ = ["merged_meters"]


def merged_meters(believed: Node, trusted: Sequence[Node]) -> dict[str, Quantity]:
    """The believed counts; where another emitter splits the same input or output total further, its split; and what is
    counted beside tokens from whoever counted it."""
    found = dict(believed.observation.meters)
    if len(trusted) == 1:
        return found
    others = [node.observation.meters for node in trusted if node.metered and node is not believed]
    for family in (INPUT_METERS, OUTPUT_METERS):
        mine = _of(found, family)
        if not mine:
            continue
        finer = [split for other in others if _refines(split := _of(other, family), mine)]
        if finer:
            chosen = max(finer, key=_detail)
            found = {meter: quantity for meter, quantity in found.items() if meter not in family} | chosen
    for other in others:
        for meter, quantity in other.items():
            if meter not in INPUT_METERS and meter not in OUTPUT_METERS:
                found.setdefault(meter, quantity)
    return found


def _of(meters: Mapping[str, Quantity], family: frozenset[str]) -> dict[str, Quantity]:
    return {meter: quantity for meter, quantity in meters.items() if meter in family}


def _detail(meters: Mapping[str, Quantity]) -> int:
    """How finely the counts are told: each that is not zero weighs as much as it lies deep within others."""
    return sum(_depth(meter) for meter, quantity in meters.items() if quantity)


def _depth(meter: str | None) -> int:
    return 0 if meter is None else 1 + _depth(METER_BY_NAME[meter].within)


def _refines(split: Mapping[str, Quantity], mine: Mapping[str, Quantity]) -> bool:
    """Whether `split` says all that `mine` says, and more: the same total, the same parts, some taken apart further."""
    if _detail(split) <= _detail(mine) or sum(split.values()) != sum(mine.values()):
        return False
    parts = (meter for meter in mine if METER_BY_NAME[meter].within is not None)
    return all(_whole(split, meter) == _whole(mine, meter) for meter in parts)


def _whole(meters: Mapping[str, Quantity], meter: str) -> Quantity:
    """A meter together with what is within it."""
    return sum(quantity for name, quantity in meters.items() if meter in {name, METER_BY_NAME[name].within})
