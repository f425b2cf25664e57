"""What differs between two states of a call, as people read it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from spanledger_collector.ledger.differences import Change, changes

BEFORE = {
    "call_id": "ca11",
    "revision": 1,
    "settled_at": 1,
    "span_id": "0000000000000002",
    "started_at": 1_790_000_000_000_000_000,
    "cost_usd": "0.001500000000",
    "user_id": None,
    "error_type": "[odd",
    "flags": '["odd"]',
    "dimensions": '{"team": "red"}',
    "meters": {"input": "10.000000"},
    "charges": [{"meter": "input", "amount_usd": "0.001500000000", "price_entry_id": "entry-one-of-many"}],
    "sources": [{"part": "usage", "span": 2, "reason": "why"}],
}


def test_nothing_differs_from_itself_nor_for_revision_and_time() -> None:
    assert changes(BEFORE, BEFORE | {"revision": 2, "settled_at": 9}) == ()


def test_every_value_is_told_before_and_after() -> None:
    after = BEFORE | {
        "span_id": "0000000000000001",
        "started_at": 1_790_000_000_000_000_001,
        "cost_usd": "0.002000000000",
        "user_id": "ana",
        "flags": "[]",
        "dimensions": '{"tier": "gold"}',
        "meters": {"input": "10", "output": "5"},
        "charges": [
            {"meter": "input", "amount_usd": "0.001500000000", "price_entry_id": "entry-one-of-many"},
            {"meter": "output", "amount_usd": "0.000500000000", "price_entry_id": "other"},
        ],
        "sources": [{"part": "merged", "span": 2, "reason": "why"}, {"part": "usage", "span": 1, "reason": "why"}],
    }
    assert changes(BEFORE, after) == (
        Change("span_id", "0000000000000002", "0000000000000001"),
        Change("started_at", "2026-09-21T14:13:20.000000000Z", "2026-09-21T14:13:20.000000001Z"),
        Change("cost_usd", "0.0015", "0.002"),
        Change("user_id", None, "ana"),
        Change("flags", "odd", ""),
        Change("dimensions.tier", None, "gold"),
        Change("meters.output", None, "5"),
        Change("charges.output", None, "0.0005 by other"),
        Change("sources", "usage 0000000000000002", "merged 0000000000000002, usage 0000000000000001"),
        Change("dimensions.team", "red", None),
    )


def test_what_history_did_not_keep_is_not_compared() -> None:
    assert changes({"cost_usd": "0.001"}, BEFORE) == (Change("cost_usd", "0.001", "0.0015"),)


def test_a_call_that_comes_or_goes_is_told_whole() -> None:
    came = {change.column: change.after for change in changes({}, BEFORE)}
    gone = {change.column: change.before for change in changes(BEFORE, {})}
    assert came == gone
    assert came["cost_usd"] == "0.0015"
    assert "call_id" not in came


_texts = st.text(max_size=5) | st.none() | st.sampled_from(["[1", '{"a": 1}', "[]", "007"])


@given(st.dictionaries(st.sampled_from(["user_id", "model", "flags", "workflow"]), _texts))
def test_any_text_is_compared(said: dict[str, str | None]) -> None:
    assert changes(said, said) == ()
    json.dumps([change._asdict() for change in changes(said, BEFORE)])
