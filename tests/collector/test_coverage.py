"""`spanledger coverage`: which requests to models are metered, on a ledger that the real journal and settling wrote."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from msgspec.structs import replace
from receiving import journal_on
from tests.observed import OWN, START_NS, make_span

from spanledger_collector.cli import spanledger
from spanledger_collector.dialects import Reader
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import AttributeValue, ReceivedSpan, Scope
from spanledger_collector.pricing import shipped_book

HTTPX = Scope("opentelemetry.instrumentation.httpx", "0.66b2")
APP = Scope("app", "1")
REQUEST: dict[str, AttributeValue] = {
    "http.method": "POST",
    "http.url": "https://api.openai.com/v1/chat/completions",
    "http.status_code": 200,
}
CALL: dict[str, AttributeValue] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
UNMETERED = {name: value for name, value in CALL.items() if not name.startswith("gen_ai.usage")}
AGENT = CALL | {"gen_ai.operation.name": "invoke_agent"}


def request(span: int, parent: int | None = None, start: float = 0.2, end: float = 0.8, **more: Any) -> ReceivedSpan:  # noqa: ANN401 - fields of a span
    attributes = REQUEST | more.pop("attributes", {})
    return make_span(attributes, HTTPX, span=span, parent=parent, start=start, end=end, name="POST", **more)


def call(
    span: int,
    parent: int | None = None,
    attributes: Mapping[str, AttributeValue] = CALL,
    **more: Any,  # noqa: ANN401 - fields of a span
) -> ReceivedSpan:
    return make_span(attributes, OWN, span=span, parent=parent, name="chat gpt-5-mini", **more)


def step(span: int, parent: int | None = None, name: str = "answer", **more: Any) -> ReceivedSpan:  # noqa: ANN401 - fields of a span
    return make_span({}, APP, span=span, parent=parent, kind=1, name=name, **more)


async def settle(db: Path, spans: Sequence[ReceivedSpan]) -> None:
    with Ledger.open(db) as ledger:
        with journal_on(ledger, Reader()) as (journal, _):
            await journal.append(spans)
        Settler(ledger, shipped_book()).settle_pending()
        assert rebuild(ledger, shipped_book()).equal


def run(db: Path, *words: str) -> Result:
    return CliRunner().invoke(spanledger, ["coverage", "--db", str(db), *words])


def answer(db: Path, *words: str) -> dict[str, Any]:
    return json.loads(run(db, *words, "--format", "json").stdout)


def judged(document: dict[str, Any]) -> tuple[int, int, int, int, int]:
    total = document["total"]
    return total["requests"], total["metered"], total["without_usage"], total["unseen"], total["failed"]


SHAPES: dict[str, tuple[list[ReceivedSpan], tuple[int, int, int, int, int]]] = {
    "below a call": ([call(1), request(2, 1)], (1, 1, 0, 0, 0)),
    "below a call, with a step between": ([call(1), step(2, 1, start=0.1, end=0.9), request(3, 2)], (1, 1, 0, 0, 0)),
    "around the call of a gateway": ([request(1, end=1), call(2, 1, start=0.1, end=0.9)], (1, 1, 0, 0, 0)),
    "beside a call": ([step(1), call(2, 1), request(3, 1)], (1, 1, 0, 0, 0)),
    "beside a call, its context lost": ([call(1), request(2, trace=2)], (1, 1, 0, 0, 0)),
    "its context lost, during a long call and after a short one": (
        [call(1, end=9), call(2, trace=2, start=0.1, end=0.2), request(3, trace=3)],
        (1, 1, 0, 0, 0),
    ),
    "its context lost, during a call without usage": ([call(1, None, UNMETERED), request(2, trace=2)], (1, 0, 1, 0, 0)),
    "its context lost, after the call": ([call(1), request(2, None, 2, 3, trace=2)], (1, 0, 0, 1, 0)),
    "two libraries for one request": ([call(1), request(2, 1), request(3, 2, 0.3, 0.7)], (1, 1, 0, 0, 0)),
    "tried again": (
        [call(1), request(2, 1, end=0.3, attributes={"http.status_code": 429}), request(3, 1, 0.4)],
        (2, 1, 0, 0, 1),
    ),
    "nobody tells of it": ([step(1), request(2, 1)], (1, 0, 0, 1, 0)),
    "nobody tells of it, no trace": ([request(2)], (1, 0, 0, 1, 0)),
    "a call without usage": ([call(1, None, UNMETERED), request(2, 1)], (1, 0, 1, 0, 0)),
    "beside a call that has its own request": (
        [step(1), call(2, 1), request(3, 2), request(4, 1)],
        (2, 1, 0, 1, 0),
    ),
    "beside a call of another time": ([step(1, end=9), call(2, 1), request(3, 1, 5, 6)], (1, 0, 0, 1, 0)),
    "beside a call of another provider": (
        [step(1), call(2, 1, CALL | {"gen_ai.provider.name": "groq"}), request(3, 1)],
        (1, 0, 0, 1, 0),
    ),
    "below an agent that only sums up": (
        [call(1, None, AGENT, kind=1, end=3), call(2, 1), request(3, 2), request(4, 1, 1.2, 1.8)],
        (2, 1, 0, 1, 0),
    ),
    "below an agent that is the only record": ([call(1, None, AGENT, kind=1), request(2, 1)], (1, 1, 0, 0, 0)),
    "nothing sent": ([call(1)], (0, 0, 0, 0, 0)),
}


async def test_a_request_is_judged_by_the_calls_around_it(db: Path) -> None:
    """Every shape in one ledger, each as a service with traces of its own."""
    spans = [
        replace(
            span,
            trace_id=(10 * number + int.from_bytes(span.trace_id)).to_bytes(16),
            resource={"service.name": shape, "service.instance.id": shape},
        )
        for number, (shape, (shaped, _)) in enumerate(SHAPES.items())
        for span in shaped
    ]
    await settle(db, spans)
    found = {shape: [0] * 5 for shape in SHAPES}
    for row in answer(db)["rows"]:
        counts = (row[name] for name in ("requests", "metered", "without_usage", "unseen", "failed"))
        found[row["service"]] = [sum(pair) for pair in zip(found[row["service"]], counts, strict=True)]
    assert found == {shape: list(expected) for shape, (_, expected) in SHAPES.items()}


async def test_rows_name_service_host_and_call_site(db: Path) -> None:
    by_code: dict[str, AttributeValue] = {
        "code.function.name": "shop.ask",
        "code.file.path": "shop.py",
        "code.line.number": 7,
    }
    elsewhere: dict[str, AttributeValue] = {"http.url": "https://api.anthropic.com/v1/messages"}
    await settle(
        db,
        [
            step(1, name="POST /ask", end=9),
            *(request(number, 1, number / 10, number / 10 + 0.05) for number in (2, 3)),
            request(4, 1, attributes=elsewhere),
            request(5, trace=2, attributes=by_code),
            call(6, 1, start=5, end=6),
            request(7, 6, 5.1, 5.9),
        ],
    )
    rows = answer(db)["rows"]
    assert [(row["service"], row["host"], row["call_site"], row["requests"], row["unseen"]) for row in rows] == [
        ("shop", "api.openai.com", "POST /ask", 2, 2),
        ("shop", "api.anthropic.com", "POST /ask", 1, 1),
        ("shop", "api.openai.com", "shop.ask (shop.py:7)", 1, 1),
        ("shop", "api.openai.com", "chat gpt-5-mini", 1, 0),
    ]
    assert rows[1]["request"] == "POST /v1/messages"
    assert answer(db)["total"]["covered_percent"] == "20.00"


async def test_the_exit_code_tells_that_too_little_is_metered(db: Path) -> None:
    await settle(db, [call(1), request(2, 1), call(3, trace=2), request(4, 3, trace=2), request(5, trace=3)])
    assert run(db).exit_code == 0
    assert run(db, "--fail-under", "66.66").exit_code == 0
    below = run(db, "--fail-under", "66.67")
    assert below.exit_code == 1
    assert "66.66 % of 3 requests that did not fail are metered." in below.stdout
    assert "Less than 66.67 % are metered." in below.stderr
    assert run(db, "--fail-under", "101").exit_code == 2


async def test_a_check_that_saw_nothing_does_not_pass(db: Path) -> None:
    await settle(db, [call(1)])
    assert answer(db)["total"]["covered_percent"] is None
    checked = run(db, "--fail-under", "50")
    assert checked.exit_code == 1
    assert "is an HTTP instrumentation on" in checked.stderr


async def test_only_the_period_counts(db: Path) -> None:
    await settle(db, [request(1), request(2, trace=2, start=86400 * 3, end=86400 * 3 + 1)])
    assert START_NS // 10**9 == 1_790_000_000  # 2026-09-21
    assert judged(answer(db, "--to", "2026-09-22")) == (1, 0, 0, 1, 0)
    assert "Requests from the beginning to 2026-09-23" in run(db, "--to", "2026-09-22").stdout
