"""Which new observations have to do with no other, as most have: told by what they share with others, before any graph
is made.

`settle` would find the same (`settle.nodes.set_apart`), for more.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from spanledger_collector.ledger.neighbours import IndexRow, index_row
from spanledger_collector.model import Observation
from spanledger_collector.settle.nodes import Shared, shared_by

__all__ = ["Told", "apart", "told"]


class Told(NamedTuple):
    """A new observation, what it may share with others, and its row of the index."""

    observation: Observation
    shared: Shared
    row: IndexRow


def told(seq: int, observation: Observation) -> Told:
    """An observation of that number."""
    shared = shared_by(observation)
    return Told(observation, shared, index_row(seq, observation, shared))


def apart(fresh: Sequence[Told], near: Collection[IndexRow]) -> tuple[list[Told], list[Told]]:
    """New observations, split in two: candidates that share nothing with any of those near (they are among these), and
    the rest. Two keys that are equal by chance only send theirs the long way."""
    times = Counter([row.id_key for row in near])
    equal_counts = _told_by_several((row.twin_key, row.dialect) for row in near)
    without_counts = {_model(row) for row in near if row.twin_key is None}
    same_model = _told_by_several((_model(row), row.dialect) for row in near if _model(row) in without_counts)
    joined = _joined_traces(fresh, near)
    lone: list[Told] = []
    others: list[Told] = []
    for one in fresh:
        observation, _, row = one
        is_lone = (
            (row.id_key is None or times[row.id_key] == 1)
            and row.twin_key not in equal_counts
            and _model(row) not in same_model
            and observation.role == "candidate"
            and observation.trace_id not in joined
        )
        (lone if is_lone else others).append(one)
    return lone, others


def _model(row: IndexRow) -> int | None:
    """The key of the model, whatever lies above the span."""
    return None if row.model_key is None else row.model_key >> 1


def _told_by_several(told_by: Iterable[tuple[int | None, str]]) -> set[int]:
    """The keys that come from more than one emitter."""
    emitters: dict[int, str] = {}
    return {key for key, dialect in told_by if key is not None and emitters.setdefault(key, dialect) != dialect}


def _joined_traces(fresh: Sequence[Told], near: Collection[IndexRow]) -> set[bytes]:
    """The traces in which one observation may lie in another: all with several, unless these are new and all have the
    same parent, which is none of them."""
    in_trace = Counter([row[1:3] for row in near])
    together: defaultdict[tuple[int, int], list[Observation]] = defaultdict(list)
    for observation, _, row in fresh:
        if in_trace[row[1:3]] > 1:
            together[row[1:3]].append(observation)
    return {
        some[0].trace_id for trace, some in together.items() if len(some) < in_trace[trace] or not _are_siblings(some)
    }


def _are_siblings(some: Sequence[Observation]) -> bool:
    """Whether all are different spans with one parent, which is none of them."""
    parents = {observation.parent_span_id for observation in some}
    spans = {observation.span_id for observation in some}
    return len(parents) == 1 and len(spans) == len(some) and parents.isdisjoint(spans)
