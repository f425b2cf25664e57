"""One trace as a tree of spans, with the calls on them and what each subtree cost."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from spanledger_collector.ledger.queries.find import find_trace, halves
from spanledger_collector.ledger.queries.freshness import freshness
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading, plain_decimal

__all__ = ["TRACE"]

_MEASURES = ("input_tokens", "output_tokens", "total_tokens")
_PRICED = ("priced", "free")


def _trace(reading: Reading) -> Document:
    trace_id = find_trace(reading, reading.required("trace_id"))
    limit = reading.whole_number("limit", at_least=1, at_most=100_000)
    hi, lo = halves(trace_id)
    parameters = {"trace_id": trace_id, "hi": hi, "lo": lo, "limit": None}
    calls = reading.rows("calls", parameters, conditions="trace_id = $trace_id")
    spans = _with_calls(reading.rows("trace_spans", parameters), calls)
    for source in reading.rows("trace_sources", parameters):
        if (span := spans.get(source.pop("span_id"))) is not None:
            span["counted_in"].append(source)
    nodes = list(_tree(spans))
    _roll_up(nodes)
    return {
        **freshness(reading),
        "trace_id": trace_id,
        "started_at": min((span["started_at"] for span in spans.values()), default=None),
        "ended_at": max((span["ended_at"] for span in spans.values()), default=None),
        "total": _sum(calls, ()),
        "spans": nodes[:limit],
        "limit": limit,
        "cut": len(nodes) > limit,
    }


def _with_calls(rows: list[Document], calls: list[Document]) -> dict[str, Document]:
    """All spans by id, each with its calls; a call whose span is not kept (any more) stands for it."""
    spans: dict[str, Document] = {row["span_id"]: {**row, "calls": [], "counted_in": []} for row in rows}
    for call in reversed(calls):  # oldest first
        if call["span_id"] not in spans:
            spans[call["span_id"]] = _missing_span(call)
        spans[call["span_id"]]["calls"].append(call)
    return spans


def _missing_span(call: Document) -> Document:
    unknown = dict.fromkeys(("parent_span_id", "name", "kind", "status", "peer_host"))
    known = {name: call[name] for name in ("span_id", "service", "started_at", "ended_at")}
    return {**unknown, **known, "calls": [], "counted_in": []}


def _tree(spans: dict[str, Document]) -> Iterator[Document]:
    """Every span once, parents before children, siblings by start, each with its `depth`.

    A span whose parent is not here is a root; so is the earliest of spans that are each other's ancestors.
    """
    children: dict[str | None, list[Document]] = {}
    for span in sorted(spans.values(), key=_by_start):
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in spans else None, []).append(span)
    seen: set[str] = set()
    for root in [*children.get(None, ()), *sorted(spans.values(), key=_by_start)]:
        waiting = [(root, 0)]
        while waiting:
            span, depth = waiting.pop()
            if span["span_id"] in seen:
                continue
            seen.add(span["span_id"])
            yield {**span, "depth": depth, "parent_known": span["parent_span_id"] in spans}
            waiting += [(child, depth + 1) for child in reversed(children.get(span["span_id"], []))]


def _by_start(span: Document) -> tuple[str, str]:
    return span["started_at"], span["span_id"]


def _roll_up(nodes: list[Document]) -> None:
    """Give every span a `subtree`: the calls on it and below it, summed. `nodes` are in the order of `_tree`."""
    below: list[list[Document]] = []  # per depth: the subtrees of the children seen so far, from the last to the first
    for node in reversed(nodes):
        depth: int = node["depth"]
        below.extend([] for _ in range(depth + 2 - len(below)))
        node["subtree"] = _sum(node["calls"], below[depth + 1])
        below[depth + 1] = []
        below[depth].append(node["subtree"])


def _sum(calls: Iterable[Document], subtrees: Iterable[Document]) -> Document:
    """Sums of what is known; a sum of nothing known is unknown."""
    parts = [*subtrees, *(_as_sum(call) for call in calls)]
    costs = [Decimal(part["cost_usd"]) for part in parts if part["cost_usd"] is not None]
    counts = {name: sum(part[name] for part in parts) for name in ("calls", "unpriced_calls", "unmetered_calls")}
    tokens = {name: _known_sum(part[name] for part in parts) for name in _MEASURES}
    return {**counts, **tokens, "cost_usd": plain_decimal(sum(costs, Decimal())) if costs else None}


def _as_sum(call: Document) -> Document:
    return {
        "calls": 1,
        "unpriced_calls": int(call["price_status"] not in _PRICED),
        "unmetered_calls": int(call["usage_status"] == "unmetered"),
        "cost_usd": call["cost_usd"],
        **{name: call[name] for name in _MEASURES},
    }


def _known_sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


TRACE = Question(
    "trace",
    "/v1/traces/{trace_id}/cost",
    "One trace as a tree of spans, with what each subtree cost.",
    _trace,
    (
        Parameter(
            "trace_id", "The trace, or the first six or more digits of its id.", metavar="TRACE_ID", in_path=True
        ),
        Parameter("limit", "At most so many spans; the sums are over all of them.", "2000", metavar="N"),
    ),
)
