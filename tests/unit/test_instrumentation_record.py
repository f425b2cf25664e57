"""`spanledger.record`: from the call in an application to the priced row."""

from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import (
    suppress_instrumentation,  # pyright: ignore[reportMissingTypeStubs]  # untyped upstream
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.observed import links_of, make_span, observations_of

import spanledger
from spanledger_collector.model import AttributeValue, Call, ReceivedSpan, Scope
from spanledger_collector.pricing import Row, price, shipped_book
from spanledger_collector.settle import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = Row(
    "evals", "*", "evaluation_run", "run", "1", "0.25", "", "", "", "", "", "contract", "published", "", "contract"
)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What ends on a fresh tracer provider, which is the global one during the test."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


def received(span: ReadableSpan) -> ReceivedSpan:
    """The span as the collector receives it."""
    scope, seen = span.instrumentation_scope, span.context
    assert scope is not None
    assert seen is not None
    return ReceivedSpan(
        trace_id=seen.trace_id.to_bytes(16),
        span_id=seen.span_id.to_bytes(8),
        parent_span_id=span.parent.span_id.to_bytes(8) if span.parent else None,
        name=span.name,
        kind=span.kind.value + 1,
        started_ns=span.start_time or 0,
        ended_ns=span.end_time or 0,
        status=span.status.status_code.value,
        attributes=cast("Mapping[str, AttributeValue]", span.attributes),
        resource={},
        scope=Scope(scope.name, scope.version or ""),
    )


def settled(exporter: InMemorySpanExporter) -> list[Call]:
    spans = [received(span) for span in exporter.get_finished_spans()]
    return settle(observations_of(spans), links_of(spans))


def test_a_record_is_a_call_with_that_meter(ended: InMemorySpanExporter) -> None:
    with spanledger.attribution(user="ann", feature="nightly", team="blue"):
        spanledger.record("evaluation_run", 3, unit="run", provider="evals", model="suite")
    [call] = settled(ended)
    assert (call.operation, call.provider, call.request_model) == ("record", "evals", "suite")
    assert (call.meters, call.usage_status, call.flags) == ({"evaluation_run": 3}, "metered", ())
    assert (call.attribution.user, call.attribution.feature) == ("ann", "nightly")
    assert call.attribution.dimensions == {"team": "blue"}


def test_only_the_users_book_prices_it(ended: InMemorySpanExporter) -> None:
    spanledger.record("evaluation_run", 3, provider="evals", model="suite")
    spanledger.record("other_thing", 1, provider="evals")
    run, other = settled(ended)
    without = price(run, shipped_book())
    assert (without.status, without.reasons) == ("unpriced", ("unknown_provider:evals",))
    book = shipped_book().with_layer("ours", [RUN])
    assert (price(run, book).status, price(run, book).cost_usd) == ("priced", 3 * Decimal("0.25"))
    assert price(other, book).reasons == ("no_price_for_meter:other_thing",)


@pytest.mark.parametrize("provider", ["evals.internal", "openai.responses", "aws", "Evals.Chat", "gpu/farm"])
def test_the_provider_is_the_users_own_name(ended: InMemorySpanExporter, provider: str) -> None:
    """Not read as the class of a client, or as an older name of somebody else, as it is on a call of a model."""
    spanledger.record("evaluation_run", 3, provider=provider, model="gpt-4o")
    spanledger.record("evaluation_run", 1, model="gpt-4o")
    named, unnamed = settled(ended)
    assert (named.provider, unnamed.provider) == (provider.lower(), "")


def test_a_meter_of_the_table_has_its_own_attribute(ended: InMemorySpanExporter) -> None:
    spanledger.record("second", Decimal("12.5"), provider="gpu_farm")
    spanledger.record("web_search", 2)
    seconds, searches = settled(ended)
    assert (seconds.meters, searches.meters) == ({"second": Decimal("12.5")}, {"web_search": 2})
    assert price(searches, shipped_book()).status == "unpriced"


def test_records_in_one_trace_are_apart_from_each_other_and_from_what_encloses_them() -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1}
    mine = {"gen_ai.operation.name": "record", "spanledger.usage.page": 1, "spanledger.usage_status": "metered"}
    spans = [
        make_span(agent, Scope("framework"), span=1, kind=1),
        make_span(chat, span=2, parent=1),
        make_span(mine, span=3, parent=2, start=0.1, end=0.1, kind=1),
        make_span(mine, span=4, parent=2, start=0.1, end=0.1, kind=1),
    ]
    calls = settle(observations_of(spans), links_of(spans))
    assert sorted(call.meters.get("page", 0) for call in calls) == [0, 1, 1]
    [rest] = [call for call in calls if "page" not in call.meters]
    assert rest.meters == {"input": 9, "output": 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(quantity=st.integers(0, 10**12 - 1) | st.decimals(0, 10**11, places=6))
def test_every_quantity_arrives_as_it_is(ended: InMemorySpanExporter, quantity: int | Decimal) -> None:
    ended.clear()
    spanledger.record("page", quantity)
    [call] = settled(ended)
    assert call.meters == {"page": quantity}


@pytest.mark.parametrize(
    ("meter", "quantity", "message"),
    [
        ("page", -1, "zero or more"),
        ("page", Decimal("-0.1"), "zero or more"),
        ("page", 10**12, "less than"),
        ("page", Decimal("NaN"), "not a finite number"),
        ("page", Decimal("Infinity"), "not a finite number"),
        ("page", Decimal("0.0000001"), "6 decimal places"),
        ("web_search", Decimal("0.5"), "a whole number"),
        ("", 1, "a letter first"),
        ("two words", 1, "a letter first"),
    ],
)
def test_what_cannot_be_metered_is_refused(meter: str, quantity: int | Decimal, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spanledger.record(meter, quantity)


@pytest.mark.parametrize("quantity", [True, 1.5, "1", None])
def test_what_is_no_exact_number_is_refused(quantity: object) -> None:
    with pytest.raises(TypeError, match=r"an int or a Decimal, not (bool|float|str|NoneType)"):
        spanledger.record("page", cast("int", quantity))


def test_units_and_names_are_checked() -> None:
    with pytest.raises(ValueError, match="counts in 'search', not 'page'"):
        spanledger.record("web_search", 1, unit="page")
    with pytest.raises(ValueError, match="provider is empty"):
        spanledger.record("page", 1, provider=" ")
    with pytest.raises(TypeError, match="model is text"):
        spanledger.record("page", 1, model=cast("str", 7))
    with pytest.raises(TypeError, match="meter is text"):
        spanledger.record(cast("str", None), 1)


def test_baggage_counts_as_attribution(ended: InMemorySpanExporter) -> None:
    token = context.attach(baggage.set_baggage("user.id", "bob"))
    spanledger.record("page", 1)
    context.detach(token)
    [call] = settled(ended)
    assert call.attribution.user == "bob"


def test_nothing_is_recorded_when_switched_off(ended: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    with suppress_instrumentation():
        spanledger.record("page", 1)
    monkeypatch.setenv("SPANLEDGER_ENABLED", "false")
    spanledger.record("page", 1)
    assert not ended.get_finished_spans()
