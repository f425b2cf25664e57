"""`spanledger sql`."""

import json

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.output import Cell, Column, Kind, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document

__all__ = ["sql"]

_TEXT = """The answer to one reading SQL statement, in DuckDB's dialect.

The names of tables, views and columns are documented and stay: `spanledger sql 'SHOW TABLES'` lists them. Statements
that write, or reach outside the ledger, are refused. JSON is a list of objects.

\b
Example:
  spanledger sql "SELECT feature, sum(cost_usd) FROM calls GROUP BY ALL ORDER BY 2 DESC"
"""


def _table(document: Document) -> Table:
    names = [column["name"] for column in document["columns"]]
    limit = document["limit"]
    return Table(
        columns=tuple(Column(column["name"], _kind(column["type"]), column["name"]) for column in document["columns"]),
        rows=[[_cell(value) for value in row] for row in document["rows"]],
        document=[dict(zip(names, row, strict=True)) for row in document["rows"]],
        cut=f"Cut: these are the first {limit:,} rows only; narrow the statement." if document["cut"] else None,
    )


def _kind(type_name: str) -> Kind:
    """Numbers as they are: nothing says what a column of somebody's own statement means."""
    numbers = (
        "DECIMAL",
        "DOUBLE",
        "FLOAT",
        "HUGEINT",
        "BIGINT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "UINTEGER",
        "UBIGINT",
    )
    return "exact" if type_name.startswith(numbers) and not type_name.endswith("]") else "text"


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


sql = question_command(QUESTION_BY_NAME["sql"], _table, _TEXT)
