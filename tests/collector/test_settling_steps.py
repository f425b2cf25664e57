"""Late spans, restarts, interruptions: what settling writes, and what it leaves alone."""

import json
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from settling_bench import SettlingBench, settling_bench
from tests.observed import NATIVE, OWN, make_span

from spanledger_collector.ledger.revisions import Revisions
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import AttributeValue, ReceivedSpan, Scope
from spanledger_collector.pricing import shipped_book

_FRAMEWORK = Scope("pydantic-ai", "2")
_DAY = 86_400.0


@pytest.fixture
def bench(db: Path) -> Generator[SettlingBench]:
    """A bench over a file of the test's own."""
    with settling_bench(db) as bench:
        yield bench


def _chat(scope: Scope = OWN, more: dict[str, AttributeValue] | None = None, **span: Any) -> ReceivedSpan:  # noqa: ANN401 - the rest of what `make_span` takes
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
    }
    return make_span(said | (more or {}), scope, **span)


def _id(number: int) -> dict[str, AttributeValue]:
    return {"gen_ai.response.id": f"msg_{number:012}"}


def test_a_call_is_priced_and_followed_to_its_price(bench: SettlingBench) -> None:
    assert bench.settle(_chat(more=_id(1))) == 1
    ((cost, status),) = bench.ask("SELECT cost_usd, price_status FROM calls")
    assert (cost, status) == (Decimal("0.00105"), "priced")  # 100 x 3 USD + 50 x 15 USD per million
    entries = bench.ask(
        "SELECT meter, price_usd, per FROM charges JOIN price_entries USING (price_entry_id, meter) ORDER BY meter"
    )
    assert entries == [("input", Decimal(3), 1_000_000), ("output", Decimal(15), 1_000_000)]
    assert bench.ask("SELECT price_book, entries FROM price_books") == [(shipped_book().sha256, len(shipped_book()))]


def test_the_price_book_is_written_once(bench: SettlingBench) -> None:
    bench.settle(_chat())
    bench.settle(_chat(span=2))
    assert bench.ask("SELECT count(*) FROM price_books") == [(1,)]


def test_nothing_pending_changes_nothing(bench: SettlingBench) -> None:
    bench.settle(_chat())
    before = bench.ask("FROM calls")
    assert bench.settler.settle_pending() == 0
    assert bench.settler.pending() == 0
    assert bench.ask("FROM calls") == before


def test_the_same_span_again_changes_nothing(bench: SettlingBench) -> None:
    bench.settle(_chat(more=_id(1)))
    before = bench.ask("FROM calls")
    assert bench.settle(_chat(more=_id(1))) == 0
    assert bench.ask("FROM calls") == before


def test_a_late_span_makes_a_new_revision_and_keeps_the_old_one(bench: SettlingBench) -> None:
    bench.settle(_chat(NATIVE, _id(1), span=2, parent=1, start=0.1, end=0.9))
    assert bench.settle(_chat(_FRAMEWORK, {"user.id": "ann"}, span=1)) == 1
    assert bench.ask("SELECT revision, user_id, sources FROM calls") == [(2, "ann", 2)]
    ((revision, reason, body),) = bench.ask("SELECT revision, reason, body FROM call_history")
    assert (revision, reason) == (1, "other spans told more of the call")
    old = json.loads(body)
    assert (old["user_id"], old["cost_usd"], len(old["charges"])) == (None, "0.001050000000", 2)
    bench.snapshot()


def test_a_span_that_comes_days_late(bench: SettlingBench) -> None:
    bench.settle(_chat(NATIVE, _id(1), span=2, parent=1, start=0.1, end=0.9))
    for day in range(1, 4):
        bench.settle(_chat(NATIVE, _id(day + 1), trace=day + 1, start=day * _DAY, end=day * _DAY + 1))
    bench.settle(_chat(_FRAMEWORK, {"user.id": "ann"}, span=1))
    assert bench.ask("SELECT revision, count(*) FROM calls GROUP BY ALL ORDER BY ALL") == [(1, 3), (2, 1)]


def test_a_link_between_two_settled_spans_that_comes_late(bench: SettlingBench) -> None:
    outer = _chat(_FRAMEWORK, {"gen_ai.usage.input_tokens": 90}, span=1, end=3)
    inner = _chat(NATIVE, span=3, parent=2, start=1, end=2)
    bench.settle(inner)
    bench.settle(outer)
    assert bench.ask("SELECT count(*) FROM calls") == [(2,)]
    assert bench.settle(make_span({}, span=2, parent=1, start=0.5, end=2.5)) == 0
    assert bench.ask("SELECT sources, revision FROM calls") == [(2, 2)]
    assert [reason for (reason,) in bench.ask("SELECT reason FROM call_history ORDER BY reason")] == [
        "other spans told more of the call",
        f"the same call as {bench.ask('SELECT call_id FROM calls')[0][0]}, counted there",
    ]


def test_a_late_link_is_found_by_a_new_process_too(bench: SettlingBench) -> None:
    bench.settle(
        _chat(NATIVE, span=3, parent=2, start=1, end=2), _chat(_FRAMEWORK, {"gen_ai.usage.input_tokens": 90}, end=3)
    )
    bench.arrive([make_span({}, span=2, parent=1, start=0.5, end=2.5)])
    bench.settler = bench.new_settler()
    bench.settler.settle_pending()
    assert bench.ask("SELECT sources FROM calls") == [(2,)]


_BARE: dict[str, AttributeValue] = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "user.id": "ann"}
_EDGE = 400.0
"""Seconds after the start of time in the tests: a cell of time ends there, in which settling compares."""


@pytest.mark.parametrize("at", [0.0, _EDGE - 0.05], ids=["within a cell", "over the edge of one"])
@pytest.mark.parametrize("bare_first", [False, True])
def test_a_twin_without_usage_in_another_trace_is_found_by_a_new_process(
    bench: SettlingBench, at: float, bare_first: bool
) -> None:
    metered = _chat(NATIVE, _id(1), trace=1, start=at, end=at + 1)
    bare = _chat(_FRAMEWORK, _BARE, trace=2, start=at + 0.1, end=at + 0.9)
    first, second = (bare, metered) if bare_first else (metered, bare)
    bench.settle(first)
    bench.settler = bench.new_settler()
    bench.settle(second)
    rows = bench.ask("SELECT usage_status, user_id, sources, flags FROM calls")
    assert rows == [("metered", "ann", 2, ["probable_duplicate"])]
    bench.settle(_chat(NATIVE, _id(2), trace=3, start=at + 0.02, end=at + 0.95))
    rows = bench.ask("SELECT usage_status, sources FROM calls ORDER BY ALL")
    assert rows == [("metered", 1), ("metered", 1), ("unmetered", 1)]  # of two, it could be either


def test_an_answer_from_a_cache_long_after(bench: SettlingBench) -> None:
    bench.settle(_chat(more=_id(1), trace=1))
    bench.settle(_chat(more=_id(1), trace=2, start=90 * _DAY, end=90 * _DAY + 1))
    bench.settle(_chat(_FRAMEWORK, _id(1), trace=3, start=90 * _DAY, end=90 * _DAY + 1))
    rows = bench.ask("SELECT cost_usd, flags, sources, revision FROM calls ORDER BY started_at")
    assert rows == [(Decimal("0.00105"), [], 1, 1), (Decimal(0), ["cache_replay"], 2, 2)]


def test_the_first_answer_comes_last(bench: SettlingBench) -> None:
    bench.settle(_chat(more=_id(1), trace=2, start=90 * _DAY, end=90 * _DAY + 1))
    bench.settle(_chat(more=_id(1), trace=1))
    rows = bench.ask("SELECT cost_usd, flags FROM calls ORDER BY started_at")
    assert rows == [(Decimal("0.00105"), []), (Decimal(0), ["cache_replay"])]
    bench.snapshot()


@pytest.mark.parametrize("moment", ["write", "commit"])
def test_an_interrupted_pass_is_done_again(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    spans = [_chat(NATIVE, _id(1), span=2, parent=1, start=0.1, end=0.9), _chat(_FRAMEWORK, span=1)]
    bench.settle(spans[0])
    settled = bench.ask("FROM calls")
    write = Revisions.write

    def interrupted(self: Revisions, *args: Any) -> None:  # noqa: ANN401 - whatever `write` takes
        if moment == "commit":
            write(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Revisions, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.settle(spans[1])
    assert bench.ask("FROM calls") == settled
    assert bench.settler.pending() == 1
    assert bench.new_settler().settle_pending() == 1
    assert bench.ask("SELECT sources, revision FROM calls") == [(2, 2)]


def test_another_book_alone_changes_no_settled_call(bench: SettlingBench) -> None:
    bench.settle(_chat(NATIVE, _id(1), trace=1, span=2), _chat(NATIVE, _id(2), trace=1, span=3, start=2, end=3))
    other = shipped_book().with_layer("contract", [])
    bench.settler = type(bench.settler)(bench.ledger, other)
    bench.settle(_chat(NATIVE, _id(3), trace=1, span=4, start=4, end=5))
    assert bench.ask("SELECT count(*) FROM call_history") == [(0,)]


def test_a_restart_goes_on_where_it_was(db: Path) -> None:
    with settling_bench(db) as bench:
        bench.settle(_chat(more=_id(1)))
        bench.arrive([_chat(more=_id(2), trace=2)])
    with Ledger.open(db) as ledger:
        again = SettlingBench(ledger, observations_per_pass=1000)
        assert again.settler.settle_pending() == 1
        assert again.ask("SELECT count(*) FROM calls") == [(2,)]
        again.close()


def test_a_failing_statement_leaves_the_ledger_as_it_was(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise duckdb.IOException("disk full")

    monkeypatch.setattr(Revisions, "write", failing)
    with pytest.raises(duckdb.IOException):
        bench.settle(_chat())
    assert bench.ask("SELECT count(*) FROM store.settle_index") == [(0,)]
    assert bench.settler.pending() == 1
