"""The new observations of a pass, with what each may share with others, worked out for all at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import unpack
from typing import Self

from spanledger_collector.ledger.neighbours import IndexColumns
from spanledger_collector.model import Observation
from spanledger_collector.settle.sharing import SharedKeys, keys_shared_by

__all__ = ["Fresh"]


@dataclass(frozen=True, slots=True)
class Fresh:
    """Observations that matter to settling, as columns: the response ids that only one call can have, and the rows of
    the index."""

    observations: Sequence[Observation]
    response_keys: Sequence[str | None]
    index: IndexColumns

    @classmethod
    def of(cls, numbered: Iterable[tuple[int, Observation]]) -> Self:
        """Those of numbered observations that matter."""
        kept = [(number, told) for number, told in numbered if told.role != "ignored"]
        observations = [told for _, told in kept]
        shared = _shared_in_calls(observations)
        ids = unpack(f">{3 * len(kept)}Q", b"".join([told.trace_id + told.span_id for told in observations]))
        index = IndexColumns(
            [number for number, _ in kept],
            ids[::3],
            ids[1::3],
            ids[2::3],
            [told.started_ns for told in observations],
            [told.ended_ns for told in observations],
            shared.ids,
            shared.answers,
            shared.twins,
            [told.dialect for told in observations],
            shared.models,
        )
        return cls(observations, shared.response_keys, index)

    def at(self, places: Sequence[int]) -> Self:
        """Those at these places, in their order."""
        if len(places) == len(self.observations):
            return self
        return type(self)(
            [self.observations[place] for place in places],
            [self.response_keys[place] for place in places],
            self.index.at(places),
        )


def _shared_in_calls(observations: Sequence[Observation]) -> SharedKeys:
    """What each shares with others; those of which no call may come share nothing."""
    candidates = [told for told in observations if told.role == "candidate"]
    shared = keys_shared_by(candidates)
    if len(candidates) == len(observations):
        return shared
    nothing = (None,) * len(shared)
    rows = zip(*shared, strict=True)
    spread = [next(rows) if told.role == "candidate" else nothing for told in observations]
    return SharedKeys(*zip(*spread, strict=True))
