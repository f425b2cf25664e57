"""Counts, amounts, hosts and settings: the small pure parts of the instrumentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger._settings import BAGGAGE_KEYS, load
from spanledger.hosts import PROVIDER_BY_HOST, provider_of_host
from spanledger.meters import METERS
from spanledger.usage import count, decimal_text, get, usage_attributes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0, 0), (7, 7), ("7", 7), (" 7 ", 7), (7.0, 7), ("\u0667", 7)),
        *((wrong, None) for wrong in (-1, 7.5, -7.0, True, "-7", "", "7.0", "many", None, [7])),
        *((wrong, None) for wrong in (float("nan"), float("inf"))),
    ],
)
def test_what_counts_as_a_count(value: object, expected: int | None) -> None:
    assert count(value) == expected


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers())))
def test_a_count_is_never_negative_and_never_raises(value: object) -> None:
    found = count(value)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1.3e-05, "0.000013"), (0, "0"), (2, "2"), ("0.10", "0.10"), ("1E-7", "0.0000001"), (0.1, "0.1")),
        *((wrong, None) for wrong in (True, None, "free", float("nan"), float("inf"))),
    ],
)
def test_money_is_plain_decimal_text(value: object, expected: str | None) -> None:
    assert decimal_text(value) == expected


def test_every_meter_has_its_attribute_and_any_other_a_derived_one() -> None:
    usage = {meter.name: position for position, meter in enumerate(METERS)}
    assert usage_attributes(usage) == {meter.attribute: position for position, meter in enumerate(METERS)}
    assert usage_attributes({"file_search": 3}) == {"spanledger.usage.file_search": 3}


def test_get_reads_mappings_and_objects_alike() -> None:
    class Model:
        field = 1

    assert get({"field": 1}, "field") == get(Model(), "field") == 1
    assert get({}, "field") is get(Model(), "other") is get(None, "field") is get(3, "field") is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("contoso.openai.azure.com", "azure.ai.openai"),
        ("API.GROQ.COM", "groq"),
        ("openrouter.ai", "openrouter"),
        ("api.x.ai", "x_ai"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("notx.ai", "default"),
        ("openai.com.example", "default"),
        ("127.0.0.1", "default"),
        ("", "default"),
        (None, "default"),
    ],
)
def test_the_host_says_who_bills(host: str | None, provider: str) -> None:
    assert provider_of_host(host, "default") == provider


def test_no_host_is_listed_behind_one_that_covers_it() -> None:
    for position, (suffix, _) in enumerate(PROVIDER_BY_HOST):
        earlier = PROVIDER_BY_HOST[:position]
        assert not [other for other, _ in earlier if suffix == other or suffix.endswith("." + other)]


def test_settings_come_from_the_environment() -> None:
    assert load({}).enabled
    assert load({}).baggage_keys == BAGGAGE_KEYS
    settings = load({"SPANLEDGER_DISABLED_SDKS": "openai, other", "SPANLEDGER_BAGGAGE_KEYS": "tenant,cost.*"})
    assert settings.disabled_sdks == {"openai", "other"}
    assert settings.baggage_keys == (*BAGGAGE_KEYS, "tenant", "cost.*")


@pytest.mark.parametrize("name", ["SPANLEDGER_ENABLED", "USAGE_TRACKING_ENABLED"])
@pytest.mark.parametrize(
    ("value", "enabled"), [("false", False), ("0", False), ("OFF", False), ("true", True), ("", True)]
)
def test_either_switch_turns_it_off(name: str, value: str, enabled: bool) -> None:
    assert load({name: value}).enabled is enabled
