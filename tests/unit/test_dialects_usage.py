"""Counts: what contains what, what arithmetic proves, and what is no count."""

from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.observed import OWN, make_span

from spanledger_collector import dialects
from spanledger_collector.dialects.usage import PLAIN, Convention, disjoint, plain
from spanledger_collector.model import AttributeValue, Observation, Quantity, Scope

_SOMEBODY = Scope("somebody.else", "1")


def _read(scope: Scope = OWN, /, **counts: AttributeValue) -> Observation:
    names = {name.replace("__", "."): value for name, value in counts.items()}
    found = dialects.recognise(make_span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"} | names, scope))
    assert found is not None
    return found


def _usage(**counts: AttributeValue) -> Observation:
    return _read(OWN, **{f"gen_ai__usage__{name}": value for name, value in counts.items()})


@given(
    st.dictionaries(st.sampled_from(sorted(PLAIN)), st.integers(0, 9)),
    st.builds(Convention, *[st.booleans()] * len(fields(Convention))),
)
def test_the_short_way_says_what_the_long_one_says(counts: dict[str, Quantity], convention: Convention) -> None:
    assert plain(dict(counts), convention) == disjoint(counts, None, convention)


def test_absent_zero_and_unknown_are_three_things() -> None:
    assert _read().usage_status == "unmetered"
    assert _read().meters == {}
    assert _usage(input_tokens=0).meters == {"input": 0}
    assert _usage(output_tokens=7).meters == {"output": 7}
    assert _usage(output_tokens=7).usage_status == "metered"


def test_cached_tokens_alone_are_kept_and_the_rest_stays_unknown() -> None:
    assert _usage(cache_read__input_tokens=60).meters == {"cache_read": 60}


@pytest.mark.parametrize(
    "value", [-1, 1.5, float("nan"), float("inf"), True, "12.0", "+5", " 5", "five", 10**12, [], b"5"]
)
def test_what_is_no_count_is_left_out_and_flagged(value: AttributeValue) -> None:
    found = _usage(input_tokens=value, output_tokens=3)
    assert found.meters == {"output": 3}
    assert found.flags == ("invalid_usage:gen_ai.usage.input_tokens",)
    assert found.usage_status == "metered"


def test_what_cannot_be_read_is_still_a_sign_that_usage_was_reported() -> None:
    assert _usage(input_tokens="lots").usage_status == "metered"


@pytest.mark.parametrize(("value", "flags"), [(12, ()), (12.0, ()), ("12", ("usage_as_text",))])
def test_counts_in_other_clothes(value: AttributeValue, flags: tuple[str, ...]) -> None:
    found = _usage(input_tokens=value)
    assert (found.meters, found.flags) == ({"input": 12}, flags)


def test_seconds_may_have_fractions() -> None:
    assert _read(spanledger__usage__second=1.25).meters == {"second": Decimal("1.25")}
    assert _read(spanledger__usage__second="0.1").meters == {"second": Decimal("0.1")}


def test_any_meter_under_our_prefix() -> None:
    found = _read(spanledger__usage__web_search=3, spanledger__usage__evaluation_run=1)
    assert found.meters == {"web_search": 3, "evaluation_run": 1}


def test_cache_writes_by_time_to_live() -> None:
    found = _read(
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__cache_write__input_tokens=50,
        anthropic__usage__cache_creation__ephemeral_5m_input_tokens=20,
        anthropic__usage__cache_creation__ephemeral_1h_input_tokens=25,
    )
    assert found.meters == {"input": 50, "cache_write": 5, "cache_write_5m": 20, "cache_write_1h": 25}


@pytest.mark.parametrize("whole", [None, 0])
def test_cache_writes_of_which_only_the_split_is_told(whole: int | None) -> None:
    found = _read(
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__cache_write__input_tokens=whole,
        anthropic__usage__cache_creation__ephemeral_1h_input_tokens=25,
    )
    assert found.meters == {"input": 75, "cache_write_1h": 25}


def test_audio_and_image_are_carved_out_with_what_was_cached_of_them() -> None:
    found = _usage(
        input_tokens=100,
        cache_read__input_tokens=40,
        audio__input_tokens=30,
        audio__cache_read__input_tokens=10,
        image__input_tokens=5,
        output_tokens=50,
        audio__output_tokens=20,
    )
    assert found.meters == {
        "input": 35,
        "cache_read": 30,
        "cache_read_audio": 10,
        "input_audio": 20,
        "input_image": 5,
        "output": 30,
        "output_audio": 20,
    }
    assert sum(found.meters.values()) == 150


def test_a_part_larger_than_its_whole_is_left_out_and_flagged() -> None:
    found = _usage(input_tokens=10, audio__input_tokens=30)
    assert found.meters == {"input": 10}
    assert found.flags == ("invalid_usage:gen_ai.usage.audio.input_tokens",)


def test_more_cached_than_input_proves_that_input_lacks_it() -> None:
    found = _usage(input_tokens=10, cache_read__input_tokens=60)
    assert found.meters == {"input": 10, "cache_read": 60}
    assert found.rule == "cache_outside:exceeds_input"
    assert found.flags == ("arithmetic_over_dialect",)


def test_more_reasoning_than_output_proves_that_output_lacks_it() -> None:
    found = _usage(output_tokens=10, reasoning__output_tokens=60)
    assert found.meters == {"output": 10, "reasoning": 60}
    assert found.rule == "reasoning_outside:exceeds_output"


def test_an_unknown_emitter_is_believed_as_the_conventions_have_it_and_flagged() -> None:
    found = _read(_SOMEBODY, gen_ai__usage__input_tokens=100, gen_ai__usage__cache_read__input_tokens=60)
    assert (found.dialect, found.meters) == ("generic", {"input": 40, "cache_read": 60})
    assert found.flags == ("cache_inclusion_unknown",)


_REPORTED = Convention(total_is_reported=True)


def test_the_providers_total_decides() -> None:
    counts = {"input": 100, "output": 50, "cache_read": 60}
    assert disjoint(counts, 150, _REPORTED).rules == ["cache_inside:total"]
    assert disjoint(counts, 210, _REPORTED).rules == ["cache_outside:total"]
    assert disjoint(counts, 210, _REPORTED).meters["input"] == 100


def test_a_total_that_the_emitter_added_up_proves_nothing() -> None:
    counts = {"input": 100, "output": 50, "cache_read": 60}
    assert disjoint(counts, 150, Convention(cache_outside=True)).meters["input"] == 100


def test_a_total_that_fits_neither_reading_proves_nothing() -> None:
    assert disjoint({"input": 100, "output": 50, "cache_read": 60}, 999, _REPORTED).rules == ["cache_inside"]


def test_the_providers_total_shows_whether_output_has_reasoning() -> None:
    counts = {"input": 100, "output": 50, "reasoning": 20}
    assert disjoint(counts, 150, _REPORTED).meters["output"] == 30
    assert disjoint(counts, 170, _REPORTED).meters["output"] == 50


def test_thoughts_that_only_the_total_shows_are_billed_as_reasoning() -> None:
    hidden = Convention(total_is_reported=True, thoughts_hidden=True)
    usage = disjoint({"input": 100, "output": 50}, 180, hidden)
    assert (usage.meters, usage.flags) == ({"input": 100, "output": 50, "reasoning": 30}, ["hidden_reasoning"])


def test_no_usage_status_but_the_three_is_taken_from_the_span() -> None:
    assert _read(spanledger__usage_status="estimated", gen_ai__usage__input_tokens=5).usage_status == "estimated"
    assert _read(spanledger__usage_status="perhaps", gen_ai__usage__input_tokens=5).usage_status == "metered"
