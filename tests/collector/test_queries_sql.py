"""SQL that strangers write can read the ledger and nothing else, while the ledger is being written."""

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document, answer
from spanledger_collector.ledger.queries.adhoc import ROWS_AT_MOST
from spanledger_collector.ledger.store import Ledger


def ask(ledger: Ledger, query: str) -> Document:
    with closing(ledger.cursor()) as cursor:
        return answer(QUESTION_BY_NAME["sql"], cursor, {"q": [query]})


class Writing:
    """A ledger that a thread writes to all the time."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.committed = 0
        self.trouble: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        try:
            with closing(self.ledger.cursor()) as cursor:
                while not self._stop.is_set():
                    cursor.execute("INSERT INTO meta VALUES (?, 'x')", [f"written {self.committed}"])
                    self.committed += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that ends the writing shows it
            self.trouble = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Generator[Writing]:
    with Ledger.open(tmp_path_factory.mktemp("sql") / "ledger.duckdb") as ledger:
        writing = Writing(ledger)
        yield writing
        writing.stop()
        assert writing.trouble is None
        assert writing.committed > 0
        ((count, strange),) = ask(ledger, "SELECT count(*), count(*) FILTER (value <> 'x') FROM meta")["rows"]
        assert (count, strange) == (writing.committed + 2, 2)  # the others are schema_version and read_by


REFUSED = [
    "INSERT INTO meta VALUES ('a', 'b')",
    "WITH x AS (INSERT INTO meta VALUES ('a', 'b') RETURNING *) SELECT * FROM x",
    "SELECT * FROM query('INSERT INTO meta VALUES (1, 2)')",
    "UPDATE meta SET value = 'y'",
    "DELETE FROM meta",
    "TRUNCATE meta",
    "MERGE INTO meta USING (SELECT 1 AS k) ON false WHEN NOT MATCHED THEN INSERT VALUES ('a', 'b')",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW calls AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "DROP TABLE meta",
    "ALTER TABLE meta ADD COLUMN x INTEGER",
    "COPY calls TO '{out}'",
    "COPY (SELECT 1) TO '{out}'",
    "COPY meta FROM '/etc/passwd'",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH ledger",
    "USE store",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_scan('/etc/passwd')",
    "SELECT * FROM read_duckdb('/etc/passwd')",
    "SELECT getenv('HOME')",
    "SELECT * FROM enable_logging('QueryLog')",
    "SET threads = 1",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET threads",
    "PRAGMA memory_limit = '1GB'",
    "PRAGMA database_list",
    "LOAD httpfs",
    "INSTALL httpfs",
    "CHECKPOINT",
    "VACUUM",
    "CALL pragma_version()",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "BEGIN",
    "COMMIT",
    "COMMIT; INSERT INTO meta VALUES ('a', 'b')",
    "ROLLBACK; INSERT INTO meta VALUES ('a', 'b')",
    "SELECT 1; SELECT 2",
    "EXPLAIN ANALYZE INSERT INTO meta VALUES ('a', 'b')",
    "SELECT",
    "SELECT nonsense FROM nowhere",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("query", REFUSED)
def test_what_does_not_only_read_the_ledger_is_refused(writing: Writing, query: str, tmp_path: Path) -> None:
    with pytest.raises(BadQuery):
        ask(writing.ledger, query.replace("{out}", str(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM calls",
        "FROM usage",
        "WITH x AS (SELECT 1) SELECT * FROM x;",
        "SELECT 1; -- with a remark",
        "/* ; */ SELECT ';ä' -- ;\n;;",
        "DESCRIBE calls",
        "SHOW TABLES",
        "SUMMARIZE calls",
        "EXPLAIN SELECT 1",
        "VALUES (1)",
    ],
)
def test_what_reads_is_answered(writing: Writing, query: str) -> None:
    assert ask(writing.ledger, query)["columns"]


def test_variables_of_the_process_are_no_tables(writing: Writing) -> None:
    with closing(writing.ledger.cursor()) as cursor:
        hidden = cursor.sql("SELECT 42")
        with pytest.raises(duckdb.CatalogException):
            cursor.sql("FROM hidden")
        assert hidden.fetchall() == [(42,)]


def test_a_refused_statement_leaves_the_next_one_alone(writing: Writing) -> None:
    with closing(writing.ledger.cursor()) as cursor:
        for query in ("DELETE FROM meta", "SELECT * FROM read_text('/etc/passwd')"):
            with pytest.raises(BadQuery):
                answer(QUESTION_BY_NAME["sql"], cursor, {"q": [query]})
        assert answer(QUESTION_BY_NAME["sql"], cursor, {"q": ["SELECT 1"]})["rows"] == [[1]]


def test_values_keep_their_precision(writing: Writing) -> None:
    query = """SELECT 0.000000000001::DECIMAL(18, 12) AS money,
        170141183460469231731687303715884105727::HUGEINT AS huge,
        TIMESTAMP_NS '2026-11-02 10:00:01.000000001' AS moment, TIMESTAMPTZ '2026-11-02 10:00:01+00' AS zoned,
        DATE '2026-11-02' AS day, 1.5::DOUBLE AS number, 'NaN'::DOUBLE AS nan, true AS yes, NULL AS unknown,
        [1, 2] AS list, {'a': 0.5} AS record, MAP {'team': 'blue'} AS map, 'ab'::BLOB AS bytes,
        INTERVAL 90 MINUTE AS span, [TIMESTAMPTZ '2026-11-02 10:00:01+00'] AS moments"""
    document = ask(writing.ledger, query)
    assert dict(zip((column["name"] for column in document["columns"]), document["rows"][0], strict=True)) == {
        "money": "0.000000000001",
        "huge": 2**127 - 1,
        "moment": "2026-11-02 10:00:01.000000001",
        "zoned": "2026-11-02 10:00:01+00",
        "day": "2026-11-02",
        "number": 1.5,
        "nan": "nan",
        "yes": True,
        "unknown": None,
        "list": [1, 2],
        "record": {"a": "0.5"},
        "map": {"team": "blue"},
        "bytes": "6162",
        "span": "1:30:00",
        "moments": "['2026-11-02 10:00:01+00']",
    }


def test_the_order_of_the_statement_is_kept(writing: Writing) -> None:
    query = "SELECT i, make_timestamp_ns(i) AS t FROM range(5000) r(i) ORDER BY i % 7, i DESC"
    rows = [row[0] for row in ask(writing.ledger, query)["rows"]]
    assert rows == sorted(range(5000), key=lambda i: (i % 7, -i))


def test_columns_of_one_name_are_told_apart(writing: Writing) -> None:
    names = [
        column["name"] for column in ask(writing.ledger, "SELECT 1 AS a, TIMESTAMP_NS '2026-01-01' AS a")["columns"]
    ]
    assert len(set(names)) == 2


@pytest.mark.parametrize(("count", "cut"), [(ROWS_AT_MOST, False), (ROWS_AT_MOST + 1, True)])
def test_many_rows_are_cut_and_the_answer_says_so(writing: Writing, count: int, cut: bool) -> None:
    document = ask(writing.ledger, f"FROM range({count})")
    assert (len(document["rows"]), document["cut"]) == (ROWS_AT_MOST, cut)
