"""What changes a ledger on purpose: reprice, close a period, reopen it. One table, from which the commands and the
server's API are made.

Whoever runs an action owns the ledger file, and nothing settles it meanwhile.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.periods import close_period, period_named, reopen_period
from spanledger_collector.ledger.queries import Arguments, Document, Parameter
from spanledger_collector.ledger.queries.choosing import chosen_calls
from spanledger_collector.ledger.queries.question import plain_decimal
from spanledger_collector.ledger.repricing import Adjusting, Delta, Repriced, reprice
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook

__all__ = ["ACTIONS", "CLOSE", "REOPEN", "REPRICE", "Action"]

_CHOSEN = ("from", "to", "provider", "model")


@dataclass(frozen=True, slots=True)
class Action:
    """An action: its path, its parameters, and what it does. `run` raises BadQuery, MemoryTooSmall and duckdb.Error;
    then the ledger is as it was."""

    name: str
    path: str
    help: str
    parameters: tuple[Parameter, ...]
    run: Callable[[Ledger, PriceBook, Arguments], Document]


def _reprice(ledger: Ledger, book: PriceBook, arguments: Arguments) -> Document:
    dry_run, adjust = _flag(arguments, "dry_run"), _flag(arguments, "adjust")
    adjusting = Adjusting(_said(arguments, "by"), _said(arguments, "reason")) if adjust else None
    with closing(ledger.cursor()) as cursor:
        chosen = chosen_calls(cursor, {name: arguments[name] for name in _CHOSEN if arguments.get(name)})
    found = reprice(ledger, book, chosen, apply=not dry_run, adjusting=adjusting)
    return _report(found, book, dry_run=dry_run)


def _report(found: Repriced, book: PriceBook, *, dry_run: bool) -> Document:
    by = {
        name: [{name: key, **_numbers(deltas[key])} for key in sorted(deltas, key=lambda key: (key is None, key or ""))]
        for name, deltas in found.by.items()
    }
    return {
        "calls": found.calls,
        "price_book": book.sha256,
        "applied": not dry_run,
        "changed": _numbers(found.total),
        "closed": _numbers(found.closed),
        "adjusted_calls": found.adjusted,
        "by": by,
    }


def _numbers(delta: Delta) -> Document:
    return {
        "calls": delta.calls,
        "old_usd": plain_decimal(delta.old_usd) if delta.old_priced or not delta.calls else None,
        "new_usd": plain_decimal(delta.new_usd) if delta.new_priced or not delta.calls else None,
        "difference_usd": plain_decimal(delta.new_usd - delta.old_usd),
        "newly_priced": delta.newly_priced,
        "newly_unpriced": delta.newly_unpriced,
    }


def _close(ledger: Ledger, _book: PriceBook, arguments: Arguments) -> Document:
    period = period_named(_said(arguments, "period"))
    said = {"by": _said(arguments, "by"), "reason": _said(arguments, "reason")}
    close_period(ledger, period, **said, now_ns=time.time_ns())
    return {"period": period.name, "closed": True}


def _reopen(ledger: Ledger, _book: PriceBook, arguments: Arguments) -> Document:
    period = period_named(_said(arguments, "period"))
    said = {"by": _said(arguments, "by"), "reason": _said(arguments, "reason")}
    reopen_period(ledger, period, **said, now_ns=time.time_ns())
    return {"period": period.name, "closed": False}


def _said(arguments: Arguments, name: str) -> str:
    values = arguments.get(name, ())
    if not values or not values[0].strip():
        raise BadQuery(f"{name} is needed: it stays on record.")
    return values[0]


def _flag(arguments: Arguments, name: str) -> bool:
    value = next(iter(arguments.get(name, ())), "false").lower()
    if value not in ("true", "false"):
        raise BadQuery(f"{name} must be true or false, not {value!r}.")
    return value == "true"


_WHO = (
    Parameter("by", "Who says so.", metavar="NAME"),
    Parameter("reason", "Why.", metavar="TEXT"),
)
_CLOSING = (
    Parameter("period", "A month such as 2026-10, or days such as 2026-10-01..2026-10-15, in UTC.", metavar="PERIOD"),
    *_WHO,
)

REPRICE = Action(
    "reprice",
    "/v1/reprice",
    "Price settled calls anew by the prices in force now.",
    (
        Parameter("from", "Only calls that started at or after this date or time.", metavar="WHEN"),
        Parameter("to", "Only calls that started before this time, or up to the end of this date.", metavar="WHEN"),
        Parameter("provider", "Only calls of this provider.", many=True),
        Parameter("model", "Only calls of this model.", many=True),
        Parameter("dry_run", "true: only say what would change.", choices=("true", "false")),
        Parameter("adjust", "true: book what changes in closed periods as adjustments.", choices=("true", "false")),
        *_WHO,
    ),
    _reprice,
)
CLOSE = Action("close", "/v1/periods/close", "Close a period: its calls keep their price.", _CLOSING, _close)
REOPEN = Action("reopen", "/v1/periods/reopen", "Let the prices of a closed period change again.", _CLOSING, _reopen)
ACTIONS = (REPRICE, CLOSE, REOPEN)
