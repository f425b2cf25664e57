"""The ledger equals a rebuild from the journal, and a rebuild says and repairs where it does not."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from settling_bench import SettlingBench, settling_bench
from tests.emitters import EMITTERS, Truth
from tests.observed import make_span, worlds

from spanledger_collector.dialects import choice
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.model import ReceivedSpan, Scope
from spanledger_collector.pricing import shipped_book

_TRUTH = Truth("openai", "gpt-5-mini", 40, 60, 0, 30, 20, "chatcmpl-0123456789abcdef")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[SettlingBench]:
    """One file for all examples."""
    with settling_bench(tmp_path_factory.mktemp("rebuild") / "ledger.duckdb") as bench:
        yield bench


@pytest.fixture
def bench(db: Path) -> Generator[SettlingBench]:
    """A bench over a file of the test's own."""
    with settling_bench(db) as bench:
        yield bench


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)
@given(spans=worlds())
def test_the_ledger_equals_a_rebuild(shared: SettlingBench, spans: list[ReceivedSpan]) -> None:
    shared.run([[span] for span in spans])
    found = rebuild(shared.ledger, shipped_book())
    assert found.equal, found.examples
    assert (found.reread, found.calls) == (0, len(shared.snapshot()))


def test_every_emitter_reads_the_same_from_the_journal(bench: SettlingBench) -> None:
    for number, emitter in enumerate(EMITTERS, 1):
        truth = Truth(emitter.providers[0], "some-model", 10, 0, 0, 5, 0, f"msg_{number:012}")
        written = emitter.write(truth)
        bench.arrive([make_span(written, emitter.scope, trace=number, name=emitter.name, kind=emitter.kind)])
    bench.settler.settle_pending()
    found = rebuild(bench.ledger, shipped_book())
    assert (found.equal, found.reread, found.observations) == (True, 0, len(EMITTERS))


def _settled_by_an_older_table(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Settle two calls while the rows for Bedrock are missing; what is right with them."""
    emitter = next(emitter for emitter in EMITTERS if emitter.dialect == "otel-bedrock")
    bedrock = Truth("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", 400, 60, 30, 50, 0)
    spans = [make_span(emitter.write(bedrock), emitter.scope, trace=1), _call("chatcmpl-aaaaaaaa", trace=2)]
    right = bench.run([spans])
    bench.empty()
    monkeypatch.setattr(choice, "DIALECTS", tuple(row for row in choice.DIALECTS if "bedrock" not in row.id))
    choice.forget_scopes()
    bench.settle(*spans)
    monkeypatch.undo()
    choice.forget_scopes()
    return right


def _call(answer: str, *, trace: int) -> ReceivedSpan:
    written = EMITTERS[0].write(_TRUTH) | {"gen_ai.response.id": answer}
    return make_span(written, EMITTERS[0].scope, trace=trace)


def test_a_dry_run_tells_what_a_repaired_dialect_changes_and_changes_nothing(
    bench: SettlingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = _settled_by_an_older_table(bench, monkeypatch)
    before = bench.snapshot()
    found = rebuild(bench.ledger, shipped_book())
    assert (found.applied, found.reread, found.equal) == (False, 1, False)
    assert {difference.kind for difference in found.examples} <= {"changed", "extra", "missing"}
    assert bench.snapshot() == before != right


def test_applying_makes_new_revisions_and_the_journal_keeps_what_came(
    bench: SettlingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = _settled_by_an_older_table(bench, monkeypatch)
    came = bench.ask("SELECT seq, attributes, resource, payload_hash FROM store.observations ORDER BY seq")
    found = rebuild(bench.ledger, shipped_book(), apply=True)
    assert found.applied
    assert bench.snapshot() == right
    assert bench.ask("SELECT seq, attributes, resource, payload_hash FROM store.observations ORDER BY seq") == came
    assert bench.ask("SELECT DISTINCT reason FROM call_history") == [("rebuilt from the journal",)]
    assert rebuild(bench.ledger, shipped_book()).equal
    later = make_span({"gen_ai.operation.name": "chat", "user.id": "ann"}, Scope("x"), trace=1, span=9, end=1)
    bench.settle(later)
    assert rebuild(bench.ledger, shipped_book()).equal


def test_a_ledger_that_someone_changed_is_repaired(bench: SettlingBench) -> None:
    bench.settle(_call("chatcmpl-aaaaaaaa", trace=1), _call("chatcmpl-bbbbbbbb", trace=2))
    right = bench.snapshot()
    bench.ask("UPDATE calls SET cost_usd = 0, user_id = 'nobody' WHERE trace_id LIKE '%1'")
    bench.ask("DELETE FROM calls WHERE trace_id LIKE '%2'")
    found = rebuild(bench.ledger, shipped_book())
    assert found.kinds == {"changed": 1, "missing": 1}
    assert found.columns == {"cost_usd": 1, "user_id": 1}
    rebuild(bench.ledger, shipped_book(), apply=True)
    assert bench.snapshot() == right


def test_what_is_pending_is_left_alone(bench: SettlingBench) -> None:
    bench.settle(_call("chatcmpl-aaaaaaaa", trace=1))
    bench.arrive([_call("chatcmpl-bbbbbbbb", trace=2)])
    found = rebuild(bench.ledger, shipped_book(), apply=True)
    assert (found.equal, found.observations) == (True, 1)
    assert bench.settler.pending() == 1


def test_nothing_is_left_beside_the_ledger(bench: SettlingBench) -> None:
    bench.settle(_call("chatcmpl-aaaaaaaa", trace=1))
    rebuild(bench.ledger, shipped_book())
    assert not [path for path in bench.ledger.path.parent.iterdir() if "rebuild" in path.name]
