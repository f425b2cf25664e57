"""Retention: what a ledger forgets with age, by class. What money needs is kept longest.

    skeletons   of spans that nobody was charged for: not observed, and not above an observed span; their conflicts too
    attributes  of observations, and of conflicts: what was received, beside what was read in it
    calls       with their charges, their observations and all else about them

None of this changes a call that stays: see docs/decisions/0006-retention.md. Age is the time since a span arrived.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final

import duckdb

from spanledger_collector.ledger.revisions import transaction
from spanledger_collector.ledger.sql import query
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Retention

__all__ = ["Dropped", "sweep"]

_SKELETONS_AT_A_TIME: Final = 200_000
_OBSERVATIONS_AT_A_TIME: Final = 50_000
_OF_CALLS: Final = (
    "drop_calls",
    "drop_charges",
    "drop_call_meters",
    "drop_call_sources",
    "drop_history",
    "drop_price_history",
    "drop_charge_history",
    "drop_index",
    "drop_observed_spans",
    "drop_observations",
    "drop_conflicts",
)


@dataclass(slots=True)
class Dropped:
    """What a sweep took out: skeletons, the attributes of so many observations, observations, calls."""

    skeletons: int = 0
    attributes: int = 0
    observations: int = 0
    calls: int = 0

    def add(self, other: "Dropped") -> None:
        """Count what another sweep took out too."""
        for field in fields(Dropped):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(Dropped))


def sweep(
    ledger: Ledger,
    retention: Retention,
    now_ns: int,
    stopping: Callable[[], bool] = lambda: False,
    dropped: Dropped | None = None,
) -> Dropped:
    """Forget what is older than it is to be kept at that time (ns), in short transactions until `stopping`,
    which is asked after each of those that may have left something.

    Nothing may be settled meanwhile; spans may arrive. Counts in `dropped`, if given, what is committed. Raises
    duckdb.Error: what is dropped by then is dropped, and counted there.
    """
    dropped = Dropped() if dropped is None else dropped
    with closing(ledger.cursor()) as cursor:
        cursor.execute(query("retention.prepare"))
        try:
            _Sweep(cursor, now_ns, stopping, dropped).run(retention)
        finally:
            cursor.execute(query("retention.forget"))
    return dropped


class _Sweep:
    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, now_ns: int, stopping: Callable[[], bool], dropped: Dropped
    ) -> None:
        self._cursor = cursor
        self._now_ns = now_ns
        self._stopping = stopping
        self._dropped = dropped

    def run(self, retention: Retention) -> None:
        # Calls first: what goes with them need not be stripped before.
        for days, step in (
            (retention.calls, self._calls),
            (retention.attributes, self._attributes),
            (retention.skeletons, self._skeletons),
        ):
            if days is not None:
                step(max(0, self._now_ns - timedelta(days=days) // timedelta(microseconds=1) * 1000))

    def _calls(self, before: int) -> None:
        _, _, settled = self._progress()
        with transaction(self._cursor):
            for table in ("old", "keys", "kept", "calls"):
                self._cursor.execute(f"DELETE FROM retention_{table}")  # noqa: S608 - our own names
            if not self._execute("old", before=before, settled=settled):
                return
            self._execute("keys")
            round_, fresh = 0, self._execute("keep_with_young")
            while fresh:
                round_ += 1
                fresh = self._execute("keep_with_kept", round=round_)
            self._execute("forget_kept")
            calls = self._execute("doomed_calls")
            counts = {name: self._execute(name, **_used(name, before=before)) for name in _OF_CALLS}
        self._dropped.add(Dropped(calls=calls, observations=counts["drop_observations"]))

    def _attributes(self, before: int) -> None:
        while True:
            _, after, settled = self._progress()
            limit = _OBSERVATIONS_AT_A_TIME
            until = self._one("strip_until", after=after, settled=settled, limit=limit, before=before)
            if until is None:
                break
            with transaction(self._cursor):
                stripped = self._execute("strip_observations", after=after, until=until)
                self._execute("note", key="stripped_seq", value=str(until))
            self._dropped.add(Dropped(attributes=stripped))
            if self._stopping():
                break
        self._execute("strip_conflicts", before=before)

    def _skeletons(self, before: int) -> None:
        while True:
            after, _, _ = self._progress()
            until = self._one("slice_end", after=after, before=before, limit=_SKELETONS_AT_A_TIME)
            if until is None:
                return
            with transaction(self._cursor):
                self._cursor.execute("DELETE FROM retention_family")
                self._execute("family", after=after, until=until)
                skeletons = self._execute("drop_skeletons", after=after, until=until)
                self._execute("drop_skeleton_conflicts", after=after, until=until)
                self._execute("note", key="kept_skeletons_ns", value=str(until))
            self._dropped.add(Dropped(skeletons=skeletons))
            if self._stopping():
                return

    def _progress(self) -> tuple[int, int, int]:
        ((skeletons_ns, stripped, settled),) = self._cursor.execute(query("retention.progress")).fetchall()
        return int(skeletons_ns), int(stripped), int(settled)

    def _one(self, name: str, **parameters: object) -> int | None:
        ((found,),) = self._cursor.execute(query(f"retention.{name}"), parameters).fetchall()
        return None if found is None else int(found)

    def _execute(self, name: str, **parameters: object) -> int:
        """How many rows a statement wrote or deleted."""
        ((count,),) = self._cursor.execute(query(f"retention.{name}"), parameters).fetchall()
        return int(count)


def _used(name: str, **parameters: object) -> Mapping[str, object]:
    """Those of the parameters that a statement has, as the database takes no others."""
    text = query(f"retention.{name}")
    return {key: value for key, value in parameters.items() if f"${key}" in text}
