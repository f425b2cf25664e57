"""Attributes of spans as they are on the wire, read column by column where many spans are alike."""

from collections.abc import Iterator, Sequence
from typing import Final

from spanledger_collector.model import Attributes
from spanledger_collector.receive.known_attributes import KnownAttributes
from spanledger_collector.received_spans import Alike, Column, grouped, places_by

__all__ = ["read_alike"]

_FEWEST: Final = 20
"""Spans: to read the attributes of fewer in columns takes longer than in a mapping for each."""
_SPLITS: Final = 3
"""How often spans are told apart that were taken to be alike."""

_Sent = Sequence[Sequence[bytes]]


def read_alike(
    sent: _Sent, kinds: Sequence[int], emitter: str, known: KnownAttributes
) -> tuple[list[Alike], dict[int, Attributes]]:
    """The attributes of the spans of one scope: groups of many that are alike, and of the others one by one, by place.
    Raises what a look-up in `known` raises.

    Which names a span has is not asked span by span, which would take as long as reading it: those of a kind that have
    as many attributes are taken to be alike until a column shows that they are not. Where that was in vain for most,
    it is not tried again for a while: they are read one by one, and put into groups by their names.

    Attributes are taken out of the message (by a slice) where they are read at once, so that they are in the CPU's
    cache: all of them first takes a fifth longer.
    """
    alike: list[Alike] = []
    unlike: list[int] = []
    others: dict[int, Attributes] = {}
    value_of = known.__getitem__
    for (size, kind), places in places_by(zip(map(len, sent), kinds, strict=True)).items():
        if len(places) < _FEWEST:
            others.update([(place, dict(map(value_of, sent[place][:]))) for place in places])
            continue
        found = _guessed((emitter, kind, size), sent, places, known)
        alike += found
        if sum(len(group.places) for group in found) < len(places):
            unlike += {*places}.difference(*[group.places for group in found])
    if unlike:
        unlike.sort()
        attributes = [dict(map(value_of, sent[place][:])) for place in unlike]
        by_names, rest = grouped(unlike, attributes, [kinds[place] for place in unlike])
        alike += by_names
        others.update(rest)
    return alike, others


def _guessed(guess: tuple[str, int, int], sent: _Sent, places: Sequence[int], known: KnownAttributes) -> list[Alike]:
    """Those of these spans that are alike, unless that guess was in vain before."""
    if guess in known.unlike:
        return []
    found = [*_in_columns([sent[place][:] for place in places], places, known)]
    if sum(len(group.places) for group in found) < len(places) // 2:
        known.note_unlike(guess)
    return found


def _in_columns(sent: _Sent, places: Sequence[int], known: KnownAttributes, splits: int = _SPLITS) -> Iterator[Alike]:
    """Those of these spans that are alike, which have as many attributes each."""
    names: list[str] = []
    columns: list[Column] = []
    same: list[str] = []
    for column in zip(*sent, strict=True):
        found = known.column(column)
        if found is None:
            if splits:
                keys = [known[attribute][0] for attribute in column]
                for within in places_by(keys).values():
                    if len(within) >= _FEWEST:
                        part = [sent[each] for each in within], [places[each] for each in within]
                        yield from _in_columns(*part, known, splits - 1)
            return
        name, values, is_same = found
        names.append(name)
        columns.append(values)
        if is_same:
            same.append(name)
    if len({*names}) == len(names):  # else, of a name that comes twice, the last value counts
        yield Alike((*names,), places, columns, frozenset(same))
