"""An observation that settling fails with is found and set aside, and holds up no other; a rebuild tries it again."""

from collections.abc import Callable, Generator
from pathlib import Path

import duckdb
import pytest
from settling_bench import SettlingBench, settling_bench
from tests.observed import OWN, make_span

from spanledger_collector.alike import Alike
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.model import Call, Observation, ReceivedSpan
from spanledger_collector.pricing import shipped_book
from spanledger_collector.pricing.bills import Bill, Bills

_ASIDE = "SELECT span_id, reason FROM set_aside ORDER BY span_id"
_BUG = "no such price"
_Alike = Alike[Call] | Alike[Observation]
_bill_of = Bills.of_all


@pytest.fixture
def bench(db: Path) -> Generator[SettlingBench]:
    """A bench over a file of the test's own."""
    with settling_bench(db) as bench:
        yield bench


def _spans(*numbers: int) -> list[ReceivedSpan]:
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
    }
    return [
        make_span(said | {"gen_ai.response.id": f"msg_{number:012}"}, OWN, trace=number, span=number)
        for number in numbers
    ]


def _id(number: int) -> str:
    return f"{number:016x}"


def _failing_for(*numbers: int) -> Callable[[Bills, _Alike], Bill | None]:
    def billed(bills: Bills, alike: _Alike) -> Bill | None:
        if any(int.from_bytes(span_id) in numbers for span_id in alike.column("span_id")):
            raise KeyError(_BUG)
        return _bill_of(bills, alike)

    return billed


def _settled(bench: SettlingBench) -> list[str]:
    return [span_id for (span_id,) in bench.ask("SELECT span_id FROM calls ORDER BY span_id")]


@pytest.mark.parametrize("wrong", [(1,), (4,), (9,), (1, 5), (8, 9), (1, 2, 3, 4, 6, 7, 8, 9)])
def test_all_others_are_settled(
    bench: SettlingBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: tuple[int, ...]
) -> None:
    monkeypatch.setattr(Bills, "of_all", _failing_for(*wrong))
    assert bench.settle(*_spans(*range(1, 10))) == 9
    assert _settled(bench) == [_id(number) for number in range(1, 10) if number not in wrong]
    assert bench.ask(_ASIDE) == [(_id(number), f"KeyError: '{_BUG}'") for number in wrong]
    assert (bench.settler.pending(), bench.settler.set_aside()) == (0, len(wrong))
    assert len(caplog.records) == len(wrong)
    assert all(_BUG in (record.exc_text or "") for record in caplog.records)
    assert bench.settle(*_spans(20)) == 1
    assert len(caplog.records) == len(wrong), "said once"


def test_when_everything_fails_it_is_not_the_observations(
    bench: SettlingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.arrive(_spans(*range(1, 10)))
    with monkeypatch.context() as patch:
        patch.setattr(Bills, "of_all", _failing_for(*range(1, 10)))
        with pytest.raises(KeyError):
            bench.settler.settle_pending()
        assert (bench.settler.pending(), bench.settler.set_aside()) == (9, 0)
    assert bench.settler.settle_pending() == 9
    assert len(_settled(bench)) == 9


def test_a_full_disk_sets_nothing_aside(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Bill:
        raise duckdb.IOException("disk full")

    bench.arrive(_spans(1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(Bills, "of_all", full)
        with pytest.raises(duckdb.IOException):
            bench.settler.settle_pending()
    assert (bench.settler.pending(), bench.settler.set_aside()) == (2, 0)


def test_an_interrupted_pass_marks_what_it_went_past(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress and marks are one transaction: whenever the process ends, nothing is passed over in silence."""

    def billed(bills: Bills, alike: _Alike) -> Bill | None:
        """Fails with the second, which is halved away from the rest, and is interrupted at the last of these."""
        found = _failing_for(2)(bills, alike)
        if any(int.from_bytes(span_id) == 8 for span_id in alike.column("span_id")):
            raise KeyboardInterrupt
        return found

    bench.arrive(_spans(*range(1, 9)))
    with monkeypatch.context() as patch:
        patch.setattr(Bills, "of_all", billed)
        with pytest.raises(KeyboardInterrupt):
            bench.settler.settle_pending()
        patch.setattr(Bills, "of_all", _failing_for(2))
        bench.new_settler().settle_pending()
    assert bench.ask("SELECT span_id FROM set_aside") == [(_id(2),)]
    assert len(_settled(bench)) == 7


def test_a_rebuild_settles_what_was_set_aside(bench: SettlingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Bills, "of_all", _failing_for(2, 3))
        bench.settle(*_spans(1, 2, 3))
        assert rebuild(bench.ledger, shipped_book()).equal, "as long as the reason is there"
        patch.setattr(Bills, "of_all", _failing_for(3))
        assert rebuild(bench.ledger, shipped_book(), apply=True).kinds == {"missing": 1}
        assert bench.ask("SELECT span_id FROM set_aside") == [(_id(3),)]
    rebuild(bench.ledger, shipped_book(), apply=True)
    assert (len(_settled(bench)), bench.settler.set_aside()) == (3, 0)
    assert rebuild(bench.ledger, shipped_book()).equal


def test_a_reading_that_cannot_be_read(bench: SettlingBench) -> None:
    """A rebuild reads it anew from what was received."""
    bench.arrive(_spans(1, 2, 3, 4))
    bench.ask("UPDATE store.observations SET reading = '{}' WHERE span IN (2, 4)")
    assert bench.settler.settle_pending() == 4
    assert [span_id for span_id, _ in bench.ask(_ASIDE)] == [_id(2), _id(4)]
    assert _settled(bench) == [_id(1), _id(3)]
    rebuild(bench.ledger, shipped_book(), apply=True)
    assert (len(_settled(bench)), bench.settler.set_aside()) == (4, 0)
