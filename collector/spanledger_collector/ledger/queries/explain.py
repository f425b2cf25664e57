"""One call, walked back: each charge as arithmetic, the spans it was read from, and what it was before."""

import json
from decimal import Decimal

from spanledger_collector.ledger.queries.find import find_call
from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading, plain_decimal

__all__ = ["EXPLAIN"]


def _explain(reading: Reading) -> Document:
    call_id = find_call(reading, reading.required("id"))
    call = reading.rows("calls", {"call_id": call_id, "limit": 1}, conditions="call_id = $call_id")[0]
    parameters = {name: call[name] for name in ("call_id", "revision", "started_at", "price_book")}
    charges = [_with_conditions(row) for row in reading.rows("call_charges", parameters)]
    amounts = [Decimal(charge["amount_usd"]) for charge in charges]
    return {
        **freshness(reading),
        "call": call,
        "charges": charges,
        "charged_usd": plain_decimal(sum(amounts, Decimal())) if amounts else None,
        "meters_without_price": reading.rows("call_meters_without_price", parameters),
        "sources": [_with_reading(row) for row in reading.rows("call_sources", parameters)],
        "history": [_with_body(row) for row in reading.rows("call_history", parameters)],
    }


def _with_conditions(row: Document) -> Document:
    return {**row, "conditions": _parsed(row["conditions"])}


def _with_reading(row: Document) -> Document:
    """A source with what its span said, so that it is plain what was believed."""
    said = _parsed(row.pop("reading")) or {}
    return {**row, "flags": said.get("flags", []), "meters": said.get("meters", {})}


def _with_body(row: Document) -> Document:
    return {**row, "body": _parsed(row["body"])}


def _parsed(text: str | None) -> Document | None:
    """JSON from the ledger, its numbers with a fraction kept exact as text."""
    return None if text is None else json.loads(text, parse_float=str)


EXPLAIN = Question(
    "explain",
    "/v1/calls/{id}/explain",
    "One call, walked back to unit prices and to the spans it was read from.",
    _explain,
    (
        Parameter(
            "id",
            "The call or one of its spans, or the first six or more digits of its id.",
            metavar="CALL_OR_SPAN_ID",
            in_path=True,
        ),
    ),
)
