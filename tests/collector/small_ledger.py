"""A ledger of nine spans and five calls, written row by row, so that every number in a test can be checked by eye.

trace A                                   trace B
a0 POST /ask            (server)          b0 nightly           (no parent that is known)
├── a1 agent            (internal)        ├── b1 chat gpt-6    partial: web_search has no price
│   ├── a2 chat gpt-6   priced            └── b2 chat gpt-6    failed, unmetered
│   │   └── a3 ChatModel  merged into a2's call
│   └── a4 chat gpt-6   unmetered
└── a5 embed mystery-1  unpriced
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from spanledger_collector.ledger.store import Ledger

__all__ = ["ANSWERED", "BOOK", "CALLS", "COST_ANSWERED", "TRACE_A", "TRACE_B", "build"]

TRACE_A = "aaaaaaaa000000000000000000000001"
TRACE_B = "bbbbbbbb000000000000000000000002"
BOOK = "feedface" * 8
ANSWERED = "ca11000000000001"
"""The priced call of trace A."""
COST_ANSWERED = "0.0035"
"""1,000 input at 2.50 and 100 output at 10.00 per million tokens: 0.0025 + 0.001."""


@dataclass(frozen=True, slots=True)
class SmallCall:
    """The columns of a call that differ between the five."""

    call_id: str
    trace: str
    span: str
    second: int
    model: str | None
    usage: str
    price: str
    reasons: tuple[str, ...] = ()
    tokens: tuple[int, int] | None = None
    cost: str | None = None
    user: str | None = None
    feature: str | None = None
    team: str | None = None
    error: str | None = None
    day: str = "2026-11-02"


CALLS: tuple[SmallCall, ...] = (
    SmallCall(
        ANSWERED, TRACE_A, "a2", 1, "gpt-6", "metered", "priced", (), (1000, 100), COST_ANSWERED, "ada", "ask", "blue"
    ),
    SmallCall(
        "ca11000000000002",
        TRACE_A,
        "a4",
        2,
        "gpt-6",
        "unmetered",
        "unpriced",
        ("unmetered",),
        user="ada",
        feature="ask",
    ),
    SmallCall(
        "ca11000000000003",
        TRACE_A,
        "a5",
        3,
        "mystery-1",
        "metered",
        "unpriced",
        ("unknown_model:mystery-1",),
        (500, 0),
        None,
        "ada",
    ),
    SmallCall(
        "ca11000000000004",
        TRACE_B,
        "b1",
        1,
        "gpt-6",
        "metered",
        "partial",
        ("no_price_for_meter:web_search",),
        (2000, 200),
        None,
        "bob",
        "nightly",
        "red",
        day="2026-11-03",
    ),
    SmallCall(
        "ca11000000000005",
        TRACE_B,
        "b2",
        2,
        None,
        "unmetered",
        "unpriced",
        ("unmetered",),
        error="RateLimitError",
        day="2026-11-03",
    ),
)

_SPANS = (
    ("a0", None, "POST /ask", 2, 0, 9),
    ("a1", "a0", "agent", 1, 1, 8),
    ("a2", "a1", "chat gpt-6", 3, 1, 2),
    ("a3", "a2", "ChatModel", 1, 1, 2),
    ("a4", "a1", "chat gpt-6", 3, 2, 3),
    ("a5", "a0", "embed mystery-1", 3, 3, 4),
    ("b0", "bf", "nightly", 1, 0, 5),
    ("b1", "b0", "chat gpt-6", 3, 1, 2),
    ("b2", "b0", "chat gpt-6", 3, 2, 3),
)
_SPAN = "INSERT INTO store.spans VALUES (?, ?, ?, ?, ?, ?, 'shop', 'spanledger', ?, ?, 1, ?, 1, '2026-11-02 12:00:00')"
_OBSERVATION = """INSERT INTO store.observations VALUES (?, ?, ?, ?, 'spanledger', 'call', ?, 'openai', 'chat',
    'gpt-6', 'gpt-6', ?, 'metered', ?, 'spanledger', '1', '{}', '{}', 1, '2026-11-02 12:00:00')"""
_CALL = """INSERT INTO calls BY NAME SELECT ? AS call_id, ? AS trace_id, ? AS span_id,
    CAST(? AS TIMESTAMP_NS) AS started_at, CAST(? AS TIMESTAMP_NS) AS ended_at, 'shop' AS service, 'openai' AS provider,
    'chat' AS operation, 'gpt-6' AS request_model, ? AS response_model, ? AS usage_status, ? AS price_status,
    ? AS price_reasons, ? AS input_tokens, ? AS output_tokens, ? AS total_tokens, ? AS cost_usd, ? AS user_id,
    ? AS feature, ? AS error_type, CAST(? AS MAP(VARCHAR, VARCHAR)) AS dimensions, 'spanledger' AS dialect,
    ? AS sources, [] AS flags, ? AS revision, ? AS price_book, '2026-11-03 13:00:00.000000001' AS settled_at"""
_OTHERS = f"""
    INSERT INTO meta VALUES ('settled_seq', '3');
    INSERT INTO price_books VALUES ('{BOOK}', 'test prices', 'list', 'tests', 2, '2026-11-01');
    INSERT INTO price_entries VALUES
        ('{BOOK}', 'e-in', 'openai', 'gpt-6', 'input', 'token', 1000000, 2.5, '{{}}', '2026-01-01', NULL, 'a page'),
        ('{BOOK}', 'e-out', 'openai', 'gpt-6', 'output', 'token', 1000000, 10, '{{}}', '2026-01-01', NULL, 'a page');
    INSERT INTO charge_rows (call_id, revision, meter, quantity, unit, unit_price_usd, amount_usd, price_entry_id)
    VALUES
        ('{ANSWERED}', 1, 'input', 900, 'token', 0.0000025, 0.00225, 'e-in'),
        ('{ANSWERED}', 2, 'input', 1000, 'token', 0.0000025, 0.0025, 'e-in'),
        ('{ANSWERED}', 2, 'output', 100, 'token', 0.00001, 0.001, 'e-out'),
        ('ca11000000000004', 1, 'input', 2000, 'token', 0.0000025, 0.005, 'e-in');
    INSERT INTO meter_rows (call_id, revision, meter, quantity) VALUES
        ('{ANSWERED}', 2, 'input', 1000), ('{ANSWERED}', 2, 'output', 100),
        ('ca11000000000003', 1, 'input', 500),
        ('ca11000000000004', 1, 'input', 2000), ('ca11000000000004', 1, 'web_search', 3);
    INSERT INTO call_history VALUES
        ('{ANSWERED}', 1, '2026-11-02 12:30:00', 'a late span', '{{"cost_usd": "0.00325"}}');
"""


def build(path: Path) -> Path:
    """Write the ledger to a new file and close it."""
    with Ledger.open(path) as ledger:
        cursor = ledger.cursor()
        for name, parent, title, kind, start, end in _SPANS:
            trace = TRACE_A if name.startswith("a") else TRACE_B
            host = "api.openai.com" if kind == 3 else None
            times = (f"2026-11-02 10:00:{start:02}", f"2026-11-02 10:00:{end:02}")
            cursor.execute(_SPAN, [*_ids(trace), _hex(name), parent and _hex(parent), title, kind, *times, host])
        for call in CALLS:
            _insert_call(cursor, call)
        for seq, name, role, part in ((1, "a2", "candidate", "usage"), (2, "a3", "candidate", "merged")):
            _insert_source(cursor, seq, name, role, part)
        cursor.execute(_OBSERVATION, [4, *_ids(TRACE_B), _hex("b1"), "candidate", None, "{}"])  # not settled yet
        cursor.execute(_OTHERS)
        for table in ("charge_rows", "meter_rows", "store.source_rows"):
            cursor.execute(f"UPDATE {table} t SET started_at = c.started_at FROM calls c WHERE t.call_id = c.call_id")
        cursor.close()
    return path


def _insert_call(cursor: duckdb.DuckDBPyConnection, call: SmallCall) -> None:
    times = (f"{call.day} 10:00:{call.second:02}.000000001", f"{call.day} 10:00:{call.second + 1:02}")
    tokens = (None, None, None) if call.tokens is None else (*call.tokens, sum(call.tokens))
    team = {"team": call.team} if call.team else {}
    revision = sources = 2 if call.call_id == ANSWERED else 1
    facts = (call.model, call.usage, call.price, list(call.reasons), *tokens, call.cost, call.user, call.feature)
    cursor.execute(
        _CALL,
        [call.call_id, call.trace, call.span.rjust(16, "0"), *times, *facts, call.error, team, sources, revision, BOOK],
    )


def _insert_source(cursor: duckdb.DuckDBPyConnection, seq: int, name: str, role: str, part: str) -> None:
    reading = f'{{"meters": {{"input": {1000 if part == "usage" else 900}}}, "flags": ["read"]}}'
    cursor.execute(_OBSERVATION, [seq, *_ids(TRACE_A), _hex(name), role, "resp_1", reading])
    source = [ANSWERED, 2, *_ids(TRACE_A), _hex(name), part, f"{part} of it"]
    cursor.execute("INSERT INTO store.source_rows VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", source)


def _ids(trace_id: str) -> tuple[int, int]:
    return int(trace_id[:16], 16), int(trace_id[16:], 16)


def _hex(name: str) -> int:
    return int(name, 16)
