"""Which observations begin a trace of their own, so that nothing says in what they were made.

LangSmith puts the number of a run into the context in which the call is made, as the id of a span that nobody makes:
the first half of a UUID, of the whole run for the trace and of the innermost one for the parent. The run's own span,
which comes later, has other ids, in the application's trace.
"""

from typing import Final

from spanledger_collector.facts import Facts
from spanledger_collector.model import Observation

__all__ = ["begin_traces", "begins_trace"]

_LONGEST_RUN_MS: Final = 86_400_000
"""How long a run may have gone on before a call in it."""

_CLOCK_MS: Final = 1000

_TIMED: Final = 7
"""The version of a UUID that has the time."""


def begins_trace(observation: Observation) -> bool:
    """Whether the observation has no parent, or one that is the number of a run instead of a span."""
    parent = observation.parent_span_id
    return parent is None or _is_of_a_run(parent, observation.trace_id, observation.started_ns)


def begin_traces(observations: Facts[Observation]) -> list[bool]:
    """The same of each of many. Few parents look like one that is no span, and only these are looked at."""
    started = observations.column("started_ns")
    parents = zip(observations.column("parent_span_id"), observations.column("trace_id"), strict=True)
    return [
        parent is None
        or ((parent[6] >> 4 == _TIMED or parent[0] == trace_id[0]) and _is_of_a_run(parent, trace_id, started[place]))
        for place, (parent, trace_id) in enumerate(parents)
    ]


def _is_of_a_run(parent: bytes, trace_id: bytes, started_ns: int) -> bool:
    """Whether the parent is the number of a run in which something started then."""
    return parent == trace_id[:8] or (_is_timed(parent) and _is_timed(trace_id) and _is_of_its_time(parent, started_ns))


def _is_timed(number: bytes) -> bool:
    """Whether it may begin a UUID of version 7, which has the time (RFC 9562, section 5.7)."""
    return number[6] >> 4 == _TIMED


def _is_of_its_time(number: bytes, started_ns: int) -> bool:
    waited_ms = started_ns // 10**6 - int.from_bytes(number[:6])
    return -_CLOCK_MS <= waited_ms <= _LONGEST_RUN_MS
