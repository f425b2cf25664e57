"""`spanledger trace`."""

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import NOTHING, cost_of_group, cut_note, notes, plural, reason, seconds
from spanledger_collector.cli.output import Cell, Column, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["trace"]

_COLUMNS = (
    Column("tree", title="span", only="table"),
    Column("span_id", only="csv"),
    Column("parent_span_id", only="csv"),
    Column("depth", "count", only="csv"),
    Column("name", only="csv"),
    Column("kind", only="csv"),
    Column("service", only="csv"),
    Column("started_at", "time", only="csv"),
    Column("ended_at", "time", only="csv"),
    Column("took", "exact", only="table"),
    Column("model"),
    Column("calls", "count", only="csv"),
    Column("input_tokens", "count", "input"),
    Column("output_tokens", "count", "output"),
    Column("cost_usd", "usd", "cost USD"),
    Column("unpriced_calls", "count", only="csv"),
    Column("unmetered_calls", "count", only="csv"),
    Column("call_ids", only="csv"),
    Column("note", title=""),
)

_TEXT = """One trace as a tree of spans, with what it cost.

TRACE_ID is the id of a trace, or its first six or more digits. The numbers of a span are those of all calls on it and
below it. A span that is part of a call counted elsewhere says so: every call is counted once.
"""


def _table(document: Document) -> Table:
    spans = document["spans"]
    total = document["total"]
    heading = f"trace {document['trace_id']}, {seconds(document)}, {plural(total['calls'], 'call')}"
    return Table(
        columns=_COLUMNS,
        rows=[_row(span, tree) for span, tree in zip(spans, _branches(spans), strict=True)],
        document=document,
        heading=heading,
        sums=[_sum(total)],
        footnotes=notes(document, total),
        cut=cut_note(document, "spans", document["limit"]),
    )


def _row(span: Document, tree: str) -> list[Cell]:
    known = {**span, **span["subtree"]} if span["subtree"]["calls"] else {**span, "calls": 0}
    shown: dict[str, Cell] = {
        "tree": f"{tree}{span['name'] or '(span not kept)'}",
        "took": seconds(span),
        "model": ", ".join(dict.fromkeys(call["model"] or "(unknown)" for call in span["calls"])) or NOTHING,
        "cost_usd": cost_of_group(span["subtree"]) if span["subtree"]["calls"] else NOTHING,
        "call_ids": " ".join(call["call_id"] for call in span["calls"]),
        "note": _note(span) or NOTHING,
    }
    return [shown[column.name] if column.name in shown else known.get(column.name, NOTHING) for column in _COLUMNS]


def _sum(total: Document) -> list[Cell]:
    shown: dict[str, Cell] = {**total, "tree": "total", "cost_usd": cost_of_group(total)}
    return [shown.get(column.name, NOTHING) for column in _COLUMNS]


def _note(span: Document) -> str:
    """What is odd about the span's own calls, what is missing from its sum, and where it is counted."""
    said = [trouble for call in span["calls"] for trouble in _troubles(call)]
    missing = span["subtree"]["unpriced_calls"]
    if missing and not span["calls"]:
        said.append(f"without {plural(missing, 'call')} of unknown cost")
    said += [f"part of call {source['call_id'][:12]}" for source in span["counted_in"]]
    return "; ".join(dict.fromkeys(said))


def _troubles(call: Document) -> list[str]:
    codes = [] if call["price_status"] == "priced" else [*call["price_reasons"]] or [call["price_status"]]
    usage = [] if call["usage_status"] == "metered" else [call["usage_status"]]
    return [*usage, *map(reason, codes), *([f"error {call['error_type']}"] if call["error_type"] else [])]


def _branches(spans: list[Document]) -> list[str]:
    """The lines before each span's name, from the depths alone: read from the last to the first."""
    drawn: list[str] = []
    goes_on: list[bool] = []  # per depth: whether a sibling follows further down
    for span in reversed(spans):
        depth: int = span["depth"]
        goes_on = [*goes_on[: depth + 1], *[False] * (depth + 1 - len(goes_on))]
        bars = "".join("│  " if follows else "   " for follows in goes_on[1:depth])
        drawn.append("" if depth == 0 else bars + ("├─ " if goes_on[depth] else "└─ "))
        goes_on[depth] = True
    return drawn[::-1]


trace = question_command(QUESTION_BY_NAME["trace"], _table, _TEXT)
