"""How long it takes to price a million settled calls anew, against the target of 30 s.

    python benchmarks/reprice.py [CALLS]

Measures reprices of one ledger: of calls that have no price yet, by the same prices again (nothing is written), and by
books that change one call in ten and nine in ten. The calls are of ten models of eight providers; some have more
tokens than a threshold. A second ledger has only calls whose prices follow rules of their own: hours of the week
(DeepSeek), billed units (Cohere), fees for each request (Perplexity), seconds that round (Groq). Prints seconds of CPU
(of which two cores take half as long), elapsed seconds, and how much a fixed piece of work varied meanwhile: the
machine's noise. The baseline is `price` alone, one call after the other, without reading or writing anything. Run it
with the repository's root in PYTHONPATH: it makes calls as the tests do.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
from tests.unit.pricing_cases import make_call

from spanledger_collector.ledger.queries.choosing import chosen_calls
from spanledger_collector.ledger.repricing import reprice
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.pricing import PriceBook, price, shipped_book
from spanledger_collector.pricing.entries import instant_ns
from spanledger_collector.pricing.importers.user import with_user_prices
from spanledger_collector.pricing.names import listed_name
from spanledger_collector.settings import Settings

CALLS = 1_000_000
TARGET_SECONDS = 30
_PRICE = """
[[price]]
provider = "{}"
models = ["{}"]
mtok = {{ input = "1" }}
scope = {{ region = "*" }}
layer = "contract"
source = "x"
"""

_MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5.4"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-8"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("deepseek", "deepseek-v4-pro"),
    ("aws.bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("mistral_ai", "mistral-large-2512"),
    ("nobody", "a-model-without-a-price"),
)
_BY_RULES = (
    ("deepseek", "deepseek-v4-pro"),
    ("cohere", "command-a-03-2025"),
    ("perplexity", "sonar-pro"),
    ("groq", "whisper-large-v3"),
    ("deepseek", "deepseek-v4-flash"),
) * 2
_FILL = """
INSERT INTO calls BY NAME SELECT
    printf('%032x', i) AS call_id, printf('%032x', i) AS trace_id, printf('%016x', i) AS span_id,
    make_timestamp_ns(1790000000000000000 + i * 1000000) AS started_at,
    make_timestamp_ns(1790000000000000000 + i * 1000000 + 1000) AS ended_at,
    'shop' AS service, $providers[1 + i % 10] AS provider, 'chat' AS operation,
    $models[1 + i % 10] AS request_model, $models[1 + i % 10] AS response_model,
    'metered' AS usage_status, 'unpriced' AS price_status, [] AS price_reasons,
    1000 + i % 500 AS input_tokens, 100 AS output_tokens, 1100 + i % 500 AS total_tokens,
    'org-' || i % 7 AS org_id, MAP {} AS dimensions, 'conventions' AS dialect, 1 AS sources, [] AS flags,
    1 AS revision, 'none' AS price_book, make_timestamp_ns(1790000000000000000) AS settled_at, MAP {} AS conditions
FROM range($calls) r(i);
INSERT INTO meter_rows SELECT call_id, 1, 'input', if(input_tokens = 1007, 300000, input_tokens), started_at FROM calls
    UNION ALL SELECT call_id, 1, 'output', output_tokens, started_at FROM calls
    UNION ALL SELECT call_id, 1, 'cache_read', 500, started_at FROM calls
              WHERE provider <> 'mistral_ai' AND input_tokens % 2 = 0
    UNION ALL SELECT call_id, 1, 'cache_write', 50, started_at FROM calls
              WHERE provider = 'anthropic' AND input_tokens % 10 < 5
    UNION ALL SELECT call_id, 1, 'billed_input', input_tokens - 9, started_at FROM calls WHERE provider = 'cohere'
    UNION ALL SELECT call_id, 1, 'second', 7 + input_tokens / 7, started_at FROM calls WHERE provider = 'groq';
DELETE FROM meter_rows WHERE meter <> 'second' AND call_id IN (SELECT call_id FROM calls WHERE provider = 'groq');
"""


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    shipped = shipped_book()
    tenth = with_user_prices(shipped, _contract(_MODELS[:1]), "toml")
    rest = with_user_prices(shipped, _contract(_MODELS[:9]), "toml")
    print(f"baseline: `price` alone, one call after the other: {_one_by_one(shipped):.1f} s of CPU a million")
    noise = [_fixed_work()]
    newly = (("all newly priced, dry run", shipped, False), ("all newly priced, written", shipped, True))
    changed = (
        ("nothing changes", shipped, True),
        ("one in ten changes, dry run", tenth, False),
        ("one in ten changes, written", tenth, True),
        ("nine in ten change, written", rest, True),
    )
    for kind, models, runs in (("", _MODELS, (*newly, *changed)), ("by rules, ", _BY_RULES, newly)):
        path, limit = "ledger.duckdb", Settings().max_database_bytes  # as much memory as a server has
        with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / path, memory_bytes=limit) as ledger:
            _fill(ledger.cursor(), calls, models)
            for what, book, apply in runs:
                print(f"{kind}{what}: {_measure(ledger, book, apply=apply, calls=calls)}", flush=True)
                noise.append(_fixed_work())
    print(f"noise: a fixed piece of work took from {min(noise):.2f} to {max(noise):.2f} s")


def _contract(models: Sequence[tuple[str, str]]) -> str:
    """A price file with another price of input tokens for each model, by the name that the book has for it."""
    book = shipped_book()
    listed = [listed_name(provider, model, book, instant_ns("2026-10-01")) for provider, model in models]
    return "".join(_PRICE.format(*one) for one in listed)


def _fill(cursor: duckdb.DuckDBPyConnection, calls: int, models: Sequence[tuple[str, str]]) -> None:
    given = {"calls": calls, "providers": [one for one, _ in models], "models": [one for _, one in models]}
    for statement in _FILL.split(";\n"):
        if statement.strip():
            cursor.execute(statement, {name: value for name, value in given.items() if f"${name}" in statement})


def _measure(ledger: Ledger, book: PriceBook, *, apply: bool, calls: int) -> str:
    started, cpu = time.perf_counter(), time.process_time()
    with closing(ledger.cursor()) as cursor:
        found = reprice(ledger, book, chosen_calls(cursor, {}), apply=apply)
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    million = 1_000_000 / calls
    return (
        f"{found.total.calls:,} of {found.calls:,} changed; a million: {used * million:.1f} s of CPU, "
        f"{seconds * million:.1f} s elapsed ({seconds * million / TARGET_SECONDS:.2f} x the target)"
    )


def _one_by_one(book: PriceBook) -> float:
    """Seconds of CPU in which `price` alone prices a million calls."""
    calls = 20_000
    call = make_call("openai", "gpt-4o", {"input": 1200, "cache_read": 500, "output": 300})
    started = time.process_time()
    for _ in range(calls):
        price(call, book)
    return (time.process_time() - started) / calls * 1_000_000


def _fixed_work() -> float:
    started = time.perf_counter()
    sum(number * number for number in range(3_000_000))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
