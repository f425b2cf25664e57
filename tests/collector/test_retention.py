"""Retention: what is forgotten with age, and that no call that stays is changed by it, now or by a rebuild."""

from collections.abc import Generator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from settling_bench import SettlingBench, settling_bench
from tests.observed import NATIVE, START_NS, make_span, worlds

from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.ledger.retention import Dropped, sweep
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.pricing import shipped_book
from spanledger_collector.settings import Retention

DAY_NS = 86_400 * 10**9
NOW = START_NS + 1000 * DAY_NS
NOTHING = Retention(None, None, None)
EVERYTHING_BUT_CALLS = Retention(skeletons=0, attributes=0, calls=None)


@pytest.fixture
def bench(db: Path) -> Generator[SettlingBench]:
    """A bench over a file of the test's own."""
    with settling_bench(db) as bench:
        yield bench


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[SettlingBench]:
    """One file for all examples."""
    with settling_bench(tmp_path_factory.mktemp("retention") / "ledger.duckdb") as bench:
        yield bench


def call(
    number: int, *, trace: int | None = None, parent: int | None = None, response: str | None = None
) -> ReceivedSpan:
    """A call of our own instrumentation."""
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.id": response or f"msg_{number:012}",
        "gen_ai.usage.input_tokens": 100 + number % 10,
        "gen_ai.usage.output_tokens": 50,
    }
    return make_span(said, trace=trace or number, span=number, parent=parent, start=number, end=number + 1)


def other(number: int, *, trace: int, parent: int | None = None) -> ReceivedSpan:
    """A span about something else."""
    return make_span({"http.route": "/"}, trace=trace, span=number, parent=parent, name=f"other {number}")


def arrive(bench: SettlingBench, age_days: float, *spans: ReceivedSpan) -> None:
    """Journal and settle spans that arrived so long before `NOW`; later calls must not be older."""
    bench.arrive(spans)
    bench.settler.settle_pending()
    ids = ", ".join(str(int.from_bytes(span.span_id)) for span in spans)
    at = NOW - round(age_days * DAY_NS)
    for table in ("store.spans", "store.observations"):
        bench.ask(
            f"UPDATE {table} SET received_at = make_timestamp_ns({at} + CAST(span AS BIGINT)) WHERE span IN ({ids})"
        )


def spans_left(bench: SettlingBench) -> list[int]:
    return [span for (span,) in bench.ask("SELECT span FROM store.spans ORDER BY span")]


def test_nothing_is_forgotten_before_its_time_nor_kept_beyond_it(bench: SettlingBench) -> None:
    arrive(bench, 29, call(1), other(2, trace=2))
    assert not sweep(bench.ledger, Retention(30, 30, 30), NOW)
    assert not sweep(bench.ledger, NOTHING, NOW + 10**6 * DAY_NS)
    assert spans_left(bench) == [1, 2]
    half_a_day_late = NOW + 3 * DAY_NS // 2
    for keep, goes in (
        (Retention(30, None, None), Dropped(skeletons=1)),
        (Retention(None, 30, None), Dropped(attributes=1)),
        (Retention(None, None, 30), Dropped(observations=1, calls=1)),
    ):
        assert sweep(bench.ledger, keep, half_a_day_late) == goes


def test_skeletons_go_but_for_observed_spans_and_what_is_above_them(bench: SettlingBench) -> None:
    tree = [
        other(1, trace=1),
        other(2, trace=1, parent=1),
        call(3, trace=1, parent=2),
        other(4, trace=1, parent=3),  # below
        other(5, trace=1, parent=1),  # beside
        other(6, trace=2),  # in a trace without a call
        make_span({}, trace=3, span=7, parent=8),  # a circle
        make_span({}, trace=3, span=8, parent=7),
    ]
    arrive(bench, 40, *tree)
    arrive(bench, 10, other(9, trace=2))
    assert sweep(bench.ledger, Retention(30, None, None), NOW) == Dropped(skeletons=5)
    assert spans_left(bench) == [1, 2, 3, 9]
    assert not sweep(bench.ledger, Retention(30, None, None), NOW)
    assert sweep(bench.ledger, Retention(30, None, None), NOW + 30 * DAY_NS) == Dropped(skeletons=1)


def test_conflicts_go_with_the_class_of_what_they_tell_of(bench: SettlingBench) -> None:
    """A skeleton's with the skeletons, also where it stays as an ancestor; those about calls with the calls."""
    arrive(bench, 900, other(1, trace=1), other(2, trace=2), call(3, trace=2, parent=2), other(4, trace=4))
    others = [
        replace(span, name="another") for span in (other(1, trace=1), other(2, trace=2), call(3, trace=2, parent=2))
    ]
    arrive(bench, 899, *others, call(4))
    at = NOW - 900 * DAY_NS + 4  # none arrived after the last span
    bench.ask(f"UPDATE store.conflicts SET received_at = make_timestamp_ns({at})")
    conflicts = "SELECT span FROM store.conflicts ORDER BY span"
    assert bench.ask(conflicts) == [(1,), (2,), (3,), (4,)]
    assert sweep(bench.ledger, Retention(901, None, None), NOW) == Dropped()
    assert bench.ask(conflicts) == [(1,), (2,), (3,), (4,)]
    sweep(bench.ledger, Retention(30, None, None), NOW)
    assert bench.ask(conflicts) == [(3,), (4,)], "the last one tells of a call that nobody counts"
    sweep(bench.ledger, Retention(30, 400, 730), NOW)
    assert bench.ask(conflicts) == []


def test_attributes_go_and_their_reading_stays_also_when_read_again(bench: SettlingBench) -> None:
    arrive(bench, 500, call(1))
    arrive(bench, 10, call(2))
    before = bench.snapshot()
    readings = bench.ask("SELECT seq, reading FROM store.observations ORDER BY seq")
    assert sweep(bench.ledger, Retention(None, 400, None), NOW) == Dropped(attributes=1)
    assert not sweep(bench.ledger, Retention(None, 400, None), NOW)
    kept = bench.ask("SELECT attributes, resource FROM observations ORDER BY seq")
    assert kept[0] == ("{}", "{}")
    assert "gen_ai.usage.input_tokens" in kept[1][0]
    found = rebuild(bench.ledger, shipped_book(), apply=True)
    assert (found.equal, found.reread) == (True, 0)
    assert bench.snapshot() == before
    assert bench.ask("SELECT seq, reading FROM store.observations ORDER BY seq") == readings


def test_what_went_before_a_failure_is_counted(bench: SettlingBench) -> None:
    arrive(bench, 500, call(1))
    bench.ask("ALTER TABLE store.conflicts RENAME TO gone")
    dropped = Dropped()
    with pytest.raises(duckdb.Error, match="conflicts"):
        sweep(bench.ledger, Retention(None, 400, None), NOW, dropped=dropped)
    assert dropped == Dropped(attributes=1)


def test_a_span_that_comes_again_after_its_attributes_went_is_still_one(bench: SettlingBench) -> None:
    arrive(bench, 500, other(1, trace=1), call(2, trace=1, parent=1))
    before = bench.snapshot()
    sweep(bench.ledger, EVERYTHING_BUT_CALLS, NOW)
    bench.settle(call(2, trace=1, parent=1))
    framework = make_span(call(2).attributes, NATIVE, trace=1, span=3, parent=1, start=2, end=3)
    bench.settle(framework)
    assert [row[0] for row in bench.snapshot()] == [row[0] for row in before], "another who tells of it joins it"


def test_what_is_not_settled_is_never_touched(bench: SettlingBench) -> None:
    bench.arrive([call(1)])
    bench.ask(f"UPDATE store.observations SET received_at = make_timestamp_ns({NOW - 900 * DAY_NS})")
    bench.ask(f"UPDATE store.spans SET received_at = make_timestamp_ns({NOW - 900 * DAY_NS})")
    assert not sweep(bench.ledger, Retention(0, 0, 0), NOW)
    assert bench.settler.settle_pending() == 1


def test_what_settling_failed_with_stays_until_it_is_counted(bench: SettlingBench) -> None:
    arrive(bench, 900, call(1), call(2))
    bench.ask(
        "INSERT INTO store.set_aside SELECT seq, 0, 2, 2, 'odd', received_at FROM store.observations WHERE span = 2"
    )
    assert sweep(bench.ledger, Retention(None, None, calls=0), NOW).observations == 1
    assert bench.ask("SELECT span FROM store.observations") == [(2,)]


def test_old_calls_go_with_all_that_is_about_them(bench: SettlingBench) -> None:
    arrive(bench, 900, other(1, trace=1), call(2, trace=1, parent=1), other(3, trace=1))
    arrive(bench, 800, call(4))
    arrive(bench, 10, call(5))
    young = [row for row in bench.snapshot() if row[2] == f"{5:016x}"]
    retention = Retention(None, None, calls=730)
    assert sweep(bench.ledger, retention, NOW) == Dropped(observations=2, calls=2)
    assert bench.snapshot() == young
    assert spans_left(bench) == [5]
    assert (
        bench.ask("SELECT span FROM store.observations") == bench.ask("SELECT span FROM store.settle_index") == [(5,)]
    )
    assert rebuild(bench.ledger, shipped_book()).equal
    assert not sweep(bench.ledger, retention, NOW)


def test_the_history_of_old_calls_goes_with_them(bench: SettlingBench) -> None:
    """And that of what turned out to be another call, when that is long ago."""
    arrive(bench, 900, call(1))
    arrive(bench, 10, call(2))
    bench.ask(f"""
        INSERT INTO call_history SELECT call_id, 0, make_timestamp_ns({NOW}), 'settled again', '{{}}' FROM calls
        UNION ALL SELECT 'old', 0, make_timestamp_ns({NOW - 731 * DAY_NS}), 'settled again', '{{}}'
        UNION ALL SELECT 'new', 0, make_timestamp_ns({NOW - 729 * DAY_NS}), 'settled again', '{{}}'""")
    bench.ask("""
        INSERT INTO price_history BY NAME SELECT *, settled_at AS superseded_at, 'repriced' AS reason FROM (
            SELECT call_id, revision, price_status, price_reasons, flags, cost_usd, cost_low_usd, cost_high_usd,
                   price_book, settled_at, started_at FROM calls)""")
    bench.ask("INSERT INTO charge_history BY NAME FROM charges")
    ((young,),) = bench.ask(f"SELECT call_id FROM calls WHERE span_id = '{2:016x}'")
    sweep(bench.ledger, Retention(None, None, calls=730), NOW)
    assert bench.ask("SELECT call_id FROM call_history ORDER BY call_id") == sorted([("new",), (young,)])
    for table in ("price_history", "charge_history", "charges", "call_meters"):
        assert bench.ask(f"SELECT DISTINCT call_id FROM {table}") == [(young,)], table


def test_what_hangs_together_with_something_young_stays_together(bench: SettlingBench) -> None:
    arrive(bench, 900, call(1, trace=1), call(2, trace=2, response="msg_cached000000"), call(3))
    arrive(bench, 10, call(11, trace=1), call(12, trace=12, response="msg_cached000000"))
    before = bench.snapshot()
    assert any("cache_replay" in str(row) for row in before)
    assert sweep(bench.ledger, Retention(None, None, calls=730), NOW) == Dropped(observations=1, calls=1)
    assert len(bench.snapshot()) == len(before) - 1
    found = rebuild(bench.ledger, shipped_book())
    assert found.equal, "the answer from a cache still costs nothing"


def test_numbers_go_on_when_all_is_gone(bench: SettlingBench) -> None:
    arrive(bench, 900, call(1), call(2))
    assert sweep(bench.ledger, Retention(0, 0, 0), NOW).calls == 2
    assert bench.ask("SELECT count(*) FROM store.observations") == [(0,)]
    after_a_restart = SettlingBench(bench.ledger, observations_per_pass=10)
    assert after_a_restart.settle(call(3)) == 1
    assert len(after_a_restart.snapshot()) == 1
    after_a_restart.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=6)
@given(old=worlds(most=7), young=worlds(most=7), late=st.just([]) | worlds(most=3))
def test_whatever_came_forgetting_changes_no_call_that_stays(
    shared: SettlingBench,
    old: list[ReceivedSpan],
    young: list[ReceivedSpan],
    late: list[ReceivedSpan],
) -> None:
    """Any spans, some of them old: after a sweep of everything but calls the ledger says what it said, a rebuild says
    the same, and spans that come late are counted as if nothing had been forgotten, but for ancestry that is gone."""
    shared.empty()
    shared.ask("DELETE FROM meta WHERE key IN ('stripped_seq', 'kept_skeletons_ns')")
    renumbered = [_renumbered(span, 100) for span in young]
    arrive(shared, 900, *old)
    arrive(shared, 10, *renumbered)
    before = shared.snapshot()
    sweep(shared.ledger, Retention(skeletons=100, attributes=100, calls=None), NOW)
    assert shared.snapshot() == before
    assert rebuild(shared.ledger, shipped_book()).equal
    dropped = sweep(shared.ledger, Retention(skeletons=100, attributes=100, calls=100), NOW)
    after = shared.snapshot()
    assert len(after) == len(before) - dropped.calls
    assert all(row in before for row in after)
    shared.settle(*[_renumbered(span, 200) for span in late])
    found = rebuild(shared.ledger, shipped_book())
    assert found.equal, found.examples


def _renumbered(span: ReceivedSpan, more: int) -> ReceivedSpan:
    """The same as another span, below spans of the first world where it has a parent."""
    return replace(span, span_id=(int.from_bytes(span.span_id) + more).to_bytes(8))
