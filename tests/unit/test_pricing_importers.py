"""Importers of other catalogues and of a user's own file, and the drift between two books."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.pricing_cases import NOW, make_call, mtok, thousand
from tests.unit.test_pricing_book import LIST_ROW

from spanledger_collector.model import Conditions
from spanledger_collector.pricing import PriceBook, price, shipped_book
from spanledger_collector.pricing.drift import drift
from spanledger_collector.pricing.entries import instant_ns
from spanledger_collector.pricing.importers.litellm import import_litellm
from spanledger_collector.pricing.importers.model_prices import import_model_prices
from spanledger_collector.pricing.importers.user import Form, with_user_prices

LITELLM = """{
  "sample_spec": {"litellm_provider": "one of https://docs.example/providers"},
  "gpt-x": {
    "litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 2.5e-07, "input_cost_per_token_above_272k_tokens": 5e-06,
    "input_cost_per_token_batches": 1.25e-06, "input_cost_per_token_above_272k_tokens_priority": 1e-05,
    "max_input_tokens": 1000000, "mode": "chat",
    "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.01}
  },
  "azure/eu/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 2.75e-06},
  "xai/grok-x": {"litellm_provider": "xai", "input_cost_per_token": 0.0, "output_cost_per_token": 3e-06},
  "1024-x-1024/gpt-image-x": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}
}"""

MODEL_PRICES = """{
  "prices": {
    "anthropic": {"claude-x": {
      "standard": [
        {"start": null, "rates": {
          "input": 5.0, "output": 25.0, "source": "page one", "valid_from_basis": "models.dev commit",
          "tiers": [{"above": 200000, "input": 10.0}]}},
        {"start": "2026-03-13T19:13:40Z",
         "rates": {"input": 4.0, "source": "page two", "valid_from_basis": "documented"}}
      ],
      "batch": [{"start": null, "rates": null},
                {"start": "2024-10-08T00:00:00Z", "rates": {"input": 2.5, "source": "s"}}],
      "ultra": [{"start": null, "rates": {"input": 50.0, "source": "s"}}]
    }},
    "unknown-vendor": {"m": {"standard": []}}
  }
}"""

OWN = """
[[price]]
provider = "openai"
models = ["gpt-4o"]
layer = "contract"
from = "2026-07-01"
mtok = { input = "2.00", output = "8.00" }
source = "contract 17, annex B"

[[names]]
provider = "azure.ai.openai"
model = "gpt-4o"
names = ["Chat-Prod"]
source = "our deployments"

[[free]]
provider = "ollama"
models = ["*"]
source = "our own machines"
"""


def test_litellm_fields_become_meters_and_conditions() -> None:
    rows, report = import_litellm(LITELLM, "litellm 0", "2026-11-22")
    book = PriceBook("litellm", rows, [])
    assert book.verify() == []
    meters = {"input": 100_000, "cache_read": 10, "output": 10, "web_search": 2}
    got = price(make_call("openai", "gpt-x", meters), book)
    assert got.cost_usd == mtok("2.5", 100_000) + mtok("0.25", 10) + mtok("15", 10) + thousand("10", 2)
    long = price(make_call("openai", "gpt-x", {"input": 272_001}), book)
    assert long.cost_usd == mtok("5", 272_001)
    batch = price(make_call("openai", "gpt-x", {"input": 10}, conditions=Conditions(processing="batch")), book)
    assert batch.cost_usd == mtok("1.25", 10)
    zone = Conditions(deployment_type="datazone")
    assert price(make_call("azure.ai.openai", "d", {"input": 10}, answer="gpt-x", conditions=zone), book).cost_usd == (
        mtok("2.75", 10)
    )
    assert report.dropped["price of zero for one meter"] == ["xai/grok-x input"]
    assert all(row.confidence == "open_start" and row.recorded == "2026-11-22" for row in rows)


def test_model_prices_timelines_become_dated_rows() -> None:
    rows, report = import_model_prices(MODEL_PRICES, "model-prices 0", "2026-11-22")
    book = PriceBook("model-prices", rows, [])
    assert book.verify() == []

    def cost(at: str, tokens: int = 1000, **conditions: str) -> Decimal | None:
        call = make_call("anthropic", "claude-x", {"input": tokens}, at=at, conditions=Conditions(**conditions))
        return price(call, book).cost_usd

    assert cost("2026-03-13T19:13:39Z") == mtok("5", 1000)
    assert cost("2026-03-13T19:13:39Z", 200_001) == mtok("10", 200_001)
    assert cost("2026-03-13T19:13:40Z", 200_001) == mtok("4", 200_001)
    assert cost("2024-10-07", processing="batch") is None
    assert cost("2024-10-08", processing="batch") == mtok("2.5", 1000)
    assert {row.source for row in rows if row.confidence == "published"} == {"page two by model-prices 0"}
    assert report.dropped["way of processing not taken"] == ["anthropic ultra"]


@pytest.mark.parametrize("text", ["[]", "{", "3", '{"no": "prices"}'])
def test_what_is_not_a_catalogue_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="model-prices snapshot"):
        import_model_prices(text, "s", "d")
    if "prices" not in text and text != "[]":
        with pytest.raises(ValueError, match="litellm price list"):
            import_litellm(text, "s", "d")


def test_a_users_file_goes_over_the_list() -> None:
    book = with_user_prices(shipped_book(), OWN, "toml")
    meters = {"input": 1000, "output": 100}
    assert price(make_call("openai", "gpt-4o", meters), book).cost_usd == mtok("2", 1000) + mtok("8", 100)
    before = price(make_call("openai", "gpt-4o", meters, at="2026-06-30T23:59:59Z"), book)
    assert before.cost_usd == mtok("2.5", 1000) + mtok("10", 100)
    assert price(make_call("azure.ai.openai", "chat-prod", meters), book).status == "priced"
    assert price(make_call("ollama", "llama3", meters), book).status == "free"
    assert book.sha256 != shipped_book().sha256


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("[[prices]]\nprovider='x'", "toml", r"\[\[prices\]\] is not a table"),
        ("[[price]]\nprovider='x'", "toml", r"\[\[price\]\] number 1 lacks models, source"),
        ("[[price]", "toml", "not TOML"),
        ("price = 3", "toml", r"\[\[price\]\] is a list of tables"),
        ("[[price]]\nprovider='x'\nmodels=['m']\nsource='s'\nmtok={input='cheap'}", "toml", "'cheap' is not a price"),
        ("[[price]]\nprovider='x'\nmodels=['m']\nsource='s'\nmtok={input='-1'}", "toml", "price of input for x m"),
        ("[[names]]\nprovider='x'\nmodel='m'\nnames=['n']\nsource='s'", "toml", "has no price"),
        ("provider,model\nx,m\n", "csv", "lacks the columns"),
    ],
)
def test_a_users_mistake_is_named(text: str, form: Form, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_user_prices(shipped_book(), text, form)


def test_a_users_csv_has_the_columns_of_a_book() -> None:
    row = LIST_ROW._replace(layer="organisation", provider="openai", model="gpt-4o", price="1")
    text = ",".join(row._fields) + "\n" + ",".join(row) + "\n"
    book = with_user_prices(shipped_book(), text, "csv")
    assert price(make_call("openai", "gpt-4o", {"input": 1000}), book).cost_usd == mtok("1", 1000)


def test_a_users_csv_may_leave_out_what_is_usual() -> None:
    text = "provider,model,meter,price,source,scope\nOpenAI,Ours-1,input,1.50,annex B,\n"
    text += "openai,ours-1,web_search,0.01,annex B,\nopenai,ours-1,input,0.75,annex B,service_tier=Flex\n"
    book = with_user_prices(shipped_book(), text, "csv")
    call = make_call("openai", "ours-1", {"input": 1000, "web_search": 2})
    got = price(call, book)
    assert got.cost_usd == mtok("1.5", 1000) + 2 * Decimal("0.01")
    assert {(row.layer, row.confidence) for row in book.rows() if row.model == "ours-1"} == {
        ("organisation", "published")
    }
    assert price(replace(call, conditions=Conditions(service_tier="flex")), book).status == "partial"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("openai,m,input,1,60,annex", "line 2 has more fields"),
        ("openai,m,input,,annex", "line 2 has no price"),
        ("openai,m,input,1", "line 2 has no source"),
        ("openai,m,input,cheap,annex", "'cheap' is not a price"),
    ],
)
def test_a_line_of_csv_that_is_not_whole_is_named(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_user_prices(shipped_book(), f"provider,model,meter,price,source\n{line}\n", "csv")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("scope", "tier=flex", "'tier' is no condition"),
        ("skope", "x", "no column skope"),
        ("per", str(10**20), "at most 1,000,000,000,000 units"),
        ("above", str(10**20), "at most 1,000,000,000,000 units"),
    ],
)
def test_words_in_csv_that_mean_nothing_are_refused(column: str, value: str, said: str) -> None:
    text = f"provider,model,meter,price,source,{column}\nopenai,m,input,1,annex,{value}\n"
    with pytest.raises(ValueError, match=said):
        with_user_prices(shipped_book(), text, "csv")


def test_drift_names_what_differs_and_what_is_missing() -> None:
    cheaper = LIST_ROW._replace(price="3")
    output = LIST_ROW._replace(meter="output", price="8", scope="region=*")
    first = PriceBook("first", [LIST_ROW, output], [])
    second = PriceBook("second", [cheaper, output._replace(scope=""), LIST_ROW._replace(model="two")], [])
    found = drift(first, second, instant_ns(NOW))
    assert [(one.model, one.meter, one.first, one.second) for one in found] == [
        ("one", "input", Decimal("0.000004"), Decimal("0.000003")),
        ("two", "input", None, Decimal("0.000004")),
    ]
    assert found[0].ratio == Decimal("0.75")
    assert drift(first, first, instant_ns(NOW)) == []


IN_TOML = """
[[price]]
provider = "bedrock"
models = ["Acme-1"]
from = 2026-07-01
to = 2026-10-01T16:00:00+02:00
above = 1000
scope = { service_tier = "Flex", region = "*" }
mtok = { input = 2.10, output = "0.1" }
source = "annex B"

[[names]]
provider = "azure.ai.openai"
model = "gpt-4o"
names = ["chat"]
source = "ours"
"""
IN_YAML = """
price:
  - provider: aws.bedrock
    models: [acme-1]
    from: 2026-07-01
    to: 2026-10-01T14:00:00Z
    above: 1000
    scope: {service_tier: flex, region: "*"}
    mtok: {input: 2.10, output: "0.1"}
    source: annex B
names:
  - {provider: azure, model: gpt-4o, names: [chat], source: ours}
"""


FORMS: dict[Form, str] = {"toml": IN_TOML, "yaml": IN_YAML}


def test_toml_and_yaml_say_the_same_with_moments_and_numbers_as_each_writes_them() -> None:
    one, other = (with_user_prices(shipped_book(), text, form) for form, text in FORMS.items())
    assert one.sha256 == other.sha256
    rows = {row.meter: row for row in one.rows() if row.model == "acme-1"}
    assert (rows["input"].price, rows["input"].start, rows["input"].end) == (
        "2.1",
        "2026-07-01",
        "2026-10-01T14:00:00Z",
    )
    assert (rows["input"].provider, rows["input"].scope) == ("aws.bedrock", "region=*;service_tier=flex")
    assert one.model_named("azure.ai.openai", "chat", 0) == "gpt-4o"


def test_numbers_in_files_are_what_is_written_not_floats() -> None:
    digits = "0.1234567890123456789"
    for form, text in FORMS.items():
        book = with_user_prices(shipped_book(), text.replace("2.10", digits), form)
        assert [row.price for row in book.rows() if row.model == "acme-1" and row.meter == "input"] == [digits]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from = 2026-07-01", "from = 2026-07-01T10:00:00", "no time zone"),
        ("from = 2026-07-01", "from = 10:00:00", "number 1: from is a date such as"),
        ("from = 2026-07-01", "from = 7", "number 1: from is a date such as"),
        ("from = 2026-07-01", "from = 2027-07-01", "not after its start"),
        ("from = 2026-07-01", "form = 2026-07-01", "has no key form"),
        ('models = ["Acme-1"]', 'models = "Acme-1"', "number 1: models is a list of texts"),
        ('models = ["Acme-1"]', "models = []", "number 1: models is a list of texts"),
        ("above = 1000", "above = true", "is a number of tokens"),
        ("service_tier =", "tier =", "gives texts to conditions of"),
        ('mtok = { input = 2.10, output = "0.1" }', "", "sets no price"),
        ("mtok = { input = 2.10,", "mtok = { input = true,", "True is not a price"),
        ("mtok = { input = 2.10,", "mtok = { input = nan,", "is not an amount of money"),
        ("mtok = { input = 2.10,", "mtok = { input = -1,", "is not an amount of money"),
        ("[[price]]", "[price]", "is a list of tables"),
        ("[[price]]", "[[prices]]", "is not a table of a price file"),
        ('source = "annex B"', "", "number 1 lacks source"),
    ],
)
def test_mistakes_in_price_files_are_named(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        with_user_prices(shipped_book(), IN_TOML.replace(old, new, 1), "toml")


@pytest.mark.parametrize("text", ["- 1", "a: [", "price: 3", "price: [3]", "prices: []"])
def test_mistakes_in_yaml_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"YAML|list of tables|not a table"):
        with_user_prices(shipped_book(), text, "yaml")
    assert with_user_prices(shipped_book(), "", "yaml").sha256 == shipped_book().sha256
