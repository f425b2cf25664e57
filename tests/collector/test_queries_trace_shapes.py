"""Traces of any shape: late, orphaned, in circles, very deep. Every span is shown once and every call summed once."""

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanledger_collector.cli import spanledger
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document, answer
from spanledger_collector.ledger.store import Ledger

Parents = Sequence[int | None]
"""The parent of each span, by number; a number beyond the last is a parent that is not known."""

_traces = count(1)
_SPANS = """INSERT INTO store.spans
    SELECT ?, 0, number, parent, 'span', 1, 's', '', TIMESTAMP_NS '2026-11-02 10:00:00',
           TIMESTAMP_NS '2026-11-02 10:00:01', 1, NULL, 1, '2026-11-02'
    FROM (SELECT unnest(?::BIGINT[]) AS number, unnest(?::BIGINT[]) AS parent)"""
_CALLS = """INSERT INTO calls BY NAME
    SELECT printf('%x-%x', trace_hi, span) AS call_id, printf('%016x%016x', trace_hi, trace_lo) AS trace_id,
           printf('%016x', span) AS span_id, started_at, ended_at, service, 'openai' AS provider, 'chat' AS operation,
           'm' AS request_model, 'metered' AS usage_status, 'priced' AS price_status, [] AS price_reasons,
           1 AS input_tokens, 0.01 AS cost_usd, MAP {} AS dimensions, 'd' AS dialect, 1 AS sources, [] AS flags,
           1 AS revision, 'b' AS price_book, started_at AS settled_at
    FROM store.spans WHERE trace_hi = ?"""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ledger]:
    with Ledger.open(tmp_path_factory.mktemp("shapes") / "ledger.duckdb") as ledger:
        yield ledger


def write(ledger: Ledger, parents: Parents) -> str:
    """A trace of these spans with one priced call of a cent on each; its id."""
    trace = next(_traces)
    with closing(ledger.cursor()) as cursor:
        cursor.execute(_SPANS, [trace, list(range(len(parents))), list(parents)])
        cursor.execute(_CALLS, [trace])
    return f"{trace:016x}{0:016x}"


def read(ledger: Ledger, trace_id: str) -> Document:
    with closing(ledger.cursor()) as cursor:
        return answer(QUESTION_BY_NAME["trace"], cursor, {"trace_id": [trace_id], "limit": ["100000"]})


def below(nodes: Sequence[Document], place: int) -> int:
    """How many nodes the subtree at a place of the listing has, read off the depths."""
    depth = nodes[place]["depth"]
    return 1 + next((i for i, node in enumerate(nodes[place + 1 :]) if node["depth"] <= depth), len(nodes) - place - 1)


@given(st.lists(st.none() | st.integers(0, 12), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_span_is_listed_once_and_every_sum_is_that_of_its_subtree(
    shapes: Ledger, parents: list[int | None]
) -> None:
    document = read(shapes, write(shapes, parents))
    nodes = document["spans"]
    assert sorted(int(node["span_id"], 16) for node in nodes) == list(range(len(parents)))
    assert document["total"]["calls"] == len(parents)
    for place, node in enumerate(nodes):
        assert node["subtree"]["calls"] == node["subtree"]["input_tokens"] == below(nodes, place)
        if node["depth"]:
            above = next(other for other in reversed(nodes[:place]) if other["depth"] == node["depth"] - 1)
            assert node["parent_span_id"] == above["span_id"]


def test_a_circle_of_parents_is_shown(shapes: Ledger) -> None:
    nodes = read(shapes, write(shapes, [1, 2, 0, None]))["spans"]
    assert [(int(node["span_id"], 16), node["depth"]) for node in nodes] == [(3, 0), (0, 0), (2, 1), (1, 2)]


def test_a_very_deep_trace_is_read(shapes: Ledger) -> None:
    deep = 3000
    nodes = read(shapes, write(shapes, [None, *range(deep - 1)]))["spans"]
    assert (nodes[-1]["depth"], nodes[0]["subtree"]["cost_usd"]) == (deep - 1, "30")


def test_every_line_of_a_drawing_hangs_below_its_parent(db: Path) -> None:
    parents = [None, 0, 1, 2, 0, 4, 4, 0, None, 8]
    with Ledger.open(db) as ledger:
        trace_id = write(ledger, parents)
    lines = CliRunner().invoke(spanledger, ["trace", trace_id, "--db", str(db)]).stdout.splitlines()
    drawn = [line.partition("span")[0] for line in lines[4 : 4 + len(parents)]]
    assert drawn == ["", "├─ ", "│  └─ ", "│     └─ ", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "", "└─ "]
