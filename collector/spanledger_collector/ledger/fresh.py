"""The new observations of a pass, with what each may share with others, worked out for all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import unpack
from typing import Self

from spanledger_collector.alike import Alike, observations_alike
from spanledger_collector.facts import Facts
from spanledger_collector.ledger.handover import Numbered
from spanledger_collector.ledger.neighbours import IndexColumns
from spanledger_collector.model import Observation
from spanledger_collector.settle.sharing import keys_shared_by

__all__ = ["Fresh"]


@dataclass(frozen=True, slots=True)
class Fresh:
    """Observations that matter to settling, as columns: what they tell, the response ids that only one call can have,
    and the rows of the index; and by kind, with their places in the columns.

    They stay in the order in which they came, for that is how they lie in memory: what looks at each of them in the
    order of their kinds takes twice the time.
    """

    told: Facts[Observation]
    kinds: Sequence[Alike[Observation]]
    response_keys: Sequence[str | None]
    index: IndexColumns

    def __len__(self) -> int:
        return len(self.told)

    @classmethod
    def of(cls, numbered: Numbered) -> Self:
        """Those of numbered observations that matter."""
        roles = numbered.told.column("role")
        if "ignored" in roles:
            numbered = numbered.at([place for place, role in enumerate(roles) if role != "ignored"])
        told = numbered.told
        kinds = [*observations_alike(told)]
        shared = keys_shared_by(told, kinds)
        traces, spans = (b"".join(told.column(name)) for name in ("trace_id", "span_id"))
        halves = unpack(f">{2 * len(told)}Q", traces)
        index = IndexColumns(
            numbered.numbers,
            halves[::2],
            halves[1::2],
            unpack(f">{len(told)}Q", spans),
            told.column("started_ns"),
            told.column("ended_ns"),
            shared.ids,
            shared.answers,
            shared.twins,
            told.column("dialect"),
            shared.models,
        )
        return cls(told, kinds, shared.response_keys, index)
