"""The shape of a dialect: all that the engine must know about how one emitter writes a model call, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spanledger_collector.dialects.names import Names
from spanledger_collector.model import Role

__all__ = ["ANY_PROVIDER", "Dialect", "Marker"]

ANY_PROVIDER: frozenset[str] = frozenset({"*"})
"""Every provider, in the fields `cache_outside`, `cache_unknown` and `reasoning_outside`."""

Marker = tuple[str, str | None]
"""An attribute that gives an emitter away, and the value that it must have (`None`: any)."""

_NO_NAMES: Names = {}
_NO_ROLES: Mapping[str, Role] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One row of the table: an emitter, in a range of its versions.

    `scopes` are names of instrumentation scopes (a trailing `*` stands for any rest); `since` and `before` bound the
    scope's version, `since` inclusive. `markers` recognise spans whose scope is not known: any of them is enough.
    `needs` must hold besides (any of them), and so must `span_names` (the span has one of them). `events` are names of
    log records that tell of a call: a row with them reads these, whatever their scope, and nothing else.

    `source_rank` orders belief: 0 the provider's own span, 1 SDK instrumentation, 2 framework, 3 unknown emitter.
    `names` replaces the generic names of single facts; an empty tuple means that this emitter's are not to be believed.

    Input counts contain cached tokens and output counts contain reasoning, as the conventions want it, except with the
    (billing) providers in `cache_outside` and `reasoning_outside`, or in `reasoning_outside_operations`.
    `cache_unknown` (with these providers), `reasoning_unknown`: which of the two holds is not known.
    `total_is_reported`: the total comes from the provider; one that the emitter added up itself proves nothing.
    `input_is_rest`: cached tokens may be in the total alone; what that has beyond the output is the input.

    `unpack` names attributes that hold an object as JSON or as Python prints it; its members are read as
    `<attribute>.<member>`. `quoted`: texts are JSON, in quotation marks. `hidden_ids` are paths to the response id
    within attributes that hold messages as JSON.

    `role_names` (by span name, or what follows its last dot), then `operations` decide what a span is before the
    general table of operations does.
    `provider` and `operation` fill in for emitters that do not say. `ticks` names an attribute with the provider's own
    price and how many make one USD. `estimates` are parts of names of models whose usage this emitter
    makes up. `at_the_end`: its spans begin when the answer is there, and the call before. `events_tell_errors`: a span
    of a failed call may have the status of one that did not, but has the event of an exception. `flags` mark whatever
    this emitter counts. `notes` tells deviations and traps.
    """

    id: str
    scopes: tuple[str, ...] = ()
    since: str = ""
    before: str = ""
    markers: tuple[Marker, ...] = ()
    needs: tuple[Marker, ...] = ()
    span_names: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    source_rank: int = 3
    names: Names = field(default_factory=lambda: _NO_NAMES)
    cache_outside: frozenset[str] = frozenset()
    cache_unknown: frozenset[str] = frozenset()
    reasoning_outside: frozenset[str] = frozenset()
    reasoning_unknown: bool = False
    reasoning_outside_operations: frozenset[str] = frozenset()
    total_is_reported: bool = False
    input_is_rest: bool = False
    unpack: tuple[str, ...] = ()
    quoted: bool = False
    hidden_ids: tuple[tuple[str, ...], ...] = ()
    role_names: Mapping[str, Role] = field(default_factory=lambda: _NO_ROLES)
    operations: Mapping[str, Role] = field(default_factory=lambda: _NO_ROLES)
    provider: str | None = None
    operation: str | None = None
    ticks: tuple[str, int] | None = None
    estimates: tuple[str, ...] = ()
    at_the_end: bool = False
    events_tell_errors: bool = False
    flags: tuple[str, ...] = ()
    notes: str = ""
