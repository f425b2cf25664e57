"""The commands that would price what has no price: they must not change what has one."""

from typing import Any

import pytest

from spanledger_collector.ledger.queries.fixes import fixes
from spanledger_collector.model import Conditions
from spanledger_collector.pricing import shipped_book
from spanledger_collector.pricing.entries import instant_ns

CHAT = "spanledger prices set deepseek deepseek-chat"


def row(first: str, last: str, *meters: str) -> dict[str, Any]:
    """A group of calls to a model that has no price at their time."""
    return {
        "provider": "deepseek",
        "model": "deepseek-chat",
        "reasons": [f"no_price_at_time:{meter}" for meter in meters],
        "meters": [{"meter": meter, "quantity": "1"} for meter in meters],
        "first_at": f"{first}T12:00:00.123456789Z",
        "last_at": f"{last}T12:00:00.123456789Z",
    }


def lines(found: dict[str, Any]) -> list[str]:
    return fixes(found, [Conditions()], shipped_book(), instant_ns("2026-11-20"))


def test_a_price_for_calls_after_the_last_one_starts_where_that_ended() -> None:
    ended = max(entry.effective_to or 0 for entry in shipped_book().entries_of("deepseek", "deepseek-chat"))
    for line in lines(row("2026-11-01", "2026-11-20", "input", "output")):
        start = line.rpartition(" --from ")[2]
        assert instant_ns(start) == ended
        assert line.startswith((f"{CHAT} input PRICE --from", f"{CHAT} output PRICE --from"))


@pytest.mark.parametrize("meter", ["input", "reasoning"])
def test_a_price_for_a_gap_ends_where_the_next_one_starts(meter: str) -> None:
    """The name has no price for reasoning of its own: what output costs stands for it."""
    entries = shipped_book().entries_of("deepseek", "deepseek-chat")
    assert any(entry.effective_from is None for entry in entries)
    (line,) = lines(row("2026-11-01", "2026-11-20", meter))
    assert " --to " not in line
    assert " --from " in line


def test_without_a_price_at_any_time_there_is_nothing_to_spare() -> None:
    found = row("2026-11-01", "2026-11-20", "input")
    found |= {"model": "never-heard-of", "reasons": ["unknown_model:never-heard-of"]}
    assert lines(found) == ["spanledger prices set deepseek never-heard-of input PRICE"]
