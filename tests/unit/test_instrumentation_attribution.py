"""Attribution: nesting, decorators, threads of control; baggage in and out. No SDK is needed."""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, context, trace

import spanledger
from spanledger._context_keys import BAGGAGE_KEY, SPAN_KEY, baggage_in, suppressed_in
from spanledger.attribution import attribution_attributes, without_attribution_baggage


def test_inner_blocks_win_for_the_names_they_give() -> None:
    with spanledger.attribution(user="outer", org="acme"):
        with spanledger.attribution(user="inner", team="blue"):
            assert attribution_attributes() == {
                "user.id": "inner",
                "spanledger.org": "acme",
                "spanledger.dim.team": "blue",
            }
        assert attribution_attributes() == {"user.id": "outer", "spanledger.org": "acme"}
    assert attribution_attributes() == {}


def test_values_become_text_and_none_changes_nothing() -> None:
    with spanledger.attribution(user=17, feature="a"), spanledger.attribution(user=None, feature=None):
        assert attribution_attributes() == {"user.id": "17", "spanledger.feature": "a"}


def test_it_ends_with_its_block_also_after_an_exception() -> None:
    with pytest.raises(ValueError, match="inside"), spanledger.attribution(user="u"):
        raise ValueError("inside")
    assert attribution_attributes() == {}


def test_a_decorated_function_is_itself_and_attributed() -> None:
    @spanledger.attribution(user="u")
    def work(first: int, *, second: int = 2) -> tuple[int, object]:
        """What it does."""
        return first + second, attribution_attributes()["user.id"]

    assert work(1) == (3, "u")
    assert work(1, second=1) == (2, "u")
    assert (work.__name__, work.__doc__) == ("work", "What it does.")
    assert list(inspect.signature(work).parameters) == ["first", "second"]
    assert attribution_attributes() == {}


async def test_a_decorated_coroutine_function_stays_one() -> None:
    @spanledger.attribution(user="u")
    async def work() -> object:
        await asyncio.sleep(0)
        return attribution_attributes()["user.id"]

    assert inspect.iscoroutinefunction(work)
    assert await work() == "u"
    assert attribution_attributes() == {}


def test_a_decorated_function_may_call_itself() -> None:
    @spanledger.attribution(user="u")
    def down(depth: int) -> int:
        return depth if depth == 0 else down(depth - 1)

    assert down(3) == 0
    assert attribution_attributes() == {}


async def test_one_object_serves_tasks_that_overlap() -> None:
    shared = spanledger.attribution(user="u")
    first_is_in, second_is_out = asyncio.Event(), asyncio.Event()

    async def first() -> object:
        async with shared:
            first_is_in.set()
            await second_is_out.wait()
            found = attribution_attributes()
        assert attribution_attributes() == {}
        return found

    async def second() -> None:
        await first_is_in.wait()
        async with shared:
            pass
        assert attribution_attributes() == {}
        second_is_out.set()

    found, _ = await asyncio.gather(first(), second())
    assert found == {"user.id": "u"}


def test_tasks_inherit_it() -> None:
    async def child() -> object:
        return dict(attribution_attributes())

    async def parent() -> object:
        with spanledger.attribution(user="u"):
            task = asyncio.create_task(child())
        return await task

    assert asyncio.run(parent()) == {"user.id": "u"}


def test_threads_have_it_when_told() -> None:
    def spender(number: int = 0) -> tuple[int, object]:
        return number, attribution_attributes().get("user.id")

    with ThreadPoolExecutor(4) as executor:
        with spanledger.attribution(user="u"):
            bare, carried = spender, spanledger.in_this_context(spender)
        assert executor.submit(bare).result() == (0, None)
        assert list(executor.map(carried, range(20))) == [(number, "u") for number in range(20)]
        assert executor.submit(bare).result() == (0, None)
    assert attribution_attributes() == {}


def test_a_function_with_context_nests_raises_and_looks_as_before() -> None:
    def fail(reason: str) -> None:
        """Why."""
        with spanledger.attribution(feature="inner"):
            found.append(dict(attribution_attributes()))
        found.append(dict(attribution_attributes()))
        raise ValueError(reason)

    found: list[dict[str, str]] = []
    with spanledger.attribution(user="outer"):
        carried = spanledger.in_this_context(fail)
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="no"):
        executor.submit(carried, reason="no").result()
    assert found == [{"user.id": "outer", "spanledger.feature": "inner"}, {"user.id": "outer"}]
    assert (carried.__name__, carried.__doc__) == ("fail", "Why.")


def test_the_span_goes_along_to_a_thread() -> None:
    span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    with trace.use_span(span), ThreadPoolExecutor(1) as executor:
        assert executor.submit(spanledger.in_this_context(trace.get_current_span)).result() is span


async def test_asyncio_brings_it_to_its_own_threads() -> None:
    with spanledger.attribution(user="u"):
        assert dict(await asyncio.to_thread(attribution_attributes)) == {"user.id": "u"}


def test_it_stays_out_of_baggage_unless_told() -> None:
    with spanledger.attribution(user="u"):
        assert not baggage.get_all()
    with spanledger.attribution(user="u", team="blue", propagate=True):
        assert baggage.get_all() == {"user.id": "u", "spanledger.dim.team": "blue"}
    assert not baggage.get_all()


def test_only_the_allowed_baggage_counts() -> None:
    carried = context.Context()
    for key in ("user.id", "session.id", "gen_ai.workflow.name", "spanledger.dim.team", "password", "user.id.more"):
        carried = baggage.set_baggage(key, "value", carried)
    expected = {"user.id", "session.id", "gen_ai.workflow.name", "spanledger.dim.team"}
    assert set(attribution_attributes(carried)) == expected
    assert set(attribution_attributes(carried, ("password",))) == {"password"}
    assert set(baggage.get_all(without_attribution_baggage(carried))) == {"password", "user.id.more"}
    assert len(baggage.get_all(carried)) == 6


def test_the_keys_of_a_context_are_those_that_the_api_uses() -> None:
    carried = baggage.set_baggage("user.id", "u")
    assert dict(baggage_in(carried)) == dict(baggage.get_all(carried)) == {"user.id": "u"}
    assert carried.get(BAGGAGE_KEY)
    assert not baggage_in(context.Context())
    span = trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
    assert trace.set_span_in_context(span).get(SPAN_KEY) is span
    assert suppressed_in(context.set_value("suppress_instrumentation", True))
    assert not suppressed_in(context.Context())
