"""The transparency contract for SDKs whose streams are plain iterators, and which hand out no raw responses."""

import asyncio
import gc
import inspect
import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Never

import pytest
from wire_contract import TransparencyContract, shape, without_instrumentation
from wire_recording import Recording, attributes_of

from provider_server import ProviderServer
from spanledger.instrumentor import SpanLedgerInstrumentor

PATCHED = "spanledger.usage_status"


class PlainContract(TransparencyContract):
    """Subclasses say besides which functions are patched, and how an asynchronous stream is given up."""

    retries = False

    @abstractmethod
    def functions(self, client: Any) -> list[Callable[..., Any]]:  # noqa: ANN401
        """The patched functions that this client calls."""

    async def give_up(self, stream: Any) -> None:  # noqa: ANN401
        await stream.aclose()

    def raw(self, client: Any) -> Never:  # noqa: ANN401, ARG002
        pytest.skip("this SDK hands out no raw responses")

    def by_hand(self, client: Any) -> Never:  # noqa: ANN401, ARG002
        pytest.skip("this SDK hands out no raw responses")

    def test_a_retried_call_is_one_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        if not self.retries:
            pytest.skip("this SDK does not retry")
        super().test_a_retried_call_is_one_span(instrumented, provider)

    async def test_an_async_retried_call_is_one_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        if not self.retries:
            pytest.skip("this SDK does not retry")
        await super().test_an_async_retried_call_is_one_span(instrumented, provider)

    def test_a_stream_closed_on_its_response_is_unmetered(
        self,
        instrumented: Recording,  # noqa: ARG002
        provider: ProviderServer,  # noqa: ARG002
    ) -> None:
        pytest.skip("the streams of this SDK do not show their response")

    async def test_a_closed_async_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = await self.ask_stream(self.async_client(provider.url))
        await anext(stream)
        await self.give_up(stream)
        self.check_unmetered(instrumented, "chunks=")

    def test_leaving_the_with_block_ends_the_span(self, instrumented: Recording, provider: ProviderServer) -> None:
        stream = self.ask_stream(self.client(provider.url))
        if not hasattr(stream, "__enter__"):
            pytest.skip("the streams of this SDK are no context managers")
        with stream:
            next(stream)
        del stream
        self.check_unmetered(instrumented, "chunks=")

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
        await self.give_up(stream)
        self.check_unmetered(instrumented, "chunks=1")

    def test_a_stream_is_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        list(self.ask_stream(client))
        observed = self.ask_stream(client)
        items = [shape(item) for item in observed]
        with without_instrumentation():
            bare = self.ask_stream(client)
            assert items == [shape(item) for item in bare]
        assert type(observed) is type(bare)
        assert repr(observed).partition(" at ")[0] == repr(bare).partition(" at ")[0]
        assert instrumented.spans

    def test_signatures_are_unchanged(self, instrumented: Recording, provider: ProviderServer) -> None:
        def signatures() -> list[object]:
            clients = (self.client(provider.url), self.async_client(provider.url))
            functions = [function for client in clients for function in self.functions(client)]
            return [(inspect.signature(function), inspect.iscoroutinefunction(function)) for function in functions]

        observed = signatures()
        with without_instrumentation():
            assert observed == signatures()
        assert not instrumented.spans

    def test_nothing_is_kept_alive(self, instrumented: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        self.ask(client)
        if self.streams:
            stream = self.ask_stream(client)
            reference = weakref.ref(stream)
            list(stream)
            del stream
            gc.collect()
            assert reference() is None
        assert instrumented.spans

    def test_uninstrument_reaches_clients_that_exist(self, recording: Recording, provider: ProviderServer) -> None:
        client = self.client(provider.url)
        before = [inspect.unwrap(function) for function in self.functions(client)]
        instrumentor = SpanLedgerInstrumentor()
        instrumentor.instrument()
        self.ask(client)
        assert any(PATCHED in attributes_of(span) for span in recording.spans)
        instrumentor.uninstrument()
        recording.clear()
        self.ask(client)
        assert not any(PATCHED in attributes_of(span) for span in recording.spans)
        assert before == [inspect.unwrap(function) for function in self.functions(client)]
