"""`spanledger estimate` and `/v1/estimate`: the engine's arithmetic, what is assumed, and how it says no."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from test_cli_app import run_without_extras
from web_port import web_port

from spanledger_collector.cli import spanledger

GPT_4O = ("openai", "gpt-4o", "--at", "2026-06-01")
"""2.50 USD for a million input tokens, 10 for a million output tokens."""


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(spanledger, ["estimate", *words], input=stdin)


def document(*words: str, stdin: str | None = None) -> dict[str, Any]:
    result = run(*words, "--format", "json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def usd(found: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    return found["low_usd"], found["expected_usd"], found["high_usd"]


def test_token_counts() -> None:
    # 1000 x 2.50 / 1M = 0.0025; and 250 or 500 x 10 / 1M = 0.0025 or 0.005
    found = document(*GPT_4O, "--input", "1000", "--max-output", "500")
    assert usd(found) == ("0.0025", "0.005", "0.0075")
    assert "half of 500 output tokens expected, 0 at least, all at most" in found["assumptions"]
    assert usd(document(*GPT_4O, "--input", "1000", "--output", "100")) == ("0.0025", "0.0035", None)


def test_a_tier_has_its_own_price() -> None:
    standard = document(*GPT_4O, "--input", "1000", "--max-output", "500")
    batch = document(*GPT_4O, "--input", "1000", "--max-output", "500", "--processing", "batch")
    assert float(batch["high_usd"]) * 2 == float(standard["high_usd"])


def test_a_text_is_bounded_by_its_characters() -> None:
    # 12 characters: 2 tokens at least, 3 expected, 12 at most
    found = document(*GPT_4O, "--text", "-", "--max-output", "0", stdin="Hello, world")
    assert usd(found) == ("0.000005", "0.0000075", "0.00003")
    assert found["assumptions"][0].startswith("2 to 12 input tokens, 3 expected")


def test_messages_and_what_in_them_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([{"role": "user", "content": "Hello, world"}]))
    # 7 tokens of the chat format more than the text alone, where it is not the least
    assert usd(document(*GPT_4O, "--messages", str(file), "--max-output", "0")) == ("0.000005", "0.000025", "0.0000475")
    file.write_text(json.dumps([{"content": [{"type": "text", "text": "Hello, world"}, {"type": "image_url"}]}]))
    found = document(*GPT_4O, "--messages", str(file), "--max-output", "0")
    assert usd(found) == ("0.000005", None, None)
    assert "only the lower bound holds" in found["assumptions"][-1]


def test_without_a_price_it_is_unpriced_and_trouble() -> None:
    result = run("openai", "gpt-nope", "--input", "10")
    assert result.exit_code == 1
    assert "unknown_model:gpt-nope" in result.stdout
    assert "0.0" not in result.stdout


@pytest.mark.parametrize(
    "words",
    [(), ("--input", "many"), ("--input", "-1"), ("--input", "1", "--text", "-"), ("--input", "1", "--at", "soon"),
     ("--input", "1", "--output", "3", "--max-output", "2"), ("--messages", "-")],
)  # fmt: skip
def test_wrong_questions(words: tuple[str, ...]) -> None:
    assert run("openai", "gpt-4o", *words, stdin="no JSON").exit_code == 2


def test_it_needs_no_extra() -> None:
    done = run_without_extras("estimate", *GPT_4O, "--input", "1000", "--max-output", "500")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.0075" in done.stdout


def test_your_own_price_counts(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[[price]]\nprovider = "openai"\nmodels = ["gpt-4o"]\nmtok = { input = "1" }\nsource = "contract 17"\n'
    )
    assert document(*GPT_4O, "--input", "1000", "--prices", str(file))["low_usd"] == "0.001"
    file.write_text("[[price]]\n")
    result = run(*GPT_4O, "--input", "1000", "--prices", str(file))
    assert result.exit_code == 2
    assert "[[price]] number 1 lacks provider, models, source" in result.stderr


def test_a_server_answers_the_same(small_ledger: Path) -> None:
    asked = {
        "provider": "openai",
        "model": "gpt-4o",
        "at": "2026-06-01",
        "input_tokens": 1000,
        "max_output_tokens": 500,
    }
    with web_port(small_ledger) as web:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        got = web.get(f"/v1/estimate?{query}").json
        posted = web.post("/v1/estimate", json.dumps(asked).encode())
        messages = {**asked, "input_tokens": None, "messages": [{"role": "user", "content": "Hello, world"}]}
        by_messages = web.post("/v1/estimate", json.dumps(messages).encode())
        assert web.get("/v1/estimate?provider=openai&model=gpt-4o").status == 400
        assert web.post("/v1/estimate", b'{"nonsense": 1}').status == 400
    assert got == document(*GPT_4O, "--input", "1000", "--max-output", "500")
    assert posted.json == got
    assert by_messages.json["low_usd"] == "0.000005"
