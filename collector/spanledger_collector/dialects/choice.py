"""Which row of the table fits a span: by instrumentation scope and version, then by attributes, then the generic
row."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from spanledger_collector.dialects.dialect import Dialect, Marker
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.names import GENERIC, METER_FACTS, TOTAL
from spanledger_collector.dialects.shapes import ByNames
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT
from spanledger_collector.model import Attributes, ReceivedSpan, Scope

__all__ = [
    "EVENTS",
    "EVENT_NAME",
    "READ_NAMES",
    "SIGNS",
    "choose_dialect",
    "dialects_of",
    "events_tell_errors",
    "forget_scopes",
    "tells_usage",
]

_TELLING_FACTS: Final = (*METER_FACTS, TOTAL, "operation", "provider", "request_model", "response_model")
_NOT_TELLING: Final = frozenset(
    {"embedding.model_name", "reranker.model_name", "rpc.method", "model", "auth_type", "event.kind"}
)
"""What spans about other things have too."""


def _signs() -> frozenset[str]:
    """Every attribute name that makes a span worth a look: all of the rest is dismissed at the speed of a set."""
    names = {name for fact in _TELLING_FACTS for name in GENERIC[fact]}
    for dialect in DIALECTS:
        names.update(name for fact, aliases in dialect.names.items() if fact in _TELLING_FACTS for name in aliases)
        names.update(name for name, _ in (*dialect.markers, *dialect.needs))
        names.update(dialect.unpack)
    return frozenset(names - _NOT_TELLING)


SIGNS: Final = _signs()
READ_NAMES: Final = SIGNS.union(
    *(names for dialect in DIALECTS for names in (*GENERIC.values(), *dialect.names.values()))
)
"""Every attribute name that some dialect reads."""

EVENT_NAME: Final = "event.name"
"""The attribute with the name of a log record."""

EVENTS: Final = frozenset(event for dialect in DIALECTS for event in dialect.events)
"""Names of the log records that tell of model calls."""

_BY_EVENT: Final = {event: tuple(dialect for dialect in DIALECTS if event in dialect.events) for event in EVENTS}


def choose_dialect(span: ReceivedSpan) -> Dialect | None:
    """The dialect of a span, `None` for a span that shows no sign of a model call."""
    attributes = span.attributes
    if span.name in EVENTS and EVENT_NAME in attributes:
        return _of_event(span.name, attributes)
    if SIGNS.isdisjoint(attributes):
        return None
    scope = span.scope
    for dialect in _of_scope(scope.name, scope.version):
        if not (dialect.span_names or dialect.needs) or _suits(dialect, span):
            return dialect
    for dialect in _by_marker[None, tuple(attributes)]:
        if _has_any(dialect.markers, attributes) and _suits(dialect, span):
            return dialect
    return GENERIC_DIALECT


def dialects_of(group: Group) -> Collection[Dialect | None]:
    """The dialects of a group of spans: that of the first where it follows from what they have in common, and else
    those of each."""
    names, scope = group.names, group.scope
    if EVENT_NAME not in names:
        if SIGNS.isdisjoint(names):
            return {None}
        of_scope = _of_scope(scope.name, scope.version)
        if (of_scope and not (of_scope[0].span_names or of_scope[0].needs)) or not (
            of_scope or _by_marker[None, names]
        ):
            return {choose_dialect(group.first())}
    return {*map(choose_dialect, group.spans())}


@ByNames
def _by_marker(_: None, names: tuple[str, ...]) -> tuple[Dialect, ...]:
    """The dialects of which a marker is among these names."""
    return tuple(dialect for dialect in DIALECTS if any(name in names for name, _ in dialect.markers))


def events_tell_errors(scope: Scope) -> bool:
    """Whether spans of that scope may tell of an error by an event alone."""
    return any(dialect.events_tell_errors for dialect in _of_scope(scope.name, scope.version))


def tells_usage(event: str, attributes: Attributes) -> bool:
    """Whether a log record is about a model call, by its event name (one of `EVENTS`) and its attributes."""
    return _of_event(event, attributes) is not None


def _of_event(event: str, attributes: Attributes) -> Dialect | None:
    fitting = (row for row in _BY_EVENT[event] if not row.needs or _has_any(row.needs, attributes))
    return next(fitting, None)


@lru_cache(maxsize=1024)
def _of_scope(name: str, version: str) -> tuple[Dialect, ...]:
    return tuple(dialect for dialect in DIALECTS if _names(dialect, name) and _covers(dialect, version))


def forget_scopes() -> None:
    """Look at the table again for every scope and marker: for tests that change the table."""
    _of_scope.cache_clear()
    _by_marker.clear()


def _names(dialect: Dialect, scope: str) -> bool:
    return any(
        scope.startswith(pattern[:-1]) if pattern.endswith("*") else scope == pattern for pattern in dialect.scopes
    )


def _covers(dialect: Dialect, version: str) -> bool:
    """Whether a version lies in the dialect's range; a scope that gives no version is taken to be a current one."""
    if not version:
        return not dialect.before
    number = _number(version)
    return _number(dialect.since) <= number and (not dialect.before or number < _number(dialect.before))


def _number(version: str) -> tuple[int, ...]:
    """The release numbers of a version, without what follows them: `1.3b0` is (1, 3)."""
    release = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in release[1].split(".")) if release else ()


def _suits(dialect: Dialect, span: ReceivedSpan) -> bool:
    if dialect.span_names and span.name not in dialect.span_names:
        return False
    return not dialect.needs or _has_any(dialect.needs, span.attributes)


def _has_any(markers: tuple[Marker, ...], attributes: Attributes) -> bool:
    return any(name in attributes and (value is None or attributes[name] == value) for name, value in markers)
