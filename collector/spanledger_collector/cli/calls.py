"""`spanledger calls`."""

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import NOTHING, cost_of_call, cut_note, notes, period_note
from spanledger_collector.cli.output import Cell, Column, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["calls"]

_COLUMNS = (
    Column("started_at", "time", "started (UTC)"),
    Column("ended_at", "time", only="csv"),
    Column("call_id", "id", "call"),
    Column("trace_id", "id", "trace"),
    Column("span_id", only="csv"),
    Column("service"),
    Column("provider", only="csv"),
    Column("operation", only="csv"),
    Column("model"),
    Column("user"),
    Column("org", only="csv"),
    Column("session", only="csv"),
    Column("workflow", only="csv"),
    Column("feature"),
    Column("input_tokens", "count", "input"),
    Column("cache_read_tokens", "count", only="csv"),
    Column("cache_write_tokens", "count", only="csv"),
    Column("output_tokens", "count", "output"),
    Column("reasoning_tokens", "count", only="csv"),
    Column("total_tokens", "count", only="csv"),
    Column("cost_usd", "usd", "cost USD"),
    Column("price_status", only="csv"),
    Column("usage_status", only="csv"),
    Column("error_type", title="error"),
    Column("response_id", only="csv"),
    Column("revision", "count", only="csv"),
)

_TEXT = """Calls, newest first.

The ids are shortened in the table; `spanledger explain` and `spanledger trace` take them so.
"""


def _table(document: Document) -> Table:
    return Table(
        columns=_COLUMNS,
        rows=[_row(call) for call in document["calls"]],
        document=document,
        heading=period_note(document),
        footnotes=notes(document, document["total"]),
        cut=cut_note(document, f"of {document['total']['calls']:,} calls", document["limit"]),
    )


def _row(call: Document) -> list[Cell]:
    shown = {**call, "cost_usd": cost_of_call(call), "error_type": call["error_type"] or NOTHING}
    return [shown[column.name] for column in _COLUMNS]


calls = question_command(QUESTION_BY_NAME["calls"], _table, _TEXT)
