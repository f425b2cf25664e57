"""`spanledger explain`."""

from decimal import Decimal

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import NOTHING, notes, reason, seconds
from spanledger_collector.cli.output import Cell, Column, Table, Unknown, as_table, printable
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document
from spanledger_collector.ledger.queries.question import plain_decimal

__all__ = ["explain"]

_CHARGES = (
    Column("call_id", only="csv"),
    Column("meter"),
    Column("quantity", "count"),
    Column("unit"),
    Column("price_usd", "exact", "price USD"),
    Column("per", "count"),
    Column("unit_price_usd", "exact", only="csv"),
    Column("amount_usd", "exact", "= amount USD"),
    Column("conditions"),
    Column("price_entry_id", title="price entry"),
    Column("effective_from_at", "time", "in force from (UTC)"),
    Column("effective_to_at", "time", only="csv"),
    Column("source"),
)
_NOTHING_SAID = "nothing"
_APART = ("input_tokens_above", "window")
"""Conditions that read better without their names."""
_TEXT = """One call, walked back to unit prices and to the spans it was read from.

CALL_OR_SPAN_ID is the id of a call or of one of its spans, or the first six or more digits of it. Every charge is
quantity x price / per = amount, with nothing rounded. CSV has the charges only.
"""


def _table(document: Document) -> Table:
    call = document["call"]
    return Table(
        columns=_CHARGES,
        rows=[_row({**charge, "call_id": call["call_id"]}, _CHARGES) for charge in document["charges"]],
        document=document,
        drawing="\n\n".join(block for block in _blocks(document) if block),
    )


def _blocks(document: Document) -> list[str]:
    return [
        "\n".join(f"{label:<11} {printable(text)}" for label, text in _facts(document["call"]) if text),
        _charges(document),
        _by_list(document),
        "\n".join(map(_adjustment, document["adjustments"])),
        _without_price(document),
        "Read from:\n" + "\n".join(_source(source) for source in document["sources"]),
        _history(document),
        "\n".join(notes(document)),
    ]


def _facts(call: Document) -> list[tuple[str, str]]:
    asked = f" (asked for {call['request_model']})" if call["request_model"] not in (None, call["model"]) else ""
    by = f"provider {call['provider']}" if call["provider"] else "provider unknown"
    who = [f"{name} {call[name]}" for name in ("user", "org", "session", "workflow", "feature") if call[name]]
    who += [f"{name} {value}" for name, value in sorted(call["dimensions"].items())]
    bounds = (call["cost_low_usd"], call["cost_high_usd"])
    return [
        ("call", f"{call['call_id']}, revision {call['revision']}"),
        ("started", f"{call['started_at'].replace('T', ' ').removesuffix('Z')} UTC, took {seconds(call)}"),
        ("trace", f"{call['trace_id']}, span {call['span_id']}"),
        ("service", call["service"]),
        ("model", f"{call['model'] or 'unknown'}{asked}, {by}, operation {call['operation']}"),
        ("response", call["response_id"] or ""),
        ("tier", call["service_tier"] or ""),
        ("error", call["error_type"] or ""),
        ("who", ", ".join(who)),
        ("usage", " because ".join(filter(None, (call["usage_status"], call["usage_evidence"])))),
        ("price", ": ".join(filter(None, (call["price_status"], "; ".join(map(reason, call["price_reasons"])))))),
        ("cost", "unknown" if call["cost_usd"] is None else f"{call['cost_usd']} USD"),
        ("bounds", "" if None in bounds or bounds[0] == bounds[1] else f"from {bounds[0]} to {bounds[1]} USD"),
        ("reported", _said_cost(call, "reported_cost_usd", "by the provider")),
        ("emitted", _said_cost(call, "emitter_cost_usd", "by the emitter's own prices")),
        ("flags", ", ".join(call["flags"])),
    ]


def _said_cost(call: Document, name: str, by: str) -> str:
    """What somebody else says that the call cost, and how far ours is from it."""
    said, cost = call[name], call["cost_usd"]
    if said is None:
        return ""
    apart = Decimal(0) if cost is None else Decimal(cost) - Decimal(said)
    beside = f"; ours is {plain_decimal(abs(apart))} USD {'more' if apart > 0 else 'less'}" if apart else ""
    return f"{said} USD, {by}{beside}"


def _charges(document: Document) -> str:
    charges = document["charges"]
    if not charges:
        return "No charges."
    book = f"{charges[0]['price_book_name'] or 'price book'} {document['call']['price_book'][:12]}"
    columns = tuple(column for column in _CHARGES if column.name != "conditions" or any(map(_conditions, charges)))
    table = Table(
        columns,
        [_row(charge, columns) for charge in charges],
        sums=[_row({"meter": "sum", "amount_usd": document["charged_usd"]}, columns)],
    )
    return f"Charges, by {book} (quantity x price / per = amount):\n{as_table(table)}"


def _conditions(charge: Document) -> str:
    """What the price is for, where it is not for every call; `*` is no condition."""
    conditions: Document = charge.get("conditions") or {}
    above, window = conditions.get("input_tokens_above"), conditions.get("window")
    named = [f"{name}={value}" for name, value in conditions.items() if name not in _APART and value != "*"]
    return "; ".join([*named, *([f"input>{above}"] if above is not None else []), *([window] if window else [])])


def _by_list(document: Document) -> str:
    """What a contract or an organisation's own price changes."""
    by_list, cost = document["list_cost_usd"], document["call"]["cost_usd"]
    return f"By list prices it would cost {by_list} USD." if by_list is not None and by_list != cost else ""


def _adjustment(booked: Document) -> str:
    """What was booked later, because the period of the call was closed."""
    at = booked["booked_at"][:19].replace("T", " ")
    said = f"Adjusted {at} UTC by {booked['amount_usd']} USD to {booked['new_cost_usd']} USD"
    return printable(f"{said}, as {booked['period']} was closed; {booked['booked_by']}: {booked['reason']}")


def _without_price(document: Document) -> str:
    missing = ", ".join(f"{meter['quantity']} {meter['meter']}" for meter in document["meters_without_price"])
    return f"Counted, but without a price: {missing}." if missing else ""


def _source(source: Document) -> str:
    """What one span said, and what was taken from it."""
    scope = " ".join(filter(None, (source["scope_name"], source["scope_version"])))
    counted = [f"{count} {meter}" for meter, count in source["meters"].items() if Decimal(count)]
    zero = [meter for meter, count in source["meters"].items() if not Decimal(count)]
    said = ", ".join([*counted, *([f"zero {', '.join(zero)}"] if zero else [])]) or "no usage"
    lines = (
        f"{source['part']:<8}{_named(source)}, emitted by {scope or 'an unnamed scope'}",
        f"        read as {source['dialect']} by {source['rule']}, said: {said}{_costs(source)}",
        f"        why: {source['reason']}{_disagreement(source)}",
        f"        flags: {', '.join(source['flags'])}" if source["flags"] else "",
    )
    return "\n".join(printable(line) for line in lines if line)


def _named(source: Document) -> str:
    what = "log record" if source["kind"] == "unspecified" else "span"
    elsewhere = "" if source["same_trace"] else f" in trace {source['trace_id']}"
    return f"{what} {source['span_id']} {source['name'] or ''}{elsewhere}"


def _costs(source: Document) -> str:
    """What others say that it cost."""
    told = (("the provider's own price", "reported_cost_usd"), ("the emitter's own sum", "emitter_cost_usd"))
    return "".join(f"; {words} {source[name]} USD" for words, name in told if source[name] is not None)


def _disagreement(source: Document) -> str:
    return "".join(
        f"; says {other['said']} {other['count'].replace('_', ' ')}, believed {other['believed']}"
        for other in source["disagrees"]
    )


def _history(document: Document) -> str:
    lines: list[str] = []
    for old in document["history"]:
        when = old["superseded_at"][:19].replace("T", " ")
        lines.append(f"Revision {old['revision']} was superseded {when} UTC: {old['reason']}")
        lines += [f"        {_change(change)}" for change in old["changes"]]
    return "\n".join(printable(line) for line in lines)


def _change(change: Document) -> str:
    before, after = (_NOTHING_SAID if text is None else text for text in (change["before"], change["after"]))
    return f"{change['column']}: {before} -> {after}"


def _row(values: Document, columns: tuple[Column, ...]) -> list[Cell]:
    """Cells by the names of the columns. A charge whose price entry is not kept shows its unit price."""
    if values.get("price_usd") is None and values.get("unit_price_usd") is not None:
        values = {**values, "price_usd": values["unit_price_usd"], "per": 1}
    if "price_entry_id" in values:
        values = {**values, "conditions": _conditions(values)}
        if values["effective_from_at"] is None:
            values["effective_from_at"] = Unknown("no date")
    return [values.get(column.name, NOTHING) for column in columns]


explain = question_command(QUESTION_BY_NAME["explain"], _table, _TEXT)
