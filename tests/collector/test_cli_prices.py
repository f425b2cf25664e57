"""`spanledger prices`: what is shown, compared, set and imported, and that a file is never spoilt."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from test_cli_app import run_without_extras
from web_port import web_port

from spanledger_collector.cli import spanledger
from spanledger_collector.price_file import own_book, price_file_of
from spanledger_collector.pricing.entries import instant_ns


@pytest.fixture
def file(db: Path) -> Path:
    return price_file_of(db)


@pytest.fixture(autouse=True)
def _own_ledger(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_DB", str(db))


def run(*words: str) -> Result:
    return CliRunner().invoke(spanledger, ["prices", *words])


def done(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(*words: str) -> list[dict[str, Any]]:
    return json.loads(done("show", *words, "--format", "json"))["rows"]


def price_of(*words: str) -> list[str]:
    return [row["price_usd"] for row in shown(*words) if row["meter"] == "input" and "=" not in row["conditions"]]


def test_prices_are_shown_with_source_and_dates_by_any_name() -> None:
    rows = shown("anthropic", "claude-opus-4-5")
    assert {row["model"] for row in rows} == {row["model"] for row in shown("anthropic", "claude-opus-4-5-20251101")}
    assert all(row["source"] and row["layer"] == "list" for row in rows)
    table = done("show", "openai", "gpt-4o")
    assert "price USD" in table
    sources = {row["source"] for row in shown("openai", "gpt-4o")}
    assert sorted(line.split(" ", 1)[1] for line in table.splitlines() if line.startswith("[")) == sorted(sources)
    assert json.loads(done("show", "--limit", "3", "--format", "json"))["cut"] is True


def test_a_server_shows_the_same(small_ledger: Path) -> None:
    with web_port(small_ledger) as web:
        asked = "provider=openai&model=gpt-4o&at=2026-06-01"
        answer = web.get(f"/v1/prices?{asked}").json
    assert answer["rows"] == shown("openai", "gpt-4o", "--at", "2026-06-01", "--limit", "1000")


def test_a_price_that_is_set_is_in_force_and_the_one_before_ends() -> None:
    done("set", "openai", "Mystery-1", "input", "2.50", "--source", "page 7")
    done("set", "openai", "mystery-1", "input", "3", "--from", "2026-12-01")
    assert price_of("openai", "mystery-1", "--at", "2026-11-30") == ["2.5"]
    assert price_of("openai", "mystery-1", "--at", "2026-12-01") == ["3"]
    assert shown("openai", "mystery-1", "--at", "2026-11-30")[0]["source"] == "page 7"
    done("set", "openai", "mystery-1", "input", "4")
    assert price_of("openai", "mystery-1", "--at", "2026-12-01") == ["4"]


def test_layers_and_conditions() -> None:
    done("set", "openai", "gpt-4o", "input", "1", "--layer", "contract", "--when", "region=*")
    assert {"contract", "list"} == {row["layer"] for row in shown("openai", "gpt-4o")}
    done("set", "openai", "mystery-1", "input", "1", "--when", "service_tier=flex", "--above", "200000")
    assert [row["conditions"] for row in shown("openai", "mystery-1")] == ["service_tier=flex; input>200000"]
    done("set", "openai", "mystery-1", "web_search", "10", "--per", "1000")
    done("set", "openai", "mystery-1", "request", "0.01")
    per = {row["meter"]: (row["per"], row["unit"]) for row in shown("openai", "mystery-1")}
    assert per == {"input": (1_000_000, "token"), "web_search": (1000, "search"), "request": (1, "request")}


def test_what_is_written_by_hand_stays(file: Path) -> None:
    by_hand = """# our prices
[[price]]  # two models at once
provider = "openai"
models = ["mystery-1", "mystery-2"]
mtok = { input = "7" }
source = "by hand"
"""
    file.write_text(by_hand)
    done("set", "openai", "mystery-3", "input", "1")
    assert file.read_text().startswith(by_hand)
    before = file.read_text()
    refused = run("set", "openai", "mystery-1", "input", "1")
    assert refused.exit_code == 2
    assert "two prices of input hold at once" in refused.stderr
    assert file.read_text() == before


@pytest.mark.parametrize(
    "words",
    [("m", "input"), ("m", "input", "1", "--free"), ("m",), ("m", "input", "cheap"), ("m", "input", "-1"),
     ("m", "input", "NaN"), ("m", "input", "1", "--from", "soon"), ("m", "input", "1", "--when", "mood=good"),
     ("m", "input", "1", "--per", "7")],
)  # fmt: skip
def test_wrong_prices_are_refused_and_nothing_is_written(file: Path, words: tuple[str, ...]) -> None:
    assert run("set", "openai", *words).exit_code == 2
    assert not file.exists()


def test_free_and_own_names(db: Path) -> None:
    done("set", "ollama", "*", "--free", "--source", "our machines")
    done("name", "azure", "gpt-4o", "Chat-Prod", "chat-test")
    book = own_book(db)
    assert book.model_named("azure.ai.openai", "chat-prod", instant_ns("2026-11-22"), own_map_only=True) == "gpt-4o"
    assert [row["meter"] for row in shown("ollama")] == ["*"]
    assert run("name", "azure", "no-such-model", "x").exit_code == 2


def test_the_difference_of_two_books_sees_the_stronger_layer(tmp_path: Path) -> None:
    done("set", "anthropic", "claude-opus-4-5", "input", "1", "--layer", "contract")
    found = json.loads(done("diff", "shipped", "own", "--format", "json"))["rows"]
    assert [(row["model"], row["meter"], row["second_usd"], row["ratio"]) for row in found] == [
        ("claude-opus-4-5", "input", "0.000001", "0.2")  # 1 of 5 USD a million
    ]
    catalogue = tmp_path / "litellm.json"
    catalogue.write_text(json.dumps({"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2e-06}}))
    rows = json.loads(done("diff", "shipped", str(catalogue), "--provider", "openai", "--format", "json"))["rows"]
    assert ("0.0000025", "0.000002", "0.8") in {(row["first_usd"], row["second_usd"], row["ratio"]) for row in rows}
    assert run("diff", "shipped", str(tmp_path / "none.toml")).exit_code == 2


def test_a_catalogue_gives_what_has_no_price_yet(tmp_path: Path, file: Path) -> None:
    models = {"gpt-4o": 2e-06, "brand-new-1": 1.5e-06}
    catalogue = tmp_path / "litellm.json"
    catalogue.write_text(
        json.dumps(
            {name: {"litellm_provider": "openai", "input_cost_per_token": cost} for name, cost in models.items()}
        )
    )
    said = done("import", str(catalogue), "--format", "litellm", "--dry-run")
    assert "openai gpt-4o" in said
    assert not file.exists()
    done("import", str(catalogue), "--format", "litellm")
    assert price_of("openai", "brand-new-1") == ["1.5"]
    assert {row["layer"] for row in shown("openai", "gpt-4o")} == {"list"}


def test_a_file_of_your_own_is_taken_whole(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[[price]]\nprovider = "openai"\nmodels = ["m-1"]\nmtok = { input = "1" }\nsource = "x"\n')
    done("import", str(other))
    assert price_of("openai", "m-1") == ["1"]
    other.write_text("[[price]]\n")
    assert run("import", str(other)).exit_code == 2


def test_csv_of_a_spreadsheet_keeps_its_layer(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    lines = "provider,model,meter,price,source,layer\nopenai,m-1,input,1,annex B,contract\nopenai,m-1,output,2,ours,\n"
    other.write_text(lines, encoding="utf-8-sig")
    done("import", str(other))
    assert {(row["meter"], row["layer"]) for row in shown("openai", "m-1")} == {
        ("input", "contract"),
        ("output", "organisation"),
    }
    other.write_text("provider,model,meter,price,source,per\nopenai,m-2,input,1,annex B,100\n", encoding="utf-8")
    assert "per is one of 1000000, 1000, 3600, 1" in run("import", str(other)).stderr


def test_it_needs_no_extra(db: Path) -> None:
    for words in (["set", "openai", "m-1", "input", "1"], ["show", "openai", "m-1"], ["diff", "shipped", "own"]):
        asked = run_without_extras("prices", *words, "--db", str(db))
        assert (asked.returncode, asked.stderr) == (0, "")


YAML = """
price:
  - {provider: acme, models: [one], from: 2026-01-01, mtok: {input: 2.50}, source: annex B}
  - {provider: acme, models: [one], from: 2026-01-01, scope: {region: eu}, mtok: {input: 2.75}, source: annex B}
"""


def test_yaml_is_taken_as_toml_and_read_as_it_is(tmp_path: Path, file: Path) -> None:
    yaml = tmp_path / "ours.yaml"
    yaml.write_text(YAML)
    assert "2" in done("import", str(yaml))
    assert price_of("acme", "one") == ["2.5"]
    done("set", "acme", "one", "output", "4")
    assert "annex B" in file.read_text()
    assert json.loads(done("diff", "own", str(yaml), "--provider", "acme", "--format", "json"))["differences"] == 1
    refused = run("set", "acme", "one", "output", "4", "--prices", str(yaml))
    assert refused.exit_code == 2
    assert "write TOML only" in refused.stderr
    assert yaml.read_text() == YAML


def test_what_a_new_price_ends_is_said() -> None:
    done("set", "openai", "ours", "input", "0.5", "--from", "2026-12-01")
    said = done("set", "openai", "ours", "input", "0.4", "--from", "2026-11-01")
    assert "0.5 USD per 1,000,000 from 2026-12-01, is no longer in the file" in said
    said = done("set", "openai", "ours", "input", "0.3", "--from", "2026-11-10")
    assert "0.4 USD per 1,000,000 from 2026-11-01, ends on 2026-11-10 now" in said
    assert price_of("openai", "ours", "--at", "2026-12-02") == ["0.3"]


def test_words_that_nobody_knows_are_pointed_out() -> None:
    result = run("set", "opnai", "ours", "imput", "0.5")
    assert "'opnai'" in result.stderr
    assert "'imput'" in result.stderr
    assert run("set", "openai", "ours", "input", "0.5").stderr == ""


@pytest.mark.parametrize(
    ("meter", "per", "unit"),
    [("input", 1_000_000, "token"), ("input_video", 1_000_000, "token"), ("billed_input", 1_000_000, "token"),
     ("web_search", 1, "search"), ("page", 1, "page"), ("evaluation_run", 1, "unit")],
)  # fmt: skip
def test_a_price_is_for_the_usual_number_of_the_meters_unit(meter: str, per: int, unit: str) -> None:
    done("set", "openai", "ours", meter, "0.5")
    assert [(row["per"], row["unit"]) for row in shown("openai", "ours")] == [(per, unit)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ours", "input", "0.0000000000001"), "more than 12 decimal places"),
        (("ours", "input", "5000000000", "--per", "1"), "more than the ledger has room for"),
        (("ours", "", "5"), "needs a provider, a model and a meter"),
    ],
)
def test_prices_that_cannot_be_kept_are_refused(file: Path, words: tuple[str, ...], said: str) -> None:
    result = run("set", "openai", *words)
    assert (result.exit_code, file.exists()) == (2, False)
    assert said in result.stderr


def test_own_names_are_for_models_by_any_of_their_names() -> None:
    done("name", "azure.ai.openai", "gpt-4o-2024-08-06", "chat-prod")
    assert {row["model"] for row in shown("azure.ai.openai", "chat-prod")} == {"gpt-4o"}
    result = run("name", "azure.ai.openai", "nothing-1", "chat-2")
    assert (result.exit_code, "prices show azure.ai.openai" in result.stderr) == (2, True)


def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    table = '[[price]]\nprovider = "openai"\nmodels = ["m"]\nsource = "x"\nmtok = { input = "%s" }\n'
    wrong.write_text(table % "2" + table % "two", encoding="utf-8")
    assert "[[price]] number 2: 'two' is not a price" in run("import", str(wrong)).stderr
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text("{}", encoding="utf-8")
    assert "--format litellm" in run("import", str(catalogue)).stderr


def test_the_installed_catalogue_needs_no_file() -> None:
    assert "the book has prices for it" in done("import", "--format", "genai-prices", "--dry-run")
    assert run("import", "--format", "litellm").exit_code == 2


def test_an_empty_answer_says_so() -> None:
    assert "No price is in force for openai nothing-1" in done("show", "openai", "nothing-1")
    assert done("diff", "shipped", "shipped").startswith("No differences.")
