"""The comparison that decides whether the demo may end with 0: it must notice whatever a ledger can get wrong."""

from decimal import Decimal

import pytest

from spanledger_collector.demo.truth import (
    Counted,
    Served,
    counted_from_rows,
    differences,
    served_from_documents,
    totals,
)

METERS = {"input": Decimal(10), "output": Decimal(3)}
SERVED = Served("openai", "gpt-4o-mini-2024-07-18", "chatcmpl-1", 200, METERS, told=True)
COUNTED = Counted("openai", "gpt-4o-mini-2024-07-18", "chatcmpl-1", failed=False, metered=True, meters=METERS)
EMBEDDING = Served("openai", "text-embedding-3-small", None, 200, {"input": Decimal(4)}, told=True)
EMBEDDED = Counted("openai", "text-embedding-3-small", None, failed=False, metered=True, meters={"input": Decimal(4)})
UNTOLD = Served("openai", "gpt-4o-mini-2024-07-18", "chatcmpl-2", 200, METERS, told=False)
REFUSED = Served("openai", "no-such-model", None, 404, None, told=False)


def counted(response_id: str = "chatcmpl-1", **meters: int) -> Counted:
    disjoint = {meter: Decimal(count) for meter, count in meters.items()}
    return Counted("openai", "gpt-4o-mini-2024-07-18", response_id, failed=False, metered=bool(meters), meters=disjoint)


def test_agreement_in_any_order() -> None:
    failed = Counted("openai", "no-such-model", None, failed=True, metered=False, meters={})
    ledger = [EMBEDDED, failed, counted("chatcmpl-2"), COUNTED]
    assert differences([SERVED, EMBEDDING, UNTOLD, REFUSED], ledger) == []


@pytest.mark.parametrize(
    "ledger",
    [
        [],
        [COUNTED, COUNTED],
        [counted("chatcmpl-9", input=10, output=3)],
        [counted(input=10, output=4)],
        [counted(input=10)],
        [counted(input=8, cache_read=2, output=3)],
        [COUNTED, EMBEDDED],
    ],
    ids=["missing", "twice", "other id", "other count", "meter missing", "other meter", "invented"],
)
def test_every_disagreement_is_named(ledger: list[Counted]) -> None:
    assert differences([SERVED], ledger)


def test_an_untold_usage_must_stay_unknown() -> None:
    assert differences([UNTOLD], [counted("chatcmpl-2")]) == []
    assert differences([UNTOLD], [counted("chatcmpl-2", input=10, output=3)])


def test_totals_by_model_say_where_they_differ() -> None:
    rows = totals([SERVED, EMBEDDING, UNTOLD], [counted(input=10, output=3), counted("chatcmpl-2"), EMBEDDED, EMBEDDED])
    assert rows == [
        ("gpt-4o-mini-2024-07-18", 2, 2, 13, 13, "yes"),
        ("text-embedding-3-small", 1, 2, 4, 8, "NO"),
    ]


def test_readings_of_both_sides() -> None:
    document = {
        "provider": "openai",
        "model": "gpt-4o-mini-2024-07-18",
        "request_model": "gpt-4o-mini",
        "id": "chatcmpl-1",
        "status": 200,
        "usage_sent": True,
    }
    counting_tokens = document | {"id": None}
    refused = document | {
        "id": None,
        "model": None,
        "status": 404,
        "usage_sent": False,
        "request_model": "no-such-model",
    }
    billed = document | {"meters": {"input": 10, "output": 3}}
    assert served_from_documents([billed, counting_tokens, refused]) == [SERVED, REFUSED]

    call = {
        "call_id": "c1",
        "provider": "openai",
        "model": "gpt-4o-mini-2024-07-18",
        "response_id": "chatcmpl-1",
        "error_type": None,
        "usage_status": "metered",
    }
    rows = [
        call | {"meter": "input", "quantity": "10.000000"},
        call | {"meter": "output", "quantity": 3},
        call | {"meter": "reasoning", "quantity": "0.000000"},
    ]
    assert counted_from_rows(rows) == [COUNTED]
    silent = call | {"meter": None, "quantity": None, "usage_status": "unmetered"}
    assert counted_from_rows([silent])[0].meters == {}
