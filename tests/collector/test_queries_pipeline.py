"""The named queries on a ledger that the real journal, settling and pricing wrote, not on rows made for tests."""

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest
from receiving import START, journal_on

from spanledger import semconv
from spanledger.meters import METER_BY_NAME
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document, answer
from spanledger_collector.ledger.settling import Settler
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.model import AttributeValue, ReceivedSpan, Scope
from spanledger_collector.pricing import shipped_book

TRACE = bytes.fromhex("0123456789abcdef0123456789abcdef")


def span(number: int, parent: int | None, name: str, attributes: dict[str, AttributeValue], scope: str) -> ReceivedSpan:
    return ReceivedSpan(
        trace_id=TRACE,
        span_id=number.to_bytes(8),
        parent_span_id=None if parent is None else parent.to_bytes(8),
        name=name,
        kind=3 if attributes else 1,
        started_ns=START + number,
        ended_ns=START + 1_000_000_000 - number,
        status=1,
        attributes=attributes,
        resource={"service.name": "shop"},
        scope=Scope(scope, "1"),
    )


def chat(model: str, response_id: str, **counts: int) -> dict[str, AttributeValue]:
    return {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: model,
        semconv.RESPONSE_MODEL: model,
        semconv.RESPONSE_ID: response_id,
        semconv.USER_ID: "ada",
        f"{semconv.DIMENSION_PREFIX}team": "blue",
        **{METER_BY_NAME[name].attribute: count for name, count in counts.items()},
    }


SPANS = (
    span(1, None, "POST /ask", {}, "web"),
    span(2, 1, "chat gpt-4o-mini", chat("gpt-4o-mini", "chatcmpl-1", input=1000, output=100), semconv.SCOPE_NAME),
    span(3, 1, "chat acme-1", chat("acme-1", "chatcmpl-2", input=7, output=3), semconv.SCOPE_NAME),
    span(4, 1, "chat gpt-4o-mini", chat("gpt-4o-mini", "chatcmpl-3"), semconv.SCOPE_NAME),
)


@pytest.fixture
async def settled(db: Path) -> Path:
    """A ledger of one trace: a priced call, one of an unknown model, one without usage."""
    with Ledger.open(db) as ledger:
        with journal_on(ledger) as (journal, _):
            await journal.append(SPANS)
        assert Settler(ledger, shipped_book()).settle_pending() == 3
    return db


@pytest.fixture
def reading(settled: Path) -> Generator[Ledger]:
    with Ledger.open(settled, read_only=True) as ledger:
        yield ledger


def ask(ledger: Ledger, name: str, **arguments: str) -> Document:
    return answer(QUESTION_BY_NAME[name], ledger.cursor(), {key: [value] for key, value in arguments.items()})


def test_usage_adds_up(reading: Ledger) -> None:
    document = ask(reading, "usage", by="model,dim:team", user="ada")
    rows = {row["model"]: row for row in document["rows"]}
    assert {row["dim:team"] for row in document["rows"]} == {"blue"}
    assert (rows["gpt-4o-mini"]["calls"], rows["gpt-4o-mini"]["unmetered_calls"]) == (2, 1)
    assert (rows["acme-1"]["cost_usd"], rows["acme-1"]["unpriced_calls"]) == (None, 1)
    assert (document["total"]["total_tokens"], document["pending"]) == (1110, 0)
    assert document["as_of"] is not None


def test_a_cost_can_be_worked_out_again_from_what_explain_says(reading: Ledger) -> None:
    document = ask(reading, "explain", id=(2).to_bytes(8).hex())
    charges = {charge["meter"]: charge for charge in document["charges"]}
    assert {meter: charge["quantity"] for meter, charge in charges.items()} == {"input": "1000", "output": "100"}
    worked_out = [
        Decimal(charge["quantity"]) * Decimal(charge["price_usd"]) / charge["per"] for charge in document["charges"]
    ]
    assert sum(worked_out) == Decimal(document["call"]["cost_usd"]) == Decimal(document["charged_usd"]) > 0
    assert all(charge["source"] and charge["price_book_name"] for charge in document["charges"])
    (source,) = document["sources"]
    assert (source["part"], source["name"], source["meters"]) == (
        "usage",
        "chat gpt-4o-mini",
        {"input": 1000, "output": 100},
    )


def test_the_trace_holds_every_span_and_every_call(reading: Ledger) -> None:
    document = ask(reading, "trace", trace_id=TRACE.hex()[:8])
    assert [(node["name"], node["depth"], len(node["calls"])) for node in document["spans"]] == [
        ("POST /ask", 0, 0),
        ("chat gpt-4o-mini", 1, 1),
        ("chat acme-1", 1, 1),
        ("chat gpt-4o-mini", 1, 1),
    ]
    total = document["total"]
    assert (total["calls"], total["unpriced_calls"], total["unmetered_calls"]) == (3, 2, 1)


def test_unpriced_names_the_model_and_what_it_used(reading: Ledger) -> None:
    rows = {row["model"]: row for row in ask(reading, "unpriced")["rows"]}
    assert rows["acme-1"]["reasons"] == ["unknown_model:acme-1"]
    assert rows["acme-1"]["meters"] == [{"meter": "input", "quantity": "7"}, {"meter": "output", "quantity": "3"}]
    assert (rows["gpt-4o-mini"]["reasons"], rows["gpt-4o-mini"]["meters"]) == (["unmetered"], [])


def test_status_counts_what_was_journaled(reading: Ledger) -> None:
    document = ask(reading, "status")
    assert [document[name] for name in ("spans", "observations", "calls", "pending")] == [4, 3, 3, 0]
