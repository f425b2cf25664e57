"""What becomes of an attribute that came with a model call: read, dropped as content, or left unread for a reason."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Final, Literal

from spanledger.meters import OTHER_METER_PREFIX
from spanledger_collector.dialects.attribution import OF_PROCESS
from spanledger_collector.dialects.content import is_content
from spanledger_collector.dialects.dialect import Dialect
from spanledger_collector.dialects.http_calls import HTTP_DIALECT, READ_BY_COVERAGE
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT
from spanledger_collector.dialects.unread import UNREAD_OF_RESOURCE, why_unread
from spanledger_collector.model import KEY_ORG

__all__ = ["Place", "place_of", "place_on_resource", "without_place"]

Place = Literal["read", "content", "unread"]

_PREFIXES: Final = (*DIMENSION_PREFIXES, OTHER_METER_PREFIX)
_BY_ID: Final = {dialect.id: dialect for dialect in (*DIALECTS, GENERIC_DIALECT)}
_ON_RESOURCE: Final = frozenset(
    {"service.name", "service.instance.id", KEY_ORG, *GENERIC["environment"], *(name for _, name in OF_PROCESS)}
)


def place_of(name: str, dialect: str) -> Place | None:
    """The place of an attribute of a span or log record that the row of that id read; `None` for one that was
    forgotten. Members of an unpacked attribute are `<attribute>.<member>`. Raises KeyError for an id of no row."""
    if name in _read_by(dialect) or name.startswith(_PREFIXES):
        return "read"
    return _elsewhere(name, why_unread(name))


def place_on_resource(name: str) -> Place | None:
    """The same of an attribute of the resource."""
    if name in _ON_RESOURCE or name.startswith(DIMENSION_PREFIXES[0]):
        return "read"
    return _elsewhere(name, why_unread(name, UNREAD_OF_RESOURCE))


def without_place(names: Iterable[str], dialect: str) -> Iterator[str]:
    """Those of the names that were forgotten."""
    return (name for name in names if place_of(name, dialect) is None)


def _elsewhere(name: str, why: str | None) -> Place | None:
    if is_content(name):
        return "content"
    return None if why is None else "unread"


@cache
def _read_by(dialect: str) -> Collection[str]:
    if dialect == HTTP_DIALECT:
        return READ_BY_COVERAGE
    row = _BY_ID[dialect]
    # A generic name that the row replaces has its place too: the row says that another attribute is to be believed.
    facts = {name for names in (*GENERIC.values(), *row.names.values()) for name in names}
    return frozenset({*facts, *_deciding(row)})


def _deciding(row: Dialect) -> Iterator[str]:
    """What a row looks at besides facts."""
    yield from (name for name, _ in (*row.markers, *row.needs))
    yield from row.unpack
    yield from (path[0] for path in row.hidden_ids)
    if row.ticks is not None:
        yield row.ticks[0]
