"""`spanledger usage`."""

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import cost_of_group, cut_note, notes, period_note, plural
from spanledger_collector.cli.output import Cell, Column, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["usage"]

_MEASURES = (
    Column("calls", "count"),
    Column("input_tokens", "count", "input"),
    Column("cache_read_tokens", "count", "cache read"),
    Column("cache_write_tokens", "count", "cache write"),
    Column("output_tokens", "count", "output"),
    Column("reasoning_tokens", "count", "reasoning"),
    Column("total_tokens", "count", only="csv"),
    Column("cost_usd", "usd", "cost USD"),
    Column("unpriced_calls", "count", "unpriced"),
    Column("unmetered_calls", "count", "unmetered"),
    Column("estimated_calls", "count", only="csv"),
    Column("failed_calls", "count", "failed"),
)

_TEXT = """Tokens and cost, by any dimension.

Input contains what was read from and written to a cache, and output contains reasoning, as OpenTelemetry's conventions
define them. A cost is the sum of the costs that are known; the columns beside it say how many calls are not in it.

\b
Examples:
  spanledger usage --by user,model --period month
  spanledger usage --by day --from 2026-11-01 --to 2026-11-30 --tz Europe/Berlin
  spanledger usage --by dim:team --feature search --format csv
"""


def _table(document: Document) -> Table:
    by = document["by"]
    total = document["total"]
    columns = (*(Column(name, title=name) for name in by), *_MEASURES)
    rows = [[*(row[name] for name in by), *_measures(row)] for row in document["rows"]]
    names = ["total", *[""] * (len(by) - 1)] if by else []
    return Table(
        columns=columns,
        rows=rows if by else [_measures(total)],
        document=document,
        heading=period_note(document),
        sums=[[*names, *_measures(total)]] if by else (),
        footnotes=[*notes(document, total), *_adjustments(document)],
        cut=cut_note(document, "groups", document["limit"]),
    )


def _adjustments(document: Document) -> list[str]:
    """What was booked in the period for calls of closed ones, which are in none of the sums."""
    booked = document["adjustments"]
    if not booked["count"]:
        return []
    return [
        f"{plural(booked['count'], 'adjustment')} of closed periods booked in this time, in no sum above: "
        f"{booked['amount_usd']} USD."
    ]


def _measures(row: Document) -> list[Cell]:
    return [cost_of_group(row) if column.name == "cost_usd" else row[column.name] for column in _MEASURES]


usage = question_command(QUESTION_BY_NAME["usage"], _table, _TEXT)
