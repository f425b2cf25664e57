"""Whatever comes under names that we read is read without trouble, the same each time, and fits the ledger."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.observed import make_span, whole_reading

from spanledger_collector import dialects
from spanledger_collector.dialects.choice import READ_NAMES
from spanledger_collector.dialects.names import DIMENSION_PREFIXES
from spanledger_collector.dialects.table import DIALECTS
from spanledger_collector.journal.reading import StoredReading, decode_reading
from spanledger_collector.ledger.row_making import call_rows
from spanledger_collector.model import AttributeValue, ReceivedSpan, Scope
from spanledger_collector.pricing import price, shipped_book
from spanledger_collector.settle import settle

_READ = sorted(
    READ_NAMES
    | {path[0] for dialect in DIALECTS for path in dialect.hidden_ids}
    | {f"{prefix}x" for prefix in DIMENSION_PREFIXES}
    | {"spanledger.usage.evaluation_run", "gen_ai.usage.cost_in_usd_ticks"}
)
_counts = st.integers(0, 300_000)
_texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "chat",
        "LLM",
        '{"id": "msg_aaaaaaaaaaaa"}',
        "{'input': 5",
        "[[1]]",
        "{" * 500,
        "1" * 5000,
        "-0",
        "1e5",
        "gpt-5",
        "openai",
    ]
)
_scalars = _counts | _texts | st.booleans() | st.integers() | st.floats() | st.none()
_values: st.SearchStrategy[AttributeValue] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=4,
)
_scopes = st.sampled_from(
    [Scope("somebody.else", "")]
    + [Scope(pattern.replace("*", ""), "2.0") for dialect in DIALECTS for pattern in dialect.scopes]
)


@st.composite
def _spans(draw: st.DrawFn) -> ReceivedSpan:
    attributes = draw(st.dictionaries(st.sampled_from(_READ), _values, min_size=1, max_size=12))
    return make_span(attributes, draw(_scopes), kind=draw(st.integers(0, 5)), status=draw(st.integers(0, 2)))


@given(_spans())
def test_anything_is_read_and_read_again_the_same(span: ReceivedSpan) -> None:
    found = dialects.recognise(span)
    dialects.peer_host(span)
    kept = dialects.kept_attributes(span)
    assert dialects.kept_json(span) == msgspec.json.encode(kept, order="sorted").decode()
    if found is not None:
        stored = StoredReading.of(found)
        assert decode_reading(stored) == found
        earlier = StoredReading(0, 0, 1, *["other"] * 9, reading=whole_reading(stored))
        assert decode_reading(earlier) == found, "where an older release has put all in the text, that counts"
        written: dict[str, AttributeValue] = msgspec.json.decode(msgspec.json.encode(kept))
        assert dialects.recognise(replace(span, attributes=written)) == found


@given(_spans())
def test_anything_that_is_read_fits_the_ledger(span: ReceivedSpan) -> None:
    found = dialects.recognise(span)
    if found is None:
        return
    for call in settle([found], {}):
        rows = call_rows(call, price(call, shipped_book()), revision=1, settled_ns=1)
        money = [rows.call.cost_usd, rows.call.cost_low_usd, rows.call.cost_high_usd, rows.call.reported_cost_usd]
        money += [charge.amount_usd for charge in rows.charges]
        assert all(Decimal(amount) < 10**6 for amount in money if amount is not None)
        assert all(Decimal(meter.quantity) < 10**12 for meter in rows.meters)
        tokens = (rows.call.input_tokens, rows.call.output_tokens, rows.call.total_tokens)
        assert all(count < 2**63 for count in tokens if count is not None)


@given(_spans())
def test_disjoint_meters_never_say_more_than_the_span(span: ReceivedSpan) -> None:
    found = dialects.recognise(span)
    if found is not None:
        assert all(quantity >= 0 for quantity in found.meters.values())
        assert (
            found.usage_status == "unmetered"
            or found.meters
            or found.flags
            or "spanledger.usage_status" in span.attributes
        )
