"""The new observations of a pass, with what each may share with others, worked out for all at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import unpack
from typing import Final, Self

from spanledger_collector.ledger.neighbours import IndexRow
from spanledger_collector.model import Observation
from spanledger_collector.settle.keys import Totals, model_key, text_keys
from spanledger_collector.settle.nodes import Shared, shared_by
from spanledger_collector.settle.roots import begins_trace

__all__ = ["Fresh"]

_NOTHING: Final = Shared(False, None, Totals(None, None), None, None)
"""What an observation shares of which no call may come."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Observations that matter to settling, as columns: the response ids that only one call can have, and the rows of
    the index."""

    observations: Sequence[Observation]
    response_keys: Sequence[str | None]
    rows: Sequence[IndexRow]

    @classmethod
    def of(cls, numbered: Iterable[tuple[int, Observation]]) -> Self:
        """Those of numbered observations that matter."""
        kept = [(number, told) for number, told in numbered if told.role != "ignored"]
        observations = [told for _, told in kept]
        shared = [shared_by(told) if told.role == "candidate" else _NOTHING for told in observations]
        rows = map(IndexRow._make, _index_columns([number for number, _ in kept], observations, shared))
        return cls(observations, [of.response_key for of in shared], list(rows))


def _index_columns(
    numbers: Sequence[int], observations: Sequence[Observation], shared: Sequence[Shared]
) -> Iterable[tuple[object, ...]]:
    """What settling looks up for each, in the order of the index's columns."""
    ids = unpack(f">{3 * len(numbers)}Q", b"".join([told.trace_id + told.span_id for told in observations]))
    answers = [
        None if of.response_key is None else f"{of.response_key}\0{of.totals.input}\0{of.totals.output}"
        for of in shared
    ]
    counts = [None if of.twin_parts is None else "\0".join(map(str, of.twin_parts)) for of in shared]
    return zip(
        numbers,
        ids[::3],
        ids[1::3],
        ids[2::3],
        [told.started_ns for told in observations],
        [told.ended_ns for told in observations],
        text_keys([of.response_key for of in shared]),
        text_keys(answers),
        text_keys(counts),
        [told.dialect for told in observations],
        [
            of.model_parts and model_key(of.model_parts, is_root=begins_trace(told))
            for told, of in zip(observations, shared, strict=True)
        ],
        strict=True,
    )
