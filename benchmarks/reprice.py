"""How long it takes to price a million settled calls anew, against the target of 30 s.

    python benchmarks/reprice.py [CALLS]

Measures reprices of one ledger: of calls that have no price yet, by the same prices again (nothing is written), and by
books that change one call in ten and nine in ten. Prints seconds, and how much a fixed piece of work varied meanwhile:
the machine's noise.
"""

import sys
import tempfile
import time
from pathlib import Path

from spanledger_collector.ledger.queries.choosing import chosen_calls
from spanledger_collector.ledger.repricing import reprice
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook, shipped_book
from spanledger_collector.pricing.importers.user import with_user_prices

CALLS = 1_000_000
TARGET_SECONDS = 30
_PRICE = """
[[price]]
provider = "openai"
models = ["{}"]
mtok = {{ input = "1" }}
scope = {{ region = "*" }}
source = "x"
"""

_FILL = """
INSERT INTO calls SELECT
    printf('%032x', i), printf('%032x', i), printf('%016x', i), make_timestamp_ns(1790000000000000000 + i * 1000000),
    make_timestamp_ns(1790000000000000000 + i * 1000000 + 1000), 'shop', 'openai', 'chat', m.model, m.model, NULL,
    NULL, NULL, 'metered', NULL, 'unpriced', [], 1000 + i % 500, NULL, NULL, 100, NULL, 1100 + i % 500,
    NULL, NULL, NULL, NULL, NULL,
    'org-' || i % 7, NULL, NULL, NULL, MAP {}, 'conventions', 1, [], 1, 'none', make_timestamp_ns(1790000000000000000),
    MAP {}
FROM range($calls) r(i), LATERAL (SELECT if(i % 10 = 0, 'gpt-4o', 'gpt-4o-mini') AS model) m;
INSERT INTO call_meters SELECT call_id, 1, 'input', input_tokens, started_at FROM calls
    UNION ALL SELECT call_id, 1, 'output', output_tokens, started_at FROM calls;
INSERT INTO store.call_sources SELECT call_id, 1, 0, i, i, 'usage', 'the only one', started_at
    FROM (SELECT call_id, started_at, row_number() OVER () AS i FROM calls);
"""


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    shipped = shipped_book()
    tenth = with_user_prices(shipped, _PRICE.format("gpt-4o"), "toml")
    rest = with_user_prices(tenth, _PRICE.format("gpt-4o-mini"), "toml")
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.duckdb") as ledger:
        cursor = ledger.cursor()
        for statement in _FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"calls": calls} if "$calls" in statement else None)
        noise = [_fixed_work()]
        for what, book, apply in (
            ("all newly priced, dry run", shipped, False),
            ("all newly priced, written", shipped, True),
            ("nothing changes", shipped, True),
            ("one in ten changes, dry run", tenth, False),
            ("one in ten changes, written", tenth, True),
            ("nine in ten change, written", rest, True),
        ):
            print(f"{what}: {_measure(ledger, book, apply=apply, calls=calls)}", flush=True)
            noise.append(_fixed_work())
    print(f"noise: a fixed piece of work took from {min(noise):.2f} to {max(noise):.2f} s")


def _measure(ledger: Ledger, book: PriceBook, *, apply: bool, calls: int) -> str:
    started = time.perf_counter()
    found = reprice(ledger, book, chosen_calls(ledger.cursor(), {}), apply=apply)
    seconds = time.perf_counter() - started
    per_million = seconds / calls * 1_000_000
    return (
        f"{seconds:.1f} s, {found.total.calls:,} of {found.calls:,} changed; {per_million:.1f} s a million "
        f"({per_million / TARGET_SECONDS:.2f} x the target)"
    )


def _fixed_work() -> float:
    started = time.perf_counter()
    sum(number * number for number in range(3_000_000))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
