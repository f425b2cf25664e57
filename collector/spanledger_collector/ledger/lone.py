"""Which new observations have to do with no other, as most have: told by what they share with others, before any graph
is made.

`settle` would find the same (`settle.nodes.set_apart`), for more.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from spanledger_collector.ledger.fresh import Fresh
from spanledger_collector.ledger.neighbours import IndexRow
from spanledger_collector.model import Call, Observation
from spanledger_collector.settle import lone_call, lone_call_id

__all__ = ["Lone", "apart"]


@dataclass(frozen=True, slots=True)
class Lone:
    """Observations each of which is a call by itself, that no other tells of: as columns, with the names of the
    calls."""

    observations: Sequence[Observation]
    response_keys: Sequence[str | None]
    rows: Sequence[IndexRow]
    call_ids: Sequence[str]

    def call(self, place: int) -> Call:
        """The call of one of them."""
        return lone_call(self.observations[place], self.response_keys[place])


def apart(fresh: Fresh, near: Collection[IndexRow]) -> tuple[Lone, list[int]]:
    """New observations, split in two: candidates that share nothing with any of those near (they are among these), and
    the places of the rest. Two keys that are equal by chance only send theirs the long way."""
    same_id = {key for key, times in Counter([row.id_key for row in near]).items() if times > 1 and key is not None}
    equal_counts, same_model = _shared_by_emitters(near)
    joined = _joined_traces(fresh, near)
    places: list[int] = []
    others: list[int] = []
    for place, row in enumerate(fresh.rows):
        shares = (
            row.trace_lo in joined
            or row.id_key in same_id
            or (equal_counts and row.twin_key in equal_counts)
            or (same_model and _model(row) in same_model)
        )
        is_lone = not shares and fresh.observations[place].role == "candidate"
        (places if is_lone else others).append(place)
    return _lone(fresh, places), others


def _lone(fresh: Fresh, places: Sequence[int]) -> Lone:
    observations = [fresh.observations[place] for place in places]
    keys = [fresh.response_keys[place] for place in places]
    return Lone(observations, keys, [fresh.rows[place] for place in places], [*map(lone_call_id, observations, keys)])


def _shared_by_emitters(near: Collection[IndexRow]) -> tuple[set[int], set[int]]:
    """The counts, and the models of calls without counts, that come from more than one emitter."""
    if len({row.dialect for row in near}) < 2:
        return set(), set()
    without_counts = {_model(row) for row in near if row.twin_key is None}
    return (
        _told_by_several((row.twin_key, row.dialect) for row in near),
        _told_by_several((_model(row), row.dialect) for row in near if _model(row) in without_counts),
    )


def _model(row: IndexRow) -> int | None:
    """The key of the model, whatever lies above the span."""
    return None if row.model_key is None else row.model_key >> 1


def _told_by_several(told_by: Iterable[tuple[int | None, str]]) -> set[int]:
    """The keys that come from more than one emitter."""
    emitters: dict[int, str] = {}
    return {key for key, dialect in told_by if key is not None and emitters.setdefault(key, dialect) != dialect}


def _joined_traces(fresh: Fresh, near: Collection[IndexRow]) -> set[int]:
    """The traces, by the second half of their ids, in which one observation may lie in another: all with several,
    unless these are new and all have the same parent, which is none of them."""
    in_trace = Counter([row.trace_lo for row in near])
    together: defaultdict[int, list[Observation]] = defaultdict(list)
    for row, observation in zip(fresh.rows, fresh.observations, strict=True):
        if in_trace[row.trace_lo] > 1:
            together[row.trace_lo].append(observation)
    return {trace for trace, some in together.items() if len(some) < in_trace[trace] or not _are_siblings(some)}


def _are_siblings(some: Sequence[Observation]) -> bool:
    """Whether all are different spans with one parent, which is none of them."""
    parents = {observation.parent_span_id for observation in some}
    spans = {observation.span_id for observation in some}
    return len(parents) == 1 and len(spans) == len(some) and parents.isdisjoint(spans)
