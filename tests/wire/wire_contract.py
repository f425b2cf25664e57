"""The transparency contract: what an application sees is the same with and without the instrumentation.

Each way to call a provider inherits it as a class: it says how to make a client and how to call it; the tests are here.
Clients are typed `Any`, as the contract holds for any SDK.
"""

import asyncio
import gc
import inspect
import pickle
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from opentelemetry import context
from wire_recording import Recording, attributes_of, true_usage, usage_of

from provider_server import ProviderServer
from spanledger.instrumentor import SpanLedgerInstrumentor

Document = dict[str, Any]

_CHANGES_EACH_TIME = frozenset({"id", "created", "created_at", "item_id", "call_id", "tool_use_id", "signature"})


@contextmanager
def without_instrumentation() -> Generator[None]:
    """The bare SDK, for comparison, in the middle of an instrumented test."""
    SpanLedgerInstrumentor().uninstrument()
    try:
        yield
    finally:
        SpanLedgerInstrumentor().instrument()


def shape(value: object) -> object:
    """A result as type and content, without what is different in every answer."""
    if hasattr(value, "model_dump"):
        return type(value), shape(cast("Any", value).model_dump(warnings=False))
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return {name: shape(entry) for name, entry in entries.items() if name not in _CHANGES_EACH_TIME}
    if isinstance(value, list):
        return [shape(entry) for entry in cast("list[object]", value)]
    return value


def names_in(value: Any) -> set[str]:  # noqa: ANN401
    return set(cast("dict[str, object]", vars(value)))


class TransparencyContract(ABC):
    """Subclasses describe one endpoint of one SDK. `streams` and `helper` say what the endpoint can do."""

    streams = True
    usage_in_streams = True

    @abstractmethod
    def client(self, url: str) -> Any: ...  # noqa: ANN401
    @abstractmethod
    def async_client(self, url: str) -> Any: ...  # noqa: ANN401
    @abstractmethod
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        """The SDK method under test."""

    @abstractmethod
    def arguments(self) -> Document:
        """Arguments of a call that is answered."""

    def stream_arguments(self) -> Document:
        return self.arguments() | {"stream": True}

    def ask(self, client: Any, **more: object) -> Any:  # noqa: ANN401
        return self.method(client)(**self.arguments() | more)

    def ask_stream(self, client: Any, **more: object) -> Any:  # noqa: ANN401
        if not self.streams:
            pytest.skip("this endpoint does not stream")
        return self.method(client)(**self.stream_arguments() | more)

    # One call, one span, exact usage

    def test_an_answer_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.ask(self.client(provider.url))
        self.check_metered(instrumented, provider)

    async def test_an_async_answer_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        await self.ask(self.async_client(provider.url))
        self.check_metered(instrumented, provider)

    def test_a_stream_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        for _ in self.ask_stream(self.client(provider.url)):
            pass
        self.check_metered(instrumented, provider)

    async def test_an_async_stream_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        async for _ in await self.ask_stream(self.async_client(provider.url)):
            pass
        self.check_metered(instrumented, provider)

    def test_a_raw_answer_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        response = self.raw(self.client(provider.url))(**self.arguments())
        response.parse()
        self.check_metered(instrumented, provider)

    async def test_an_async_raw_answer_is_one_exact_span(
        self, instrumented: Recording, provider: ProviderServer
    ) -> None:
        response = await self.raw(self.async_client(provider.url))(**self.arguments())
        parsed = response.parse()
        if inspect.isawaitable(parsed):
            await parsed
        self.check_metered(instrumented, provider)

    def test_a_raw_stream_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        if not self.streams:
            pytest.skip("this endpoint does not stream")
        for _ in self.raw(self.client(provider.url))(**self.stream_arguments()).parse():
            pass
        self.check_metered(instrumented, provider)

    def test_an_answer_read_by_hand_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        with self.by_hand(self.client(provider.url))(**self.arguments()) as response:
            assert b"".join(response.iter_bytes())
        self.check_metered(instrumented, provider)

    async def test_an_async_answer_read_by_hand_is_one_exact_span(
        self, instrumented: Recording, provider: ProviderServer
    ) -> None:
        async with self.by_hand(self.async_client(provider.url))(**self.arguments()) as response:
            assert await response.json()
        self.check_metered(instrumented, provider)

    def test_a_stream_read_by_hand_is_one_exact_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        if not self.streams:
            pytest.skip("this endpoint does not stream")
        with self.by_hand(self.client(provider.url))(**self.stream_arguments()) as response:
            assert list(response.iter_lines())
        self.check_metered(instrumented, provider)

    async def test_a_stream_read_in_another_task_is_one_exact_span(
        self, instrumented: Recording, provider: ProviderServer
    ) -> None:
        stream = await self.ask_stream(self.async_client(provider.url))

        async def read() -> None:
            async for _ in stream:
                pass

        await asyncio.create_task(read())
        self.check_metered(instrumented, provider)

    def test_a_retried_call_is_one_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.ask(self.client(provider.url), extra_headers={"x-provider-fault": "429x2"})
        self.check_metered(instrumented, provider)
        assert instrumented.attributes["http.request.resend_count"] == 2

    async def test_an_async_retried_call_is_one_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        before = context.get_current()
        await self.ask(self.async_client(provider.url), extra_headers={"x-provider-fault": "429x2"})
        assert context.get_current() == before
        self.check_metered(instrumented, provider)
        assert instrumented.attributes["http.request.resend_count"] == 2

    # Every way out of a stream ends the span once

    def test_a_closed_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = self.ask_stream(self.client(provider.url))
        next(stream)
        stream.close()
        self.check_unmetered(instrumented, "stream closed; chunks=1")

    def test_a_stream_closed_on_its_response_is_unmetered(
        self, instrumented: Recording, provider: ProviderServer
    ) -> None:
        stream = self.ask_stream(self.client(provider.url))
        stream.response.close()
        self.check_unmetered(instrumented, "stream closed; chunks=0")

    async def test_a_closed_async_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = await self.ask_stream(self.async_client(provider.url))
        await anext(stream)
        await stream.close()
        self.check_unmetered(instrumented, "stream closed; chunks=1")

    def test_leaving_the_with_block_ends_the_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        with self.ask_stream(self.client(provider.url)) as stream:
            for _ in stream:
                break
        self.check_unmetered(instrumented, "stream closed; chunks=1")

    def test_a_dropped_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        for _ in self.ask_stream(self.client(provider.url)):
            break
        self.check_unmetered(instrumented, "chunks=1")

    def test_a_stream_never_read_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.ask_stream(self.client(provider.url))
        self.check_unmetered(instrumented, "chunks=0")

    def test_a_cut_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = self.ask_stream(self.client(provider.url), extra_headers={"x-provider-fault": "cut2"})
        with pytest.raises(Exception):  # noqa: B017, PT011  # the SDK's own error, of whatever SDK
            list(stream)
        self.check_unmetered(instrumented, "stream failed; chunks=")
        assert instrumented.only.status.status_code.name == "ERROR"
        assert "error.type" in instrumented.attributes

    async def test_a_cancelled_reader_ends_the_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = await self.ask_stream(self.async_client(provider.url))
        started = asyncio.Event()

        async def read() -> None:
            await anext(stream)
            started.set()
            await asyncio.Event().wait()

        reader = asyncio.create_task(read())
        await started.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await stream.close()
        self.check_unmetered(instrumented, "chunks=1")

    # Errors

    def test_a_failing_call_is_an_unmetered_error(self, instrumented: Recording, provider: ProviderServer) -> None:
        with pytest.raises(Exception, match=r"does not exist|not_found"):
            self.ask(self.client(provider.url), model="no-such-model")
        self.check_unmetered(instrumented, "call failed")
        assert instrumented.only.status.status_code.name == "ERROR"
        assert instrumented.attributes["error.type"]

    def test_exceptions_are_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        def failure() -> BaseException:
            with pytest.raises(Exception) as caught:  # noqa: PT011  # compared below
                self.ask(self.client(provider.url), extra_headers={"x-provider-fault": "400"})
            return caught.value

        observed = failure()
        with without_instrumentation():
            bare = failure()
        assert type(observed) is type(bare)
        assert str(observed).partition("request_id")[0] == str(bare).partition("request_id")[0]
        assert (observed.__cause__, observed.__suppress_context__) == (bare.__cause__, bare.__suppress_context__)
        assert instrumented.spans

    # Invisible

    def test_an_answer_is_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        self.ask(client)  # warms the provider's cache, so that the two below are served alike
        observed = shape(self.ask(client))
        with without_instrumentation():
            assert observed == shape(self.ask(client))
        assert instrumented.spans

    def test_a_stream_is_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        list(self.ask_stream(client))
        observed = self.ask_stream(client)
        items = [shape(item) for item in observed]
        with without_instrumentation():
            bare = self.ask_stream(client)
            assert items == [shape(item) for item in bare]
        assert type(observed) is type(bare)
        assert names_in(observed) >= names_in(bare)
        assert names_in(observed.response) == names_in(bare.response)
        assert instrumented.spans

    def test_signatures_are_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        def signatures() -> list[object]:
            found: list[object] = []
            for client in (self.client(provider.url), self.async_client(provider.url)):
                found += [inspect.signature(client.request), inspect.iscoroutinefunction(client.request)]
                found += [inspect.signature(self.method(client)), inspect.iscoroutinefunction(self.method(client))]
            return found

        observed = signatures()
        with without_instrumentation():
            assert observed == signatures()
        assert not instrumented.spans

    def test_context_is_left_as_it_was(self, instrumented: Recording, provider: ProviderServer) -> None:
        before = context.get_current()
        self.ask(self.client(provider.url))
        if self.streams:
            for _ in self.ask_stream(self.client(provider.url)):
                assert context.get_current() == before
        assert context.get_current() == before
        assert instrumented.spans

    def test_answers_and_closed_responses_pickle(self, instrumented: Recording, provider: ProviderServer) -> None:
        assert pickle.loads(pickle.dumps(self.ask(self.client(provider.url))))
        raw = self.raw(self.client(provider.url))(**self.arguments())
        with self.by_hand(self.client(provider.url))(**self.arguments()) as by_hand:
            assert by_hand.read()
        responses = [raw.http_response, by_hand.http_response]
        if self.streams:
            stream = self.ask_stream(self.client(provider.url))
            list(stream)
            responses.append(stream.response)
        for response in responses:
            assert pickle.loads(pickle.dumps(response)).status_code == 200
        assert instrumented.spans

    def test_nothing_is_kept_alive(self, instrumented: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        response = weakref.ref(self.raw(client)(**self.arguments()))
        if self.streams:
            stream = self.ask_stream(client)
            response = weakref.ref(stream.response)
            list(stream)
            del stream
        gc.collect()
        assert response() is None
        assert instrumented.spans

    def test_uninstrument_reaches_clients_that_exist(self, recording: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        before = self.request_function(client)
        instrumentor = SpanLedgerInstrumentor()
        instrumentor.instrument()
        self.ask(client)
        assert any("spanledger.usage_status" in attributes_of(span) for span in recording.spans)
        instrumentor.uninstrument()
        recording.clear()
        self.ask(client)
        assert not any("spanledger.usage_status" in attributes_of(span) for span in recording.spans)
        assert self.request_function(client) is before

    # How the tests above look at things

    def raw(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return self._sibling(client, "with_raw_response")

    def by_hand(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return self._sibling(client, "with_streaming_response")

    def _sibling(self, client: Any, name: str) -> Callable[..., Any]:  # noqa: ANN401
        method = self.method(client)
        return getattr(getattr(cast("Any", method).__self__, name), method.__name__)

    def request_function(self, client: Any) -> object:  # noqa: ANN401
        return inspect.getattr_static(cast("object", client), "request")

    def check_metered(self, recording: Recording, provider: ProviderServer) -> None:
        span, served = recording.only, provider.served[-1]
        attributes = attributes_of(span)
        assert usage_of(span) == true_usage(served)
        assert attributes["spanledger.usage_status"] == "metered"
        assert "spanledger.usage_evidence" not in attributes
        assert attributes.get("gen_ai.response.id") == served.id
        assert attributes["gen_ai.response.model"] == served.model
        assert attributes["gen_ai.request.model"] == served.request_model
        assert attributes["server.address"] == "127.0.0.1"
        assert f"127.0.0.1:{attributes['server.port']}" in provider.url
        assert span.kind.name == "CLIENT"

    def check_unmetered(self, recording: Recording, evidence: str) -> None:
        attributes = recording.attributes
        assert attributes["spanledger.usage_status"] == "unmetered"
        assert evidence in str(attributes["spanledger.usage_evidence"])
        assert "gen_ai.usage.output_tokens" not in attributes
