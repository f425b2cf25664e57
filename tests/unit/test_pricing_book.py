"""The book: its identity, its layers, its times, and that the shipped one is what its sources make it."""

import time
from decimal import Decimal
from pathlib import Path

import pytest
from tests.unit.pricing_cases import make_call, mtok

import spanledger_collector.pricing as pricing_package
from spanledger_collector.model import Conditions
from spanledger_collector.pricing import NameRow, PriceBook, PriceEntry, Row, price, shipped_book
from spanledger_collector.pricing.book import content_hash
from spanledger_collector.pricing.entries import instant_ns, instant_text
from spanledger_collector.pricing.importers.build import build_list_book, canonical_files
from spanledger_collector.pricing.shipped import NAMES_FILE, PRICES_FILE
from spanledger_collector.pricing.windows import Window

LIST_ROW = Row(
    provider="acme",
    model="one",
    meter="input",
    unit="token",
    per="1000000",
    price="4",
    scope="",
    above="",
    start="",
    end="",
    window="",
    source="https://acme.example/prices",
    confidence="published",
    recorded="2026-11-01",
    layer="list",
)


def cost_of(book: PriceBook, *, at: str = "2026-11-20", conditions: Conditions | None = None) -> Decimal:
    got = price(make_call("acme", "one", {"input": 1000}, at=at, conditions=conditions), book)
    assert got.cost_usd is not None, got.reasons
    return got.cost_usd


def test_identity_is_the_content_in_any_order() -> None:
    rows = [LIST_ROW, LIST_ROW._replace(meter="output", price="8")]
    first, second = PriceBook("a", rows, []), PriceBook("b", reversed(rows), [])
    assert first.sha256 == second.sha256
    assert PriceBook("a", rows[:1], []).sha256 != first.sha256


def test_entry_id_does_not_depend_on_who_told_us() -> None:
    entry = PriceEntry.from_row(LIST_ROW)
    assert (
        PriceEntry.from_row(LIST_ROW._replace(source="another page", recorded="2026-11-02")).entry_id == entry.entry_id
    )
    assert PriceEntry.from_row(LIST_ROW._replace(price="5")).entry_id != entry.entry_id
    assert PriceEntry.from_row(LIST_ROW._replace(start="2026-01-01")).entry_id != entry.entry_id


@pytest.mark.parametrize(
    "change",
    [
        {"price": "-1"},
        {"price": "NaN"},
        {"price": "cheap"},
        {"per": "0"},
        {"layer": "rumour"},
        {"start": "2026-01-01T10:00"},
        {"window": "noon"},
        {"above": "many"},
    ],
)
def test_a_row_that_cannot_be_read_names_itself(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="price of input for acme one"):
        PriceEntry.from_row(LIST_ROW._replace(**change))
    assert PriceBook("bad", [LIST_ROW._replace(**change)], []).verify()


def test_contract_over_organisation_over_list() -> None:
    listed = PriceBook("list", [LIST_ROW], [])
    organisation = listed.with_layer("ours", [LIST_ROW._replace(price="3", layer="organisation")])
    contract = organisation.with_layer("deal", [LIST_ROW._replace(price="2", layer="contract", start="2026-06-01")])
    assert cost_of(listed) == mtok("4", 1000)
    assert cost_of(organisation) == mtok("3", 1000)
    assert cost_of(contract, at="2026-05-31T23:59:59Z") == mtok("3", 1000)
    assert cost_of(contract, at="2026-06-01") == mtok("2", 1000)
    assert len({listed.sha256, organisation.sha256, contract.sha256}) == 3


def test_a_contract_for_the_standard_tier_is_not_one_for_the_others() -> None:
    flex = LIST_ROW._replace(scope="service_tier=flex", price="1")
    book = PriceBook("list", [LIST_ROW, flex], []).with_layer("deal", [LIST_ROW._replace(price="2", layer="contract")])
    assert cost_of(book, conditions=Conditions(service_tier="flex")) == mtok("1", 1000)
    any_tier = book.with_layer("deal", [LIST_ROW._replace(price="0.5", scope="service_tier=*", layer="contract")])
    assert cost_of(any_tier, conditions=Conditions(service_tier="flex")) == mtok("0.5", 1000)


def test_a_price_for_any_value_gives_way_to_one_for_the_default() -> None:
    anywhere = LIST_ROW._replace(scope="region=*", price="5")
    book = PriceBook("list", [anywhere, LIST_ROW], [])
    assert cost_of(book) == mtok("4", 1000)
    assert cost_of(book, conditions=Conditions(region="eu")) == mtok("5", 1000)
    long = PriceBook("list", [LIST_ROW, anywhere._replace(above="999", price="8")], [])
    assert cost_of(long) == mtok("8", 1000)


def test_a_deployment_is_known_only_by_the_users_own_map() -> None:
    call = make_call("azure.ai.openai", "our-chat", {"input": 1000})
    book = shipped_book()
    assert price(call, book).reasons == ("unmapped_deployment:our-chat",)
    own = NameRow("azure.ai.openai", "Our-Chat", "gpt-4o-mini", "", "", "prices.toml", "organisation")
    assert price(call, book.with_layer("ours", [], [own])).cost_usd == mtok("0.15", 1000)


def test_a_self_hosted_provider_is_free_by_an_entry_that_says_so() -> None:
    free = LIST_ROW._replace(provider="ollama", model="*", meter="*", unit="", price="0", layer="organisation")
    book = shipped_book().with_layer("ours", [free])
    got = price(make_call("ollama", "llama3", {"input": 1000, "output": 5}), book)
    assert (got.status, got.cost_usd) == ("free", 0)
    assert [charge.meter for charge in got.charges] == ["input", "output"]


def test_a_price_of_zero_is_not_free() -> None:
    book = PriceBook("list", [LIST_ROW._replace(price="0")], [])
    assert price(make_call("acme", "one", {"input": 1000}), book).status == "priced"


def test_two_prices_at_once_are_found_and_never_chosen() -> None:
    book = PriceBook("list", [LIST_ROW, LIST_ROW._replace(price="5", start="2026-01-01")], [])
    assert book.verify() == ["acme one: two prices of input hold at once (https://acme.example/prices)"]
    assert price(make_call("acme", "one", {"input": 1}), book).reasons == ("ambiguous:input",)


def test_names_that_mean_two_models_are_found() -> None:
    rows = [LIST_ROW, LIST_ROW._replace(model="two")]
    names = [NameRow("acme", "latest", model, "", "", "page", "list") for model in ("one", "two")]
    assert PriceBook("list", rows, names).verify() == ["'latest' of acme means 'one' and 'two' at once"]
    with pytest.raises(ValueError, match="has no price"):
        PriceBook("list", rows, [NameRow("acme", "latest", "three", "", "", "page", "list")])


def test_prices_change_at_an_instant_inside_a_day() -> None:
    rows = [LIST_ROW._replace(end="2026-11-20T16:00:00Z"), LIST_ROW._replace(price="5", start="2026-11-20T16:00:00Z")]
    book = PriceBook("list", rows, [])
    assert cost_of(book, at="2026-11-20T15:59:59Z") == mtok("4", 1000)
    assert cost_of(book, at="2026-11-20T16:00:00Z") == mtok("5", 1000)
    assert cost_of(book, at="2026-11-20T18:00:00+02:00") == mtok("5", 1000)


@pytest.mark.parametrize("text", ["2026-01-01", "2026-11-20T16:00:01Z", "1999-12-31"])
def test_instants_survive_their_text(text: str) -> None:
    assert instant_text(instant_ns(text)) == text


@pytest.mark.parametrize(
    ("text", "at", "inside"),
    [
        ("mon-fri", "2026-11-20T12:00Z", True),
        ("mon-fri", "2026-11-21T12:00Z", False),
        ("sat-mon 08:00-09:00", "2026-11-22T08:59Z", True),
        ("fri 22:00-02:00", "2026-11-21T01:59Z", True),  # the span belongs to the day on which it starts
        ("fri 22:00-02:00", "2026-11-20T01:59Z", False),
        ("00:00-24:00 except 2026-11-20", "2026-11-20T23:59Z", False),
    ],
)
def test_windows(text: str, at: str, inside: bool) -> None:
    assert Window.parse(text).holds(instant_ns(at)) is inside


def test_the_shipped_book_is_sound_and_opens_fast() -> None:
    data = Path(pricing_package.__file__).parent / "data"
    started = time.process_time()
    book = PriceBook.from_text("list", (data / PRICES_FILE).read_text(), (data / NAMES_FILE).read_text())
    took = time.process_time() - started
    assert book.verify() == []
    assert content_hash(book) == book.sha256 == shipped_book().sha256
    assert took < 0.5, "opening takes about 0.05 s; the limit leaves room for a busy machine"


def test_every_shipped_price_has_a_source_and_an_id_of_its_own() -> None:
    book = shipped_book()
    entries = list(book.entries())
    assert all(entry.source for entry in entries)
    assert len({entry.entry_id for entry in entries}) == len(entries)
    assert book.entry(entries[0].entry_id) == entries[0]
    assert book.entry("0" * 16) is None


def test_regenerating_the_shipped_book_changes_nothing() -> None:
    data = Path(pricing_package.__file__).parent / "data"
    book, report = build_list_book()
    assert book.sha256 == shipped_book().sha256
    for name, text in canonical_files(book).items():
        assert (data / name).read_text() == text
    assert report.dropped, "what is left out is said"


@pytest.mark.parametrize("at", ["2025-07-01T17:00Z", "2026-11-20T02:00Z"])
def test_no_price_of_the_shipped_book_is_ambiguous(at: str) -> None:
    book = shipped_book()
    for provider, model in book.models():
        meters = {entry.meter: 1 for entry in book.entries_of(provider, model) if entry.meter != "*"}
        for size in (1, 300_000):
            call = make_call(provider, model, {**meters, "input": size}, answer=model, at=at)
            assert not [reason for reason in price(call, book).reasons if reason.startswith("ambiguous")]


def test_invented_names_do_not_fill_the_memory() -> None:
    book = PriceBook("list", [LIST_ROW], [])
    for number in range(12_000):
        price(make_call("acme", f"invented-{number}", {"input": 1}), book)
        price(make_call("acme", "one", {"input": 1, f"meter-{number}": 1}), book)
    assert len(book.memo) < 6_000
    assert price(make_call("acme", "one", {"input": 1000}), book).cost_usd == mtok("4", 1000)


def test_what_a_name_means_does_not_depend_on_which_call_was_priced_first() -> None:
    row = LIST_ROW._replace(provider="azure.ai.openai", model="one", layer="organisation")
    name = NameRow("azure.ai.openai", "chat", "one", "2026-07-01", "", "ours", "organisation")
    for calls in (("2026-06-01", "2026-08-01"), ("2026-08-01", "2026-06-01")):
        book = PriceBook("own", [row], [name])
        got = {
            at: price(make_call("azure.ai.openai", "chat", {"input": 1}, answer="hidden", at=at), book).status
            for at in calls
        }
        assert got == {"2026-06-01": "unpriced", "2026-08-01": "priced"}
