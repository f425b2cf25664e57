"""Every span that came in can be accounted for: what each stage counts adds up, at `/metrics` and in the status."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from errno import ENOSPC
from pathlib import Path
from threading import Semaphore
from typing import Any
from urllib.request import urlopen

import pytest
from msgspec.structs import replace
from otlp_http import send
from prometheus_client.parser import text_string_to_metric_families
from receiving import CHAT, START, received, request, until
from whole_server import server_with

from spanledger_collector.journal import intake
from spanledger_collector.journal.entries import Entry
from spanledger_collector.journal.writer import Writer
from spanledger_collector.model import ReceivedSpan
from spanledger_collector.service import Running
from spanledger_collector.settings import Settings

CALLS = [received(number, CHAT) for number in range(5)]
OTHERS = [received(number, {"http.route": "/"}) for number in range(5, 12)]
UNPRICED = received(12, {**CHAT, "gen_ai.request.model": "mystery-1"})
REJECTED = [replace(received(number), ended_ns=START - 1) for number in (20, 21)]
SENT_AGAIN = [*CALLS, OTHERS[0], CALLS[0]]
CONFLICTING = [replace(span, name="another") for span in (CALLS[0], OTHERS[0], OTHERS[1])]
REFUSED = [received(number) for number in range(30, 34)]


def _send(server: Running, spans: Sequence[ReceivedSpan]) -> int:
    return send(server, request(spans).SerializeToString()).status


def _get(server: Running, path: str) -> str:
    with urlopen(f"{server.web.url}{path}", timeout=20) as answer:
        return answer.read().decode()


def _counted(text: str) -> Counter[str]:
    """The samples by their short names, summed over their labels."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name.removeprefix("spanledger_").removesuffix("_total")] += int(sample.value)
    return found


def test_what_comes_in_goes_through_the_stages_and_nothing_is_left_over(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_with(Settings(db=db)) as server:
        for spans in ([*CALLS, *OTHERS, UNPRICED, *REJECTED], SENT_AGAIN, CONFLICTING, CONFLICTING[:1]):
            assert _send(server, spans) == 200
        with monkeypatch.context() as patched:
            patched.setattr(intake, "_sync_data", _full)
            assert _send(server, REFUSED) == 503
        until(lambda: server.state.journal.waiting.requests == 0)
        until(lambda: server.state.stats.snapshot()["observations_settled"] == 6)
        text = _get(server, "/metrics")
        counters = json.loads(_get(server, "/v1/status"))["counters"]

    counted = _counted(text)
    stages = {name.removeprefix("spans_"): count for name, count in counted.items() if name.startswith("spans_")}
    assert stages == {
        "received": 15 + 7 + 4 + 4,
        "rejected": 2,
        "logged": 13 + 7 + 4,
        "journaled": 13,
        "recognised": 6,
        "skipped": 7,
        "duplicate": 7,
        "conflicting": 4,
        "unreadable": 0,
    }
    assert stages["received"] == stages["rejected"] + stages["logged"] + len(REFUSED)
    assert stages["logged"] == stages["duplicate"] + stages["conflicting"] + stages["journaled"]
    assert stages["journaled"] == stages["recognised"] + stages["skipped"]
    assert counted["observations_settled"] == stages["recognised"] == counted["ledger_calls"]
    assert counters["requests"] == {"http": {"traces": {"ok": 4, "not_stored": 1}}}
    assert _by_price(text) == {"priced": 5, "unpriced": 1}
    for name in ("observations_pending", "intake_spans", "intake_bytes", "intake_lag_seconds", "waiting_bytes"):
        assert (counted[name], counters[name]) == (0, 0)


def _full(_: int) -> None:
    raise OSError(ENOSPC, "No space left on device")


def _by_price(text: str) -> dict[str, int]:
    """How many calls there are of each price status."""
    (family,) = (each for each in text_string_to_metric_families(text) if each.name == "spanledger_ledger_calls")
    return {sample.labels["price_status"]: int(sample.value) for sample in family.samples}


def test_how_far_behind_it_is_shows_while_the_database_takes_nothing(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = Semaphore(0), Semaphore(0)
    commit = Writer.commit

    def held(writer: Writer, batch: Sequence[Entry], position: Any = None) -> None:  # noqa: ANN401 - as it came
        begun.release()
        assert go_on.acquire(timeout=60)
        commit(writer, batch, position)

    monkeypatch.setattr(Writer, "commit", held)
    with server_with(Settings(db=db)) as server:
        try:
            assert _send(server, CALLS) == 200
            assert begun.acquire(timeout=20)
            earlier = time.time()
            assert _send(server, OTHERS) == 200
            assert [_waiting(server, name) for name in ("intake_spans", "observations_pending")] == [12, 5]
            assert _waiting(server, "intake_bytes") > 1000
            lag = _waiting(server, "intake_lag_seconds")
            until(lambda: _waiting(server, "intake_lag_seconds") > lag > 0)
            go_on.release()
            until(lambda: _waiting(server, "intake_spans") == 7)
            assert 0 < _waiting(server, "intake_lag_seconds") <= time.time() - earlier, "of what still waits"
        finally:
            go_on.release(10)
        until(lambda: _waiting(server, "intake_lag_seconds") == 0)
        until(lambda: server.state.pending() == 0)


def _waiting(server: Running, name: str) -> float:
    found = server.state.stats.snapshot()[name]
    assert isinstance(found, float)
    return found
