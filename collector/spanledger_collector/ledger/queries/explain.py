"""One call, walked back: each charge as arithmetic, the spans it was read from, and what it was before."""

import json
from decimal import Decimal
from typing import Final

from spanledger_collector.ledger.priced_calls import call_of
from spanledger_collector.ledger.queries.find import find_call
from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading, plain_decimal
from spanledger_collector.ledger.sql import query
from spanledger_collector.pricing import price
from spanledger_collector.totals import totals_of

__all__ = ["EXPLAIN"]

_TOTALS: Final = ("input_tokens", "output_tokens")


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
        "list_cost_usd": _by_list(reading, call, charges),
        "adjustments": reading.rows("call_adjustments", parameters),
        "meters_without_price": reading.rows("call_meters_without_price", parameters),
        "sources": _compared([_with_reading(row) for row in reading.rows("call_sources", parameters)]),
        "history": _with_changes(
            reading, call_id, [_with_body(row) for row in reading.rows("call_history", parameters)]
        ),
    }


def _by_list(reading: Reading, call: Document, charges: list[Document]) -> str | None:
    """What the call costs by list prices: its cost where it was charged by these, else by the list in force now; null
    where the list has no price for everything in it."""
    conditions: list[Document] = [charge["conditions"] or {} for charge in charges]
    if all(said.get("layer", "list") == "list" for said in conditions):
        return call["cost_usd"]
    row = reading.cursor.execute(query("queries.call_inputs"), {"call_id": call["call_id"]}).fetchall()[0]
    cost = price(call_of(row), reading.book().of_list()).cost_usd
    return None if cost is None else plain_decimal(cost)


def _with_conditions(row: Document) -> Document:
    return {**row, "conditions": _parsed(row["conditions"])}


def _with_reading(row: Document) -> Document:
    """A source with what its span said, so that it is plain what was believed."""
    said = _parsed(row.pop("reading")) or {}
    meters = said.get("meters", {})
    totals = totals_of({meter: Decimal(quantity) for meter, quantity in meters.items()})
    return {
        **row,
        "flags": said.get("flags", []),
        "meters": meters,
        "input_tokens": None if totals.input is None else plain_decimal(Decimal(totals.input)),
        "output_tokens": None if totals.output is None else plain_decimal(Decimal(totals.output)),
        "reported_cost_usd": said.get("reported_cost_usd"),
        "emitter_cost_usd": said.get("emitter_cost_usd"),
    }


def _compared(sources: list[Document]) -> list[Document]:
    """Each with the totals in which it says something else than the span that was believed."""
    believed = next((source for source in sources if source["part"] == "usage"), None)
    for source in sources:
        source["disagrees"] = [
            {"count": count, "said": source[count], "believed": believed[count]}
            for count in _TOTALS
            if believed is not None
            and source["part"] == "merged"
            and None not in (source[count], believed[count])
            and source[count] != believed[count]
        ]
    return sources


def _with_changes(reading: Reading, call_id: str, history: list[Document]) -> list[Document]:
    """Each superseded revision, the newest first, with what the one after it says otherwise."""
    if not history:
        return []
    # Only now, because these need the database's own packages, which a client of the API does not have.
    from spanledger_collector.ledger.differences import changes  # noqa: PLC0415
    from spanledger_collector.ledger.stored_calls import body_of_call  # noqa: PLC0415

    after = body_of_call(reading.cursor, call_id)
    for old in history:
        old["changes"] = [change._asdict() for change in changes(old["body"], after)]
        after = {**after, **old["body"]}
    return history


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
