"""Which new observations have to do with no other, as most have: told by what they share with others, before any graph
is made.

`settle` would find the same (`settle.nodes.set_apart`), for more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from spanledger_collector.alike import Alike
from spanledger_collector.facts import Facts
from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.neighbours import IndexColumns, IndexRow, repeated
from spanledger_collector.model import Call, Observation
from spanledger_collector.settle import lone_call, lone_call_ids

__all__ = ["Lone", "apart"]

_Placed = tuple[bytes, bytes | None]
"""The id of a span, and of its parent."""


@dataclass(frozen=True, slots=True)
class Lone:
    """Those of new observations each of which is a call by itself, that no other tells of: by kind as in `Fresh`, with
    the response id and the name of a call for each of the new ones."""

    told: Facts[Observation]
    kinds: Sequence[Alike[Observation]]
    response_keys: Sequence[str | None]
    call_ids: Sequence[bytes]

    def call(self, place: int) -> Call:
        """The call of the one at a place among the new ones."""
        return lone_call(self.told.fact(place), self.response_keys[place])


def apart(fresh: Fresh, known: Collection[IndexRow]) -> tuple[Lone, list[int]]:
    """New observations, split in two: candidates that share nothing with another, new or among the known ones near
    them, and the places of the rest. Two keys that are equal by chance only send theirs the long way."""
    index = fresh.index
    counts, models = _shared_by_emitters(index, known)
    others = {place for kind in fresh.kinds if kind.first.role != "candidate" for place in kind.places}
    others |= _places(index.trace_lo, _joined_traces(fresh, known))
    others |= _places(index.id_key, repeated([*index.id_key, *(row.id_key for row in known)]))
    others |= _places(index.twin_key, counts)
    others |= _places([*map(_model, index.model_key)] if models else (), models)
    kinds = [lone for kind in fresh.kinds if (lone := kind.without(others)).places] if others else fresh.kinds
    call_ids = lone_call_ids(fresh.told, fresh.response_keys)
    return Lone(fresh.told, kinds, fresh.response_keys, call_ids), sorted(others)


def _places(column: Sequence[int | None], keys: Collection[int]) -> set[int]:
    """Where one of the keys is in a column."""
    return {place for place, key in enumerate(column) if key in keys} if keys else set()


def _shared_by_emitters(index: IndexColumns, known: Collection[IndexRow]) -> tuple[set[int], set[int]]:
    """The counts, and the models of calls without counts, that come from more than one emitter."""
    if len({*index.dialect, *(row.dialect for row in known)}) < 2:
        return set(), set()
    told = [*zip(index.twin_key, map(_model, index.model_key), index.dialect, strict=True)]
    told += [(row.twin_key, _model(row.model_key), row.dialect) for row in known]
    without_counts = {model for counts, model, _ in told if counts is None}
    return (
        _told_by_several((counts, dialect) for counts, _, dialect in told),
        _told_by_several((model, dialect) for _, model, dialect in told if model in without_counts),
    )


def _model(key: int | None) -> int | None:
    """The key of the model, whatever lies above the span."""
    return None if key is None else key >> 1


def _told_by_several(told_by: Iterable[tuple[int | None, str]]) -> set[int]:
    """The keys that come from more than one emitter."""
    emitters: dict[int, str] = {}
    return {key for key, dialect in told_by if key is not None and emitters.setdefault(key, dialect) != dialect}


def _joined_traces(fresh: Fresh, known: Collection[IndexRow]) -> set[int]:
    """The traces, by the second half of their ids, in which one observation may lie in another: all with a known one,
    and those of new ones unless all have the same parent, which is none of them."""
    joined = {row.trace_lo for row in known}
    own, parents = fresh.told.column("span_id"), fresh.told.column("parent_span_id")
    spans = {*own}
    if len(spans) < len(own) or not spans.isdisjoint(parents):
        return joined | _joined_by_span(fresh)
    distinct = {*zip(fresh.index.trace_lo, parents, strict=True)}
    return joined.union(repeated([trace for trace, _ in distinct]))


def _joined_by_span(fresh: Fresh) -> set[int]:
    """Those of the new ones, looked at one by one, where some span is another's parent, or comes twice."""
    together: defaultdict[int, list[_Placed]] = defaultdict(list)
    placed = zip(fresh.told.column("span_id"), fresh.told.column("parent_span_id"), strict=True)
    for trace, ids in zip(fresh.index.trace_lo, placed, strict=True):
        together[trace].append(ids)
    return {trace for trace, some in together.items() if len(some) > 1 and not _are_siblings(some)}


def _are_siblings(some: Sequence[_Placed]) -> bool:
    """Whether all are different spans with one parent, which is none of them."""
    spans, parents = ({*column} for column in zip(*some, strict=True))
    return len(parents) == 1 and len(spans) == len(some) and parents.isdisjoint(spans)
