"""The ledger file: made, migrated, refused in words, and filled from Arrow batches."""

import os
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from receiving import stored

from spanledger_collector.errors import LedgerLocked, LedgerMissing, LedgerUnreadable, SchemaTooNew, SchemaTooOld
from spanledger_collector.facts import Every
from spanledger_collector.ledger import store
from spanledger_collector.ledger.arrow import Inserter, Kind, Target
from spanledger_collector.ledger.runs import Runs
from spanledger_collector.ledger.sql import migrations
from spanledger_collector.ledger.store import ROWS_PER_GROUP, Ledger

LATEST = migrations()[-1][0]


def test_a_new_file_has_the_latest_schema_and_keeps_it(db: Path) -> None:
    for _ in range(2):
        with Ledger.open(db) as ledger:
            assert stored(ledger, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(LATEST),)]
            assert stored(ledger, "SELECT count(*) FROM usage") == [(0,)]
    with Ledger.open(db, read_only=True) as ledger:
        assert stored(ledger, "SELECT count(*) FROM spans") == [(0,)]


def test_the_database_keeps_no_more_in_memory_than_it_may(db: Path) -> None:
    with Ledger.open(db, memory_bytes=100 * 1024 * 1024) as ledger:
        assert stored(ledger, "SELECT current_setting('memory_limit')") == [("100.0 MiB",)]
        many = "SELECT count(DISTINCT h) FROM (SELECT hash(i) AS h FROM range(3_000_000) t(i))"
        assert stored(ledger, many) == [(3_000_000,)], "it uses the disk for what it cannot keep"


def test_work_in_large_steps_has_more_room_for_its_time(db: Path, caplog: pytest.LogCaptureFixture) -> None:
    def limit() -> str:
        [(found,)] = stored(ledger, "SELECT current_setting('memory_limit')")
        return found

    mib = 1024 * 1024
    with Ledger.open(db, memory_bytes=100 * mib) as ledger:
        with ledger.room_for(64 * mib):
            assert limit() == "100.0 MiB"
        with suppress(InterruptedError), ledger.room_for(192 * mib):
            assert limit() == "192.0 MiB"
            raise InterruptedError
        assert limit() == "100.0 MiB"
        many = "CREATE TEMP TABLE many AS SELECT hash(i) AS h, hash(i + 1) AS g FROM range(12_000_000) t(i)"
        with ledger.cursor() as cursor:
            cursor.execute("BEGIN")
            with ledger.room_for(300 * mib):
                cursor.execute(many)
            assert limit() == "100.0 MiB", "what can be written to the disk is"
            cursor.execute("ROLLBACK")
    assert not caplog.text
    with Ledger.open(db) as ledger:
        before = limit()
        with ledger.room_for(64 * mib):
            assert limit() == before, "there is no limit to be raised"


def row_groups(ledger: Ledger) -> list[tuple[int]]:
    sql = "SELECT DISTINCT row_group_id FROM pragma_storage_info('numbers') ORDER BY ALL"
    return stored(ledger, sql)


def test_only_reclaiming_merges_row_groups_that_are_not_full(ledger: Ledger) -> None:
    with ledger.cursor() as cursor:
        cursor.execute("CREATE TABLE numbers AS SELECT i FROM range(100) t(i)")
        for _ in range(2):
            ledger.checkpoint()
            cursor.execute("INSERT INTO numbers SELECT i FROM range(100) t(i)")
        ledger.checkpoint()
        assert row_groups(ledger) == [(0,), (1,), (2,)]
        cursor.execute("DELETE FROM numbers WHERE i % 2 = 0")
        ledger.reclaim()
        assert row_groups(ledger) == [(0,)]
        cursor.execute("INSERT INTO numbers VALUES (1)")
        ledger.checkpoint()
        cursor.execute("DELETE FROM numbers WHERE i = 3")
        ledger.checkpoint()
        assert row_groups(ledger) == [(0,), (1,)], "afterwards all is as before"
        assert cursor.execute("SELECT count(*) FROM numbers").fetchall() == [(148,)]


def test_reading_makes_no_file(db: Path) -> None:
    with pytest.raises(LedgerMissing, match=r"no ledger at .*spanledger serve"):
        Ledger.open(db, read_only=True)
    assert not db.exists()


def test_the_error_of_a_locked_file_names_the_process(db: Path) -> None:
    program = f"import duckdb, sys; c = duckdb.connect({str(db)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(LedgerLocked, match=f"in use by process {owner.pid}") as locked:
            Ledger.open(db)
        owner.communicate()
    assert (locked.value.pid, locked.value.exit_code) == (owner.pid, 3)


def test_the_schema_of_a_later_version_is_refused_with_the_remedy(db: Path) -> None:
    with Ledger.open(db) as ledger:
        ledger.cursor().execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    with pytest.raises(SchemaTooNew, match=r"version 999.*pip install --upgrade"):
        Ledger.open(db)


def test_a_file_that_needs_migrating_is_not_read_but_migrated_by_the_server(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(db).close()
    later = (*migrations(), (LATEST + 1, "CREATE TABLE added (x INTEGER); INSERT INTO added VALUES (7);"))
    monkeypatch.setattr(store, "migrations", lambda: later)
    with pytest.raises(SchemaTooOld, match="spanledger serve"):
        Ledger.open(db, read_only=True)
    with Ledger.open(db) as ledger:
        assert stored(ledger, "SELECT x, value FROM added, meta WHERE key = 'schema_version'") == [(7, str(LATEST + 1))]


def test_a_migration_that_fails_changes_nothing(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(db).close()
    broken = (*migrations(), (LATEST + 1, "CREATE TABLE added (x INTEGER); SELECT no_such_function();"))
    with monkeypatch.context() as patched:
        patched.setattr(store, "migrations", lambda: broken)
        with pytest.raises(LedgerUnreadable):
            Ledger.open(db)
    with Ledger.open(db) as ledger:
        assert stored(ledger, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(LATEST),)]
        assert stored(ledger, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'added'") == []


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello " * 1000)
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE meta (other INTEGER)")
    for path, reason in (
        (text, "not a valid DuckDB database"),
        (foreign, "no ledger of SpanLedger"),
        (tmp_path, "directory"),
        (tmp_path / "missing" / "x.duckdb", "there is no directory"),
    ):
        with pytest.raises(LedgerUnreadable, match=reason):
            Ledger.open(path)
    assert text.read_text() == "hello " * 1000
    with duckdb.connect(str(foreign)) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("meta",)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerUnreadable, match=r"[Pp]ermission"):
        Ledger.open(tmp_path / "x.duckdb")


@pytest.mark.parametrize(
    "sql",
    [
        "COPY meta TO '{0}/copied.csv'",
        "SELECT * FROM read_text('{0}/secret')",
        "ATTACH '{0}/other.duckdb' AS other",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET GLOBAL allowed_configs = ['threads']",
        "SET GLOBAL threads = 1",
        "SET TimeZone = 'Asia/Tokyo'",
    ],
)
def test_sql_reaches_neither_files_nor_settings(ledger: Ledger, tmp_path: Path, sql: str) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(duckdb.Error):
        stored(ledger, sql.format(tmp_path))
    assert stored(ledger, "SELECT current_setting('TimeZone')") == [("UTC",)]


_EVERY_KIND: dict[str, tuple[str, Kind, object, object]] = {
    "a": ("UBIGINT", "uint64", 2**64 - 1, 2**64 - 1),
    "b": ("BIGINT", "int64", -(2**63), -(2**63)),
    "c": ("INTEGER", "int32", -5, -5),
    "d": ("UTINYINT", "uint8", 255, 255),
    "e": ("VARCHAR", "text", "a\0'ü", "a\0'ü"),
    "f": ("DECIMAL(18, 12)", "money", "0.000000000001", Decimal("0.000000000001")),
    "g": ("DECIMAL(18, 6)", "quantity", "1.5", Decimal("1.5")),
    "h": ("VARCHAR[]", "text_list", '["x", "\\"y\\""]', ["x", '"y"']),
    "i": ("MAP(VARCHAR, VARCHAR)", "text_map", '{"k": "v"}', {"k": "v"}),
}


@pytest.mark.parametrize("in_runs", [frozenset[str](), frozenset({*_EVERY_KIND, "t"})], ids=["each", "in runs"])
def test_rows_of_every_kind_come_back_as_they_went_in(ledger: Ledger, in_runs: frozenset[str]) -> None:
    cursor = ledger.cursor()
    columns = ", ".join(f"{name} {sql}" for name, (sql, *_) in _EVERY_KIND.items())
    cursor.execute(f"CREATE TABLE kinds ({columns}, t TIMESTAMP_NS)")
    kinds: dict[str, Kind] = {name: kind for name, (_, kind, *_) in _EVERY_KIND.items()}
    inserter = Inserter(cursor, Target("kinds", {**kinds, "t": "time"}, in_runs))
    sent = (*(value for *_, value, _ in _EVERY_KIND.values()), 1_790_000_000_000_000_001)
    unknown: tuple[object, ...] = (None,) * len(sent)

    for rows in ([sent, unknown], [], [sent]):
        inserter.insert(rows)

    found: list[tuple[Any, ...]] = cursor.execute("SELECT * EXCLUDE (t), epoch_ns(t) FROM kinds").fetchall()
    expected = (*(value for *_, value in _EVERY_KIND.values()), 1_790_000_000_000_000_001)
    assert found == [expected, unknown, expected]
    inserter.close()
    cursor.close()


def test_columns_come_back_as_they_went_in_many_at_once_and_by_bytes(ledger: Ledger) -> None:
    cursor = ledger.cursor()
    cursor.execute("CREATE TABLE many (id VARCHAR, said VARCHAR, counted BIGINT, price DECIMAL(18, 12))")
    kinds: dict[str, Kind] = {"id": "hex", "said": "text", "counted": "int64", "price": "money"}
    inserter = Inserter(cursor, Target("many", kinds, frozenset({"said", "price"})))
    said, prices = Runs(), Runs()
    said.extend(Every("the same", 3000))
    said.extend(["x", None, "y"])
    prices.extend(Every(None, 3003))
    ids = [number.to_bytes(8) for number in range(3003)]
    inserter.insert_columns([ids, said, [None] * 3003, prices])
    inserter.insert([("00000000000000ff", "row", 7, "0.5")])

    expected = [(one.hex(), "the same", None, None) for one in ids[:3000]]
    expected += [(one.hex(), word, None, None) for one, word in zip(ids[3000:], ("x", None, "y"), strict=True)]
    found: list[tuple[Any, ...]] = cursor.execute("FROM many ORDER BY rowid").fetchall()
    assert found == [*expected, ("00000000000000ff", "row", 7, Decimal("0.5"))]
    inserter.close()
    cursor.close()


def test_an_integer_for_which_there_is_no_room_is_refused(ledger: Ledger) -> None:
    cursor = ledger.cursor()
    cursor.execute("CREATE TABLE counts (counted BIGINT)")
    inserter = Inserter(cursor, Target("counts", {"counted": "int64"}))
    with pytest.raises(OverflowError, match="no room for one of 2 integers"):
        inserter.insert([(1,), (2**63,)])
    inserter.insert([(2**63 - 1,), (None,)])
    assert stored(ledger, "FROM counts") == [(2**63 - 1,), (None,)]
    inserter.close()
    cursor.close()


def test_a_batch_that_fails_leaves_the_cursor_usable(ledger: Ledger) -> None:
    cursor = ledger.cursor()
    inserter = Inserter(cursor, Target("meta", {"key": "text", "value": "text"}))
    with pytest.raises(duckdb.ConstraintException):
        inserter.insert([("k", None)])
    inserter.insert([("k", "v")])
    assert stored(ledger, "SELECT value FROM meta WHERE key = 'k'") == [("v",)]
    inserter.close()
    cursor.close()


_OBSERVATIONS = """
INSERT INTO store.observations
SELECT i, i, i, i, '', '', '', '', '', NULL, NULL, printf('%016x', hash(i)), '', hash(i) || repeat('reading', 9),
       '', '', hash(i) || repeat('attribute', 9), '{}', 0, make_timestamp_ns(i)
FROM range(150_000) t(i)
"""


def test_blocks_and_row_groups_are_small_and_long_texts_and_ids_in_zstandard(db: Path) -> None:
    with Ledger.open(db) as ledger, ledger.cursor() as cursor:
        cursor.execute(_OBSERVATIONS)
        ledger.checkpoint()
        stored_as = "FROM pragma_storage_info('store.observations')"
        cursor.execute(f"CREATE TEMP TABLE segments AS SELECT *, start + count AS rows {stored_as}")
        groups = "SELECT sum(rows), max(rows) FROM (SELECT max(rows) AS rows FROM segments GROUP BY row_group_id)"
        assert cursor.execute(groups).fetchall() == [(150_000, ROWS_PER_GROUP)]
        assert cursor.execute(
            "SELECT block_size FROM pragma_database_size() WHERE database_name = 'ledger'"
        ).fetchall() == [(65_536,)]
        texts = "column_name IN ('reading', 'attributes', 'response_id') AND segment_type = 'VARCHAR'"
        assert cursor.execute(f"SELECT DISTINCT compression FROM segments WHERE {texts}").fetchall() == [("ZSTD",)]


@pytest.mark.parametrize("name", ["memory.duckdb", "temp.duckdb", "system.duckdb", "it's one; or two.duckdb"])
def test_a_ledger_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with Ledger.open(path) as ledger, ledger.cursor() as cursor:
        cursor.execute("INSERT INTO store.key_runs VALUES ('a', 1, 2, 3)")
    with Ledger.open(path) as ledger:
        assert stored(ledger, "SELECT keys FROM store.key_runs") == [(3,)]
    assert [file.name for file in tmp_path.iterdir()] == [name]
