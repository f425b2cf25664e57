"""The names of the attributes that released emitters sent: held against their places, and recorded, without values.

What was recorded is beside this file, one entry for each emitter and version; the default tests walk it. To record what
the releases of today send: `RECORD_ATTRIBUTE_NAMES=1 make test-slow`, which adds to the file. Delete the file before to
be rid of what older releases sent.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypedDict

import duckdb

from spanledger_collector.dialects.facts import with_members
from spanledger_collector.dialects.places import place_on_resource, without_place
from spanledger_collector.dialects.table import DIALECTS, GENERIC_DIALECT
from spanledger_collector.model import Attributes

__all__ = ["RECORDED", "Emitted", "emitted", "forgotten", "is_recording", "record", "recorded"]

RECORDED = Path(__file__).with_name("attribute_names.json")
_ROWS = {row.id: row for row in (*DIALECTS, GENERIC_DIALECT)}
_SENT = "SELECT dialect, scope_name, scope_version, attributes, resource FROM observations"


class _Entry(TypedDict):
    dialect: str
    scope: str
    version: str
    names: list[str]
    resource: list[str]


@dataclass(frozen=True, slots=True)
class Emitted:
    """The attributes of the spans and log records of a scope that one row of the table read, and of their resources.

    Members of attributes that the row unpacks are named `<attribute>.<member>`. What is content is not among them: the
    journal does not have it.
    """

    dialect: str
    scope: str
    version: str
    names: set[str] = field(default_factory=set[str])
    resource: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, entry: _Entry) -> Self:
        """What was recorded."""
        return cls(entry["dialect"], entry["scope"], entry["version"], set(entry["names"]), set(entry["resource"]))

    @property
    def entry(self) -> _Entry:
        """What is recorded."""
        return {
            "dialect": self.dialect,
            "scope": self.scope,
            "version": self.version,
            "names": sorted(self.names),
            "resource": sorted(self.resource),
        }


_Key = tuple[str, str, str]


def emitted(ledger: Path) -> list[Emitted]:
    """What came with the model calls of a ledger that no process has open."""
    found: dict[_Key, Emitted] = {}
    with closing(duckdb.connect(str(ledger), read_only=True)) as connection:
        for dialect, scope, version, attributes, resource in connection.execute(_SENT).fetchall():
            one = found.setdefault((dialect, scope, version), Emitted(dialect, scope, version))
            one.names.update(_with_members(dialect, json.loads(attributes)))
            one.resource.update(json.loads(resource))
    return list(found.values())


def _with_members(dialect: str, attributes: Attributes) -> Attributes:
    row = _ROWS.get(dialect)  # none reads the spans of HTTP clients
    return attributes if row is None else with_members(row, attributes)


def forgotten(sent: Iterable[Emitted]) -> Iterator[str]:
    """In words, the attributes that are neither read nor content nor left for a written reason (dialects/unread.py)."""
    for one in sent:
        for name in sorted(without_place(one.names, one.dialect)):
            yield f"{name} of {one.scope} {one.version}, read by {one.dialect}"
        for name in sorted(one.resource):
            if place_on_resource(name) is None:
                yield f"{name} on the resource of {one.scope} {one.version}"


def is_recording() -> bool:
    """Whether this run is to record what it gets."""
    return bool(os.environ.get("RECORD_ATTRIBUTE_NAMES"))


def recorded() -> list[Emitted]:
    """What earlier runs recorded."""
    return [Emitted.of(entry) for entry in json.loads(RECORDED.read_text())] if RECORDED.exists() else []


def record(sent: Iterable[Emitted]) -> None:
    """Add to what is recorded. For one process at a time."""
    known: dict[_Key, Emitted] = {}
    for one in (*recorded(), *sent):
        entry = known.setdefault((one.dialect, one.scope, one.version), Emitted(one.dialect, one.scope, one.version))
        entry.names.update(one.names)
        entry.resource.update(one.resource)
    entries = [known[key].entry for key in sorted(known)]
    RECORDED.write_text(json.dumps(entries, indent=1) + "\n")
