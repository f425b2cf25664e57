"""The new observations of a pass, with what each may share with others, worked out for all at once."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import unpack
from typing import Self

from spanledger_collector.alike import Alike, observations_alike
from spanledger_collector.ledger.neighbours import IndexColumns
from spanledger_collector.model import Observation
from spanledger_collector.settle.sharing import keys_shared_by

__all__ = ["Fresh"]


@dataclass(frozen=True, slots=True)
class Fresh:
    """Observations that matter to settling, as columns: the response ids that only one call can have, and the rows of
    the index; and by kind, with their places in the columns.

    They stay in the order in which they came, for that is how they lie in memory: what looks at each of them in the
    order of their kinds takes twice the time.
    """

    observations: Sequence[Observation]
    kinds: Sequence[Alike[Observation]]
    response_keys: Sequence[str | None]
    index: IndexColumns

    @classmethod
    def of(cls, numbered: Iterable[tuple[int, Observation]]) -> Self:
        """Those of numbered observations that matter."""
        kept = [each for each in numbered if each[1].role != "ignored"]
        observations = [told for _, told in kept]
        kinds = [*observations_alike(observations)]
        shared = keys_shared_by(observations, kinds)
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
        return cls(observations, kinds, shared.response_keys, index)

    def without(self, others: Collection[int]) -> Self:
        """All but those at these places, in their order."""
        if not others:
            return self
        places = [place for place in range(len(self.observations)) if place not in others]
        return type(self)(
            [self.observations[place] for place in places],
            [*_at(places, self.kinds)],
            [self.response_keys[place] for place in places],
            self.index.at(places),
        )


def _at(places: Sequence[int], kinds: Iterable[Alike[Observation]]) -> Iterator[Alike[Observation]]:
    """What of the kinds is at these places, which are counted anew."""
    anew = {place: number for number, place in enumerate(places)}
    for kind in kinds:
        kept = [position for position, place in enumerate(kind.places) if place in anew]
        if kept:
            yield kind.at(kept, [anew[kind.places[position]] for position in kept])
