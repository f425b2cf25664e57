"""The ledger file does not grow without bound: what retention took out is filled again."""

import shutil
from pathlib import Path

import pytest

from spanledger_collector.ledger.compaction import compact
from spanledger_collector.ledger.retention import sweep
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.settings import Retention

pytestmark = pytest.mark.slow

DAY_NS = 86_400 * 10**9
FIRST_NS = 1_790_000_000 * 10**9
PER_DAY, KEPT, DAYS = 40_000, 10, 40
_SPANS = """
INSERT INTO store.spans
SELECT hash(i // 8), hash(i // 8, 1), hash(i, 2), NULL, 'name ' || (hash(i, 3) % 5000), 3, 's', 't',
       make_timestamp_ns($at + i % 40_000 * 1000), make_timestamp_ns($at + i % 40_000 * 1000 + 5), 0, NULL, hash(i, 4),
       make_timestamp_ns($at + i % 40_000 * 1000 + 9)
FROM range($first, $last) t(i)
"""
_OBSERVATIONS = """
INSERT INTO store.observations
SELECT i, hash(i // 8), hash(i // 8, 1), hash(i, 2), 'd', 'r', 'leaf', 'openai', 'chat', NULL, NULL, NULL, 'metered',
       '{}', '', '', '{"a":' || hash(i, 9) || '}', '{}', 0, make_timestamp_ns($at + i % 40_000 * 1000 + 9)
FROM range($first, $last) t(i) WHERE i % 20 = 0
"""


@pytest.mark.parametrize(
    ("kept", "stay"),
    [
        pytest.param(Retention(KEPT, KEPT, KEPT), KEPT * PER_DAY, id="all goes"),
        pytest.param(
            Retention(KEPT, None, None), KEPT * PER_DAY + (DAYS - KEPT) * PER_DAY // 20, id="one in twenty stays"
        ),
    ],
)
def test_the_file_levels_off_when_as_much_goes_as_comes(db: Path, kept: Retention, stay: int) -> None:
    """Forty days, of which ten are kept: the last fortnight needs no larger file than the one before, but for what is
    there more."""
    sizes: list[int] = []
    needed: list[int] = []
    with Ledger.open(db) as ledger, ledger.cursor() as cursor:
        for day in range(DAYS):
            at = FIRST_NS + day * DAY_NS
            for quarter in range(day * PER_DAY, (day + 1) * PER_DAY, PER_DAY // 4):
                for insert in (_SPANS, _OBSERVATIONS):
                    cursor.execute(insert, {"at": at, "first": quarter, "last": quarter + PER_DAY // 4})
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('settled_seq', ?)", [str((day + 1) * PER_DAY)])
            sweep(ledger, kept, at + DAY_NS)
            ledger.reclaim()
            sizes.append(db.stat().st_size)
            if day in (DAYS - 15, DAYS - 1):
                needed.append(_compacted(ledger))
        assert cursor.execute("SELECT count(*) FROM store.spans").fetchall() == [(stay,)]
    before, after = needed
    assert max(sizes[-14:]) / max(sizes[-28:-14]) <= 1.05 * after / before, (sizes, needed)


def _compacted(ledger: Ledger) -> int:
    """The bytes of a file of nothing but what is in the ledger."""
    ledger.checkpoint()
    copy = ledger.path.with_name("copy.duckdb")
    shutil.copy(ledger.path, copy)
    compact(copy)
    return copy.stat().st_size
