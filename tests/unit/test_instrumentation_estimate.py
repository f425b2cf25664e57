"""`spanledger.estimate_cost`, and the arrow: nothing else on the app side knows the collector."""

import ast
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.documented import ROOT
from tests.unit.pricing_cases import mtok

import spanledger

APP_SIDE = ROOT / "instrumentation" / "spanledger"
ALLOWED = {"estimating.py"}
AT = "2026-11-20T12:00Z"


def test_low_expected_and_high_with_what_was_assumed() -> None:
    got = spanledger.estimate_cost("openai", "gpt-4.1-mini", text="a" * 600, max_output_tokens=200, at=AT)
    assert got.low_usd == mtok("0.4", 100)
    assert got.expected_usd == mtok("0.4", 150) + mtok("1.6", 100)
    assert got.high_usd == mtok("0.4", 600) + mtok("1.6", 200)
    assert any("half of 200 output tokens expected" in said for said in got.assumptions)
    assert got.reasons == ()


def test_messages_counts_conditions_and_moments() -> None:
    got = spanledger.estimate_cost(
        "deepseek",
        "deepseek-v4-pro",
        input_tokens=1000,
        output_tokens=10,
        max_output_tokens=10,
        at=datetime(2026, 8, 17, 1, tzinfo=UTC),
    )
    assert got.expected_usd == got.high_usd == mtok("1.32", 1000) + mtok("3.96", 10)
    messages = [{"role": "user", "content": "hello"}, "there"]
    tier = spanledger.estimate_cost("openai", "o3", messages=messages, output_tokens=0, at=AT, service_tier="flex")
    usual = spanledger.estimate_cost("openai", "o3", messages=messages, output_tokens=0, at=AT)
    assert usual.expected_usd is not None
    assert tier.expected_usd == usual.expected_usd / 2


def test_what_has_no_price_has_no_estimate_and_says_why() -> None:
    got = spanledger.estimate_cost("openai", "gpt-99", input_tokens=5, max_output_tokens=5)
    assert (got.low_usd, got.expected_usd, got.high_usd) == (None, None, None)
    assert got.reasons == ("unknown_model:gpt-99",)


def test_own_prices_are_read_again_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.toml"
    for price in ("7", "11.5"):
        file.write_text(
            f'[[price]]\nprovider = "acme"\nmodels = ["one"]\nmtok = {{ input = "{price}" }}\nsource = "us"\n'
        )
        got = spanledger.estimate_cost("acme", "one", input_tokens=3, output_tokens=0, prices=file)
        assert got.expected_usd == mtok(price, 3)
    monkeypatch.setenv("SPANLEDGER_PRICES", str(file))
    assert spanledger.estimate_cost("acme", "one", input_tokens=3).low_usd == Decimal("0.0000345")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs one of"),
        ({"input_tokens": 1, "text": "x"}, "needs one of"),
        ({"input_tokens": -1}, "whole number"),
        ({"input_tokens": 1, "tier": "flex"}, "no parameter 'tier'"),
        ({"messages": [object()]}, "messages must be"),
        ({"input_tokens": 1, "at": "yesterday"}, "at must be"),
        ({"input_tokens": 1, "prices": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spanledger.estimate_cost("openai", "gpt-4o", **arguments)  # pyright: ignore[reportArgumentType] - wrong on purpose


def test_only_estimates_import_the_collector_and_only_when_asked() -> None:
    importing = {
        path.relative_to(APP_SIDE).as_posix()
        for path in APP_SIDE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if any(name.startswith("spanledger_collector") for name in _imported(node))
    }
    assert importing == ALLOWED
    code = (
        "import sys, spanledger; loaded = lambda: [m for m in sys.modules if m.startswith('spanledger_collector')];"
        "assert not loaded(), loaded();"
        "spanledger.estimate_cost('openai', 'gpt-4o', input_tokens=1); assert loaded();"
        "wanted = {'duckdb', 'msgspec', 'grpc', 'starlette', 'yaml'} & set(sys.modules); assert not wanted, wanted"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
