"""SQL that somebody wrote, run so that it can only read.

Three locks, because each alone has a gap: a single statement of a kind that reads (`COMMIT; INSERT ...` would leave
the transaction); a read-only transaction, which `answer` opens (DuckDB types `WITH x AS (INSERT ...) SELECT` SELECT);
and a database without access to files, whose settings are locked (`ledger.store`).
"""

import re
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, cast

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries.question import Document, Parameter, Question, Reading, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

__all__ = ["ROWS_AT_MOST", "SQL"]

ROWS_AT_MOST = 10_000
_READS = ("SELECT", "EXPLAIN")
_ACTS = re.compile(r"\s*pragma\b|.*\b(?:enable|disable)_logging\b", re.IGNORECASE | re.DOTALL)
"""Statements that change settings and pass for reading in DuckDB 1.5."""
# Python has no nanoseconds, and would need another package for zones: these leave the database as text.
_AS_TEXT = ("TIMESTAMP_NS", "WITH TIME ZONE")


def _sql(reading: Reading) -> Document:
    import duckdb  # noqa: PLC0415 - loaded already where there is a cursor; the list of queries must not load it

    try:
        relation = _relation(reading.cursor, reading.required("q"))
        columns = _columns(relation)
        rows = _as_text(relation, columns).limit(ROWS_AT_MOST + 1).fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise BadQuery(f"The database refuses this SQL: {error}") from error
    return {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": [[_plain(value) for value in row] for row in rows[:ROWS_AT_MOST]],
        "limit": ROWS_AT_MOST,
        "cut": len(rows) > ROWS_AT_MOST,
    }


def _relation(cursor: "duckdb.DuckDBPyConnection", text: str) -> "duckdb.DuckDBPyRelation":
    statements = cursor.extract_statements(text)
    if len(statements) != 1:
        raise BadQuery(f"Give one SQL statement, not {len(statements)}.")
    kind = "PRAGMA" if _ACTS.match(text) else statements[0].type.name
    if kind not in _READS:
        raise BadQuery(f"Only statements that read are allowed (SELECT, DESCRIBE, SHOW, EXPLAIN), not {kind}.")
    return cursor.sql(_without_end(text))


def _without_end(text: str) -> str:
    """One statement without its semicolon and what follows it: DuckDB puts the text into a larger one."""
    import duckdb  # noqa: PLC0415 - as above

    code = text.encode()
    ends = [place for place, _ in duckdb.tokenize(text) if code[place : place + 1] == b";"]
    return code[: ends[0]].decode() if ends else text


def _columns(relation: "duckdb.DuckDBPyRelation") -> list[tuple[str, str]]:
    """Names and types; a name that comes again gets a number, so that rows can be objects."""
    names: list[str] = []
    for name in relation.columns:
        others = (f"{name}_{number}" for number in count(1))
        names.append(name if name not in names else next(other for other in others if other not in names))
    return [(name, str(kind)) for name, kind in zip(names, relation.types, strict=True)]


def _as_text(relation: "duckdb.DuckDBPyRelation", columns: list[tuple[str, str]]) -> "duckdb.DuckDBPyRelation":
    if not any(_leaves_as_text(kind) for _, kind in columns):
        return relation
    return relation.project(
        ", ".join(
            f"CAST(#{place} AS VARCHAR)" if _leaves_as_text(kind) else f"#{place}"
            for place, (_, kind) in enumerate(columns, start=1)
        )
    )


def _leaves_as_text(kind: str) -> bool:
    return any(word in kind for word in _AS_TEXT)


def _plain(value: object) -> object:
    """A value for JSON; nothing loses precision."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


SQL = Question(
    "sql",
    "/v1/sql",
    f"The answer to one reading SQL statement, at most {ROWS_AT_MOST:,} rows of it.",
    _sql,
    (Parameter("q", "The SQL statement.", metavar="QUERY"),),
    posted_as="query",
)
