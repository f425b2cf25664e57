"""`spanledger status`."""

from typing import cast

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import READ_BY_OLDER_RULES, plural
from spanledger_collector.cli.output import Column, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document
from spanledger_collector.ledger.queries.status import OLDER_RULES

__all__ = ["status"]

_TEXT = """What has arrived and what the ledger holds.

A running server also says which file it keeps and what it has counted since its start: received spans and refused ones
by reason.
"""


def _table(document: Document) -> Table:
    return Table(
        columns=(Column("what"), Column("value", "exact")),
        rows=[[name, _text(value)] for name, value in _flat(document)],
        document=document,
        footnotes=_notes(document),
    )


def _notes(document: Document) -> list[str]:
    notes: list[str] = []
    if document.get("read_by") == OLDER_RULES:
        notes.append(READ_BY_OLDER_RULES)
    if document.get("trouble"):
        notes.append(f"{document['trouble']} The server's log says more; it tries again.")
    count = document["set_aside"]
    if count:
        notes.append(
            f"{plural(count, 'observation')} could not be settled and {'is' if count == 1 else 'are'} in no sum: "
            '`spanledger sql "FROM set_aside"` says why, `spanledger rebuild` tries again.'
        )
    return notes


def _flat(document: Document, *outer: str) -> list[tuple[str, object]]:
    """What is nested as one list of names and values; in a list of counts, the last value of each row is the count."""
    found: list[tuple[str, object]] = []
    for name, value in document.items():
        if isinstance(value, dict):
            found += _flat(cast("Document", value), *outer, name)
        elif isinstance(value, list):
            for row in cast("list[Document]", value):
                *labels, count = row.values()
                found.append((" ".join([*outer, name, *labels]), count))
        else:
            found.append((" ".join([*outer, name]), value))
    return found


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():  # counters of the process
        value = int(value)
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, str) else None


status = question_command(QUESTION_BY_NAME["status"], _table, _TEXT)
