"""Attributes of spans as they are on the wire, read column by column where many spans are alike."""

from collections.abc import Iterable, Iterator, Sequence

from spanledger_collector.model import Attributes
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.received_spans import MANY_ALIKE, Alike, Column

__all__ = ["read_alike"]

_Sent = Sequence[Sequence[bytes]]
_MOST_SPLITS = 4
"""How often spans are sorted anew that were thought to be alike; what still is not, is not in columns."""


def read_alike(sent: _Sent, kinds: Sequence[int], known: KnownAttributes) -> tuple[list[Alike], dict[int, Attributes]]:
    """The attributes of the spans of one scope: groups of many that are alike, and of the others one by one, by place.
    Raises what a look-up in `known` raises.

    Which names a span has is not asked span by span: those of a kind that have as many attributes are taken to be
    alike until a column shows that they are not.
    """
    found: dict[tuple[int, int], list[int]] = {}
    for place, key in enumerate(zip(map(len, sent), kinds, strict=True)):
        if (places := found.get(key)) is None:
            found[key] = [place]
        else:
            places.append(place)
    alike: list[Alike] = []
    others: dict[int, Attributes] = {}
    for places in found.values():
        for group in _groups(sent, places, known, _MOST_SPLITS):
            if isinstance(group, Alike):
                alike.append(group)
            else:
                others.update((place, dict(map(known.__getitem__, sent[place]))) for place in group)
    return alike, others


def _groups(sent: _Sent, places: Sequence[int], known: KnownAttributes, splits: int) -> Iterator[Alike | Sequence[int]]:
    """What of these spans, which have as many attributes, is alike; the places of those that are not."""
    if len(places) < MANY_ALIKE or not splits:
        yield places
        return
    names: list[str] = []
    columns: list[Column] = []
    same: list[str] = []
    for column in zip(*[sent[place] for place in places], strict=True):
        found = known.column(column)
        if found is None:
            for part in _by_key(column, places, known):
                yield from _groups(sent, part, known, splits - 1)
            return
        name, values, is_same = found
        names.append(name)
        columns.append(values)
        if is_same:
            same.append(name)
    if len({*names}) < len(names):  # of a name that comes twice the last value counts
        yield places
    else:
        yield Alike((*names,), places, columns, frozenset(same))


def _by_key(column: Sequence[bytes], places: Sequence[int], known: KnownAttributes) -> Iterable[Sequence[int]]:
    """The places of spans whose attributes in that column have one key, for each key."""
    found: dict[str, list[int]] = {}
    for place, attribute in zip(places, column, strict=True):
        found.setdefault(known[attribute][0], []).append(place)
    return found.values()
