"""A ledger of each older schema, with rows in it: opened it is migrated, and nothing in it is lost or counted anew."""

from pathlib import Path

import duckdb
import pytest
from settling_bench import SettlingBench, settling_bench
from tests.observed import NATIVE, make_span, whole_reading

from spanledger_collector.journal.reading import READINGS, StoredReading
from spanledger_collector.ledger import store
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.ledger.sql import migrations
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.pricing import shipped_book

OLDER = [version for version, _ in migrations()[:-1]]
BILLS = 8
"""The schema since which charges and meters may follow from a bill."""
SOURCES = 9
"""The schema since which the source of a call that has but one follows from the call."""
_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?
"""
_COLUMNS = """
SELECT column_name FROM duckdb_columns() WHERE (database_name, schema_name, table_name) = (?, ?, ?)
"""
_READINGS = f"SELECT seq, {', '.join(READINGS.columns)} FROM new.store.observations"
_RESPONSE_KEYS = """
INSERT INTO old.store.response_keys SELECT DISTINCT id_key FROM old.store.settle_index WHERE id_key IS NOT NULL
"""


def call(number: int, *, trace: int | None = None, start: float | None = None, unmetered: bool = False) -> ReceivedSpan:
    """A call of our own instrumentation; its number is that of its answer."""
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.id": f"msg_{number:012}",
    }
    usage = {"gen_ai.usage.input_tokens": 100 + number, "gen_ai.usage.output_tokens": 50}
    begun = 100 * number if start is None else start
    attributes = said if unmetered else {**said, **usage}
    return make_span(attributes, trace=trace or number, span=trace or number, start=begun, end=begun + 1)


def told_again(number: int, *, trace: int, span: int) -> ReceivedSpan:
    """The same call, as the SDK itself tells it, in the same trace."""
    first = call(number, trace=trace)
    start = 100 * number
    return make_span(first.attributes, NATIVE, trace=trace, span=span, parent=trace, start=start, end=start + 1)


CALLED = [call(number, unmetered=number % 5 == 0) for number in range(1, 20)]
OTHERS = [make_span({"http.route": "/"}, trace=number, span=1000 + number, parent=number) for number in range(1, 8)]
REPEATED = [call(3, trace=103, start=1e6), told_again(4, trace=4, span=2004)]
"""An answer from a cache, and a call that two tell of."""


def made(db: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger as the schema of that version had it, with what today's server would have stored in its columns, and
    the readings as they were written then."""
    newest = db.with_name("newest.duckdb")
    with settling_bench(newest) as bench:
        for spans in (CALLED[:10], CALLED[10:], OTHERS, REPEATED):
            bench.settle(*spans)
        bench.settler.settle_pending()
    with monkeypatch.context() as patched:
        patched.setattr(store, "migrations", lambda: tuple(each for each in migrations() if each[0] <= version))
        Ledger.open(db).close()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{newest}' AS new (READ_ONLY)")
        connection.execute(f"ATTACH '{db}' AS old")
        tables = set(connection.execute(_TABLES, ["new"]).fetchall())
        for schema, table in tables & set(connection.execute(_TABLES, ["old"]).fetchall()):
            _copy(connection, schema, table)
        for seq, *columns in connection.execute(_READINGS).fetchall():
            whole = whole_reading(StoredReading._make(columns))
            connection.execute("UPDATE old.store.observations SET reading = ? WHERE seq = ?", [whole, seq])
        for since, schema, view in (
            (BILLS, "main", "charges"),
            (BILLS, "main", "call_meters"),
            (SOURCES, "store", "call_sources"),
        ):
            if version < since:  # a table then
                _copy(connection, schema, view)
        if ("store", "response_keys") in connection.execute(_TABLES, ["old"]).fetchall():
            connection.execute(_RESPONSE_KEYS)
    newest.unlink()


def _copy(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    """The rows of a table, in the columns that both have."""
    new, old = (
        {name for (name,) in connection.execute(_COLUMNS, [database, schema, table]).fetchall()}
        for database in ("new", "old")
    )
    names = ", ".join(f'"{name}"' for name in sorted(new & old))
    where = "WHERE key NOT IN ('schema_version', 'read_by')" if table == "meta" else ""
    connection.execute(
        f'INSERT INTO old.{schema}."{table}" ({names}) SELECT {names} FROM new.{schema}."{table}" {where}'
    )


def counted(bench: SettlingBench) -> list[tuple[object, ...]]:
    """What the ledger says of its calls."""
    asked = "SELECT call_id, sources, revision, input_tokens, cost_usd, price_status, flags FROM calls ORDER BY call_id"
    return bench.ask(asked)


def replays(calls: list[tuple[object, ...]]) -> int:
    """How many of them are answers from a cache, which cost nothing."""
    return sum(row[-1] == ["cache_replay"] for row in calls)


@pytest.mark.parametrize("version", OLDER)
def test_it_is_brought_up_to_date_and_goes_on(db: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made(db, version, monkeypatch)
    spans = len(CALLED) + len(OTHERS) + len(REPEATED)
    with settling_bench(db) as bench:
        assert bench.ask("SELECT value FROM meta WHERE key = 'schema_version'") == [(str(migrations()[-1][0]),)]
        assert bench.ask("SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM spans") == [(spans, spans)]
        before = counted(bench)
        assert len(before) == len(CALLED) + 1, "who tells again of a call is none; an answer from a cache is one"
        found = rebuild(bench.ledger, shipped_book())
        assert (found.equal, found.reread, found.calls) == (True, 0, len(before)), found.examples

        bench.settle(*CALLED, *OTHERS)
        assert bench.ask("SELECT count(*) FROM spans") == [(spans,)], "sent again"
        assert bench.ask("SELECT count(*) FROM conflicts") == [(0,)]
        bench.settle(told_again(7, trace=7, span=2007), call(8, trace=108, start=2e6), call(30))
        after = counted(bench)
        assert len(after) == len(before) + 2, "a replay and a new call"
        assert (replays(after), replays(before)) == (2, 1), "the id is known from before"
        found = rebuild(bench.ledger, shipped_book())
        assert found.equal, found.examples


def test_tables_are_in_the_end_those_of_a_new_file(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same columns of tables and views, whether a file was migrated step by step or made at once."""
    columns = "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() ORDER BY ALL"
    constraints = "SELECT schema_name, table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL"
    made(db, OLDER[0], monkeypatch)
    with Ledger.open(db) as old, Ledger.open(db.with_name("new.duckdb")) as new:
        for asked in (columns, constraints):
            with old.cursor() as one, new.cursor() as other:
                assert one.execute(asked).fetchall() == other.execute(asked).fetchall()
