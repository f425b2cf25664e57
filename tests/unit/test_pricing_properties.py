"""What holds for every call and every book: sums, monotony, no negative amounts, no order, exactness."""

import decimal
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pricing_cases import make_call
from tests.unit.test_pricing_book import LIST_ROW

from spanledger_collector.model import Conditions, Quantity
from spanledger_collector.pricing import PriceBook, Row, price, shipped_book

FLAT = ("anthropic", "claude-opus-4-5")
"""A model without long-context prices, for which cost adds up over calls."""

METERS = st.dictionaries(
    st.sampled_from(["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "web_search"]),
    st.integers(0, 2_000_000),
    max_size=7,
)
MODELS = st.sampled_from(
    [
        FLAT,
        ("openai", "gpt-5.4"),
        ("openai", "o3"),
        ("gcp.gemini", "gemini-2.5-pro"),
        ("deepseek", "deepseek-chat"),
        ("x_ai", "grok-4"),
        ("aws.bedrock", "us.amazon.nova-pro-v1:0"),
        ("nobody", "nothing"),
    ]
)
MOMENTS = st.integers(1_700_000_000, 1_800_000_000)
CONDITIONS = st.builds(
    Conditions,
    service_tier=st.sampled_from([None, "default", "flex", "priority", "turbo"]),
    processing=st.sampled_from([None, "batch"]),
    region=st.sampled_from([None, "eu", "us-east-1"]),
)


@given(MODELS, METERS, MOMENTS, CONDITIONS)
def test_cost_is_the_sum_of_the_charges_and_every_meter_is_accounted_for(
    model: tuple[str, str], meters: dict[str, int], moment: int, conditions: Conditions
) -> None:
    at_ns = moment * 10**9
    call = replace(make_call(*model, meters, conditions=conditions), started_ns=at_ns, ended_ns=at_ns)
    got = price(call, shipped_book())
    total = sum((charge.amount_usd for charge in got.charges), Decimal(0))
    used = {meter for meter, count in meters.items() if count}
    if got.status in {"priced", "free"}:
        assert got.cost_usd == total
        assert got.cost_low_usd is not None
        assert got.cost_high_usd is not None
        assert got.cost_low_usd <= total <= got.cost_high_usd
        assert {charge.meter for charge in got.charges} == used
    else:
        assert got.cost_usd is None
        assert got.reasons
        assert got.status != "partial" or got.charges
    assert all(charge.amount_usd >= 0 and charge.quantity > 0 for charge in got.charges)
    assert all(-_exponent(charge.amount_usd) <= 12 for charge in got.charges)
    assert price(call, shipped_book()) == got


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


@given(st.data(), METERS)
def test_the_order_of_the_meters_does_not_matter(data: st.DataObject, meters: dict[str, int]) -> None:
    shuffled = data.draw(st.permutations(list(meters.items())))
    book = shipped_book()
    assert price(make_call(*FLAT, dict(shuffled)), book) == price(make_call(*FLAT, meters), book)


@given(METERS, METERS)
def test_without_thresholds_cost_adds_up_over_calls(one: dict[str, int], two: dict[str, int]) -> None:
    both = {meter: one.get(meter, 0) + two.get(meter, 0) for meter in one.keys() | two.keys()}
    assert _cost(one) + _cost(two) == _cost(both)


def _cost(meters: dict[str, Quantity] | dict[str, int]) -> Decimal:
    got = price(make_call(*FLAT, {"output": 0, **meters}), shipped_book())
    assert got.cost_usd is not None
    return got.cost_usd


@given(METERS, st.sampled_from(["input", "output", "cache_read"]), st.integers(1, 10_000))
def test_more_never_costs_less(meters: dict[str, int], meter: str, more: int) -> None:
    for model in (FLAT, ("gcp.gemini", "gemini-2.5-pro"), ("openai", "gpt-5.4")):
        known = {name: count for name, count in meters.items() if name in {"input", "output", "cache_read"}}
        low = price(make_call(*model, {"input": 0, **known}), shipped_book()).cost_usd
        high = price(make_call(*model, {**known, meter: known.get(meter, 0) + more}), shipped_book()).cost_usd
        assert low is not None
        assert high is not None
        assert high > low


@given(
    st.decimals(min_value=0, max_value=1000, places=6, allow_nan=False, allow_infinity=False),
    st.sampled_from([1, 1000, 1_000_000]),
    st.integers(1, 999),
)
def test_amounts_are_exact(dollars: Decimal, per: int, count: int) -> None:
    got = price(make_call("acme", "one", {"input": count}), _book(LIST_ROW._replace(price=str(dollars), per=str(per))))
    exact = dollars * count / per
    assert got.cost_usd == exact
    assert "rounded" not in got.flags


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_what_cannot_be_exact_is_rounded_once_half_to_even_and_flagged(count: int, per: int) -> None:
    got = price(make_call("acme", "one", {"input": count}), _book(LIST_ROW._replace(price="0.7", per=str(per))))
    with decimal.localcontext(decimal.Context(prec=80)):
        exact = Decimal("0.7") * count / per
        rounded = exact.quantize(Decimal("1e-12"), rounding=decimal.ROUND_HALF_EVEN)
        assert got.cost_usd == rounded
        assert ("rounded" in got.flags) is (rounded != exact)


@given(st.integers(1, 30))
def test_the_callers_decimal_context_does_not_matter(precision: int) -> None:
    call = make_call(*FLAT, {"input": 123_456, "output": 7, "cache_write": 99})
    usual = price(call, _fresh())
    with decimal.localcontext(decimal.Context(prec=precision, rounding=decimal.ROUND_UP)):
        assert price(call, _fresh()) == usual


def _fresh() -> PriceBook:
    """The same book without anything remembered."""
    book = shipped_book()
    rows = [row for row in book.rows() if (row.provider, row.model) == FLAT]
    return PriceBook("fresh", rows, [])


def _book(row: Row) -> PriceBook:
    return PriceBook("one", [row], [])
