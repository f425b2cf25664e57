"""What must hold for every SDK, however it sends and streams: one exact span, and nothing that the application notices.

`wire_contract` asks the same of the SDKs that Stainless makes, whose ways to be called are alike; here each way to call
an SDK says itself how that is done. Clients are typed `Any`, as the contract holds for any SDK.
"""

import asyncio
import gc
import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from opentelemetry import context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from wire_contract import shape, without_instrumentation
from wire_recording import Recording, attributes_of, usage_of
from wire_scripted import Script, answer, serving

import spanledger
from spanledger._guard import troubles
from spanledger.instrumentor import SpanLedgerInstrumentor
from spanledger.meters import OTHER_METER_PREFIX

Case = Literal["answer", "stream", "cut", "held", "error", "busy", "odd"]
Attributes = Mapping[str, object]


class SdkContract(ABC):
    """Subclasses describe one way to call an SDK. `lazy`: a stream sends nothing before it is read. `partial`: what a
    stream that broke off after its first chunk is. `response_id`, `response_model`: as the answers of the script say.
    """

    streams = True
    lazy = True
    partial: Literal["unmetered", "estimated"] = "unmetered"
    retries = True
    operation = "chat"
    model = "model-of-a-test"
    response_id: str | None = "answer-1"
    response_model: str | None = "model-of-a-test-001"
    error_type = "400"
    cancelling_closes = True  # or else the SDK ends a span of its own when the stream is closed
    cut_status = "ERROR"

    @abstractmethod
    def scripts(self, case: Case) -> tuple[Script, ...]:
        """What the provider answers. `busy`: once not, then as `answer`. `held`: one chunk, and nothing more while the
        test lasts."""

    @abstractmethod
    def usage(self) -> Attributes:
        """The usage attributes, without zeros, of `answer` and of `stream`."""

    @abstractmethod
    def client(self, url: str) -> Any: ...  # noqa: ANN401
    @abstractmethod
    def ask(self, client: Any) -> Any: ...  # noqa: ANN401
    @abstractmethod
    def ask_stream(self, client: Any) -> Any: ...  # noqa: ANN401

    def async_client(self, url: str) -> Any:  # noqa: ANN401
        return self.client(url)

    @abstractmethod
    def ask_async(self, client: Any) -> Awaitable[Any]: ...  # noqa: ANN401
    @abstractmethod
    def ask_stream_async(self, client: Any) -> Any: ...  # noqa: ANN401

    # One call, one exact span

    def test_an_answer_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        self.check_metered(instrumented)

    async def test_an_async_answer_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            await self.ask_async(self.async_client(url))
        self.check_metered(instrumented)

    def test_a_stream_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.streaming("stream") as url:
            client = self.client(url)
            assert list(self.ask_stream(client))
        self.check_metered(instrumented)
        assert instrumented.attributes.get("gen_ai.request.stream") in (True, None)

    async def test_an_async_stream_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.streaming("stream") as url:
            client = self.async_client(url)
            assert [item async for item in await self.opened(client)]
        self.check_metered(instrumented)

    async def test_a_stream_read_in_another_task_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.streaming("stream") as url:
            client = self.async_client(url)
            stream = await self.opened(client)

            async def read() -> None:
                async for _ in stream:
                    pass

            await asyncio.create_task(read())
        self.check_metered(instrumented)

    def test_a_retried_call_is_one_span(self, instrumented: Recording) -> None:
        if not self.retries:
            pytest.skip("the transport retries by itself")
        with self.serving("busy") as url:
            self.ask(self.client(url))
        self.check_metered(instrumented)
        assert instrumented.attributes["http.request.resend_count"] == 1

    async def test_an_async_retried_call_is_one_span(self, instrumented: Recording) -> None:
        if not self.retries:
            pytest.skip("the transport retries by itself")
        with self.serving("busy") as url:
            await self.ask_async(self.async_client(url))
        self.check_metered(instrumented)
        assert instrumented.attributes["http.request.resend_count"] == 1

    # Every way out of a stream ends the span once

    def test_a_closed_stream_ends_the_span(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.client(url)
            stream = self.ask_stream(client)
            next(stream)
            self.close(stream)
            self.check_partial(instrumented, "chunks=1")

    async def test_a_closed_async_stream_ends_the_span(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.async_client(url)
            stream = await self.opened(client)
            await anext(stream)
            await self.close_async(stream)
            del stream
            await self.ended(instrumented)
            self.check_partial(instrumented, "chunks=1")

    def test_a_dropped_stream_ends_the_span(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.client(url)
            for _ in self.ask_stream(client):
                break
            self.check_partial(instrumented, "chunks=1")

    def test_a_stream_never_read(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.client(url)
            self.ask_stream(client)
            if self.lazy:
                assert not instrumented.spans
            else:
                self.check_partial(instrumented, "chunks=0")

    def test_a_cut_stream_is_an_error(self, instrumented: Recording) -> None:
        with self.streaming("cut") as url:
            client = self.client(url)
            stream = self.ask_stream(client)
            with pytest.raises(Exception):  # noqa: B017, PT011  # the SDK's own error, of whatever SDK
                list(stream)
            del stream
        self.check_partial(instrumented, "stream failed; chunks=")
        assert instrumented.only.status.status_code.name == self.cut_status
        assert "error.type" in instrumented.attributes

    async def test_a_cancelled_reader_ends_the_span(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.async_client(url)
            stream = await self.opened(client)
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
            await self.close_async(stream)
            await self.ended(instrumented)
            self.check_partial(instrumented, "chunks=1")

    async def test_a_wait_that_is_cancelled_ends_the_span(self, instrumented: Recording) -> None:
        """In the middle of the SDK's work, before anything is closed."""
        with self.streaming("held") as url:
            client = self.async_client(url)
            stream = await self.opened(client)
            await anext(stream)
            started = asyncio.Event()

            async def read() -> None:
                started.set()
                async for _ in stream:
                    pass

            reader = asyncio.create_task(read())
            await started.wait()  # from here on it only ever waits for the next item
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            if not self.cancelling_closes:
                await self.close_async(stream)
            self.check_partial(instrumented, "stream cancelled; chunks=")
            await self.close_async(stream)
            await self.ended(instrumented)

    # Errors

    def test_a_failing_call_is_an_unmetered_error(self, instrumented: Recording) -> None:
        with self.serving("error") as url, pytest.raises(Exception, match="not good"):
            self.ask(self.client(url))
        self.check_failed(instrumented)

    async def test_a_failing_async_call_is_an_unmetered_error(self, instrumented: Recording) -> None:
        with self.serving("error") as url, pytest.raises(Exception, match="not good"):
            await self.ask_async(self.async_client(url))
        self.check_failed(instrumented)

    def test_a_failing_stream_is_an_unmetered_error(self, instrumented: Recording) -> None:
        with self.streaming("error") as url:
            client = self.client(url)
            with pytest.raises(Exception, match="not good"):
                list(self.ask_stream(client))
        self.check_failed(instrumented)

    def test_exceptions_are_unchanged(self, instrumented: Recording) -> None:
        def failure(url: str) -> BaseException:
            with pytest.raises(Exception) as caught:  # noqa: PT011  # compared below
                self.ask(self.client(url))
            return caught.value

        with self.serving("error") as url:
            observed = failure(url)
            with without_instrumentation():
                bare = failure(url)
        assert type(observed) is type(bare)
        assert _stable(str(observed)) == _stable(str(bare))
        assert (type(observed.__cause__), observed.__suppress_context__) == (
            type(bare.__cause__),
            bare.__suppress_context__,
        )
        self.check_seen(instrumented)

    # Invisible

    def test_an_answer_is_unchanged(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            observed = self.view(self.ask(self.client(url)))
            with without_instrumentation():
                assert observed == self.view(self.ask(self.client(url)))
        assert instrumented.spans

    def test_a_stream_is_unchanged(self, instrumented: Recording) -> None:
        with self.streaming("stream") as url:
            client = self.client(url)
            observed = self.ask_stream(client)
            items = [self.view(item) for item in observed]
            with without_instrumentation():
                bare = self.ask_stream(client)
                assert items == [self.view(item) for item in bare]
            assert type(observed) is type(bare)
        assert instrumented.spans

    async def test_an_async_stream_is_unchanged(self, instrumented: Recording) -> None:
        with self.streaming("stream") as url:
            client = self.async_client(url)
            observed = await self.opened(client)
            items = [self.view(item) async for item in observed]
            with without_instrumentation():
                bare = await self.opened(client)
                assert items == [self.view(item) async for item in bare]
            assert type(observed) is type(bare)
        assert instrumented.spans

    def test_odd_chunks_are_as_without_us(self, instrumented: Recording) -> None:
        def outcome(url: str) -> object:
            client = self.client(url)
            try:
                return [self.view(item) for item in self.ask_stream(client)]
            except Exception as error:  # noqa: BLE001  # compared: the SDK may well refuse what is odd
                return type(error)

        before = troubles()
        with self.streaming("odd") as url:
            observed = outcome(url)
            with without_instrumentation():
                assert observed == outcome(url)
        assert len([span for span in instrumented.spans if "spanledger.usage_status" in attributes_of(span)]) == 1
        assert troubles() == before

    def test_context_is_left_as_it_was(self, instrumented: Recording) -> None:
        before = context.get_current()
        with self.serving("answer") as url:
            self.ask(self.client(url))
        assert context.get_current() == before
        if self.streams:
            with self.serving("stream") as url:
                client = self.client(url)
                list(self.ask_stream(client))
        assert context.get_current() == before
        assert instrumented.spans

    def test_streams_are_not_kept_alive(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.client(url)
            stream = self.ask_stream(client)
            next(stream)
            gone = weakref.ref(stream)
            del stream
            gc.collect()
            assert gone() is None
        self.check_seen(instrumented)

    def test_uninstrument_reaches_clients_that_exist(self, recording: Recording) -> None:
        instrumentor = SpanLedgerInstrumentor()
        with self.serving("answer") as url:
            client = self.client(url)
            instrumentor.instrument()
            self.ask(client)
            assert any("spanledger.usage_status" in attributes_of(span) for span in recording.spans)
            instrumentor.uninstrument()
            recording.clear()
            self.ask(client)
        assert not any("spanledger.usage_status" in attributes_of(span) for span in recording.spans)

    def test_suppressed_calls_are_not_observed(self, instrumented: Recording) -> None:
        with self.serving("answer") as url, suppress_instrumentation():
            self.ask(self.client(url))
        assert not any("spanledger.usage_status" in attributes_of(span) for span in instrumented.spans)

    async def test_calls_are_attributed(self, instrumented: Recording) -> None:
        with self.serving("answer") as url, spanledger.attribution(user="u-1", feature="sum"):
            await self.ask_async(self.async_client(url))
        assert instrumented.attributes["user.id"] == "u-1"
        assert instrumented.attributes["spanledger.feature"] == "sum"

    # How the tests above look at things

    @contextmanager
    def serving(self, case: Case) -> Generator[str]:
        with serving(*self.scripts(case)) as server:
            yield server.url

    @contextmanager
    def streaming(self, case: Case) -> Generator[str]:
        if not self.streams:
            pytest.skip("this endpoint does not stream")
        with self.serving(case) as url:
            yield url

    def close(self, stream: Any) -> None:  # noqa: ANN401
        """Give a stream up; older ones can only be left."""
        if hasattr(stream, "close"):
            stream.close()
        else:
            stream.__exit__(None, None, None)

    async def close_async(self, stream: Any) -> None:  # noqa: ANN401
        if hasattr(stream, "aclose"):
            await stream.aclose()
        elif hasattr(stream, "close"):
            await stream.close()
        else:
            await stream.__aexit__(None, None, None)

    async def ended(self, recording: Recording) -> None:
        """Wait for what the event loop still has to do: it closes the generators within a generator that was closed."""
        for _ in range(200):
            if recording.spans:
                return
            await asyncio.sleep(0.01)

    def view(self, item: object) -> object:
        """An answer, or an item of a stream, as something that can be compared."""
        return shape(item)

    async def opened(self, client: Any) -> Any:  # noqa: ANN401
        """An asynchronous stream, which some SDKs give at once and others after the request."""
        stream = self.ask_stream_async(client)
        return await stream if inspect.isawaitable(stream) else stream

    def check_metered(self, recording: Recording) -> None:
        span = recording.only
        attributes = attributes_of(span)
        assert counts_of(span) == self.usage()
        assert attributes["spanledger.usage_status"] == "metered"
        assert "spanledger.usage_evidence" not in attributes
        assert attributes["gen_ai.operation.name"] == self.operation
        assert attributes["gen_ai.request.model"] == self.model
        assert attributes.get("gen_ai.response.id") == self.response_id
        assert attributes.get("gen_ai.response.model") == self.response_model
        self.check_server(attributes)

    def check_server(self, attributes: Attributes) -> None:
        assert attributes["server.address"] == "127.0.0.1"

    def check_seen(self, recording: Recording) -> None:
        """The instrumentation was at work."""
        assert recording.spans

    def check_partial(self, recording: Recording, evidence: str) -> None:
        attributes = recording.attributes
        assert attributes["spanledger.usage_status"] == ("unmetered" if "chunks=0" in evidence else self.partial)
        assert evidence in str(attributes["spanledger.usage_evidence"])

    def check_failed(self, recording: Recording) -> None:
        assert recording.attributes["spanledger.usage_status"] == "unmetered"
        assert recording.attributes["spanledger.usage_evidence"] == "call failed"
        assert recording.attributes["error.type"] == self.error_type
        assert recording.only.status.status_code.name == "ERROR"


@dataclass(frozen=True)
class OtherEndpoint:
    """An endpoint without streams or peculiarities: what is called, what the provider answers, what must be counted."""

    name: str
    call: Callable[[Any], object]
    document: object
    operation: str
    counted: Attributes

    def check(self, recording: Recording, client: Callable[[str], Any], provider: str) -> None:
        """Call it; `client` makes a client for a URL."""
        with serving(answer(self.document)) as server:
            self.call(client(server.url))
        attributes = recording.attributes
        assert counts_of(recording.only) == self.counted
        assert attributes["spanledger.usage_status"] == "metered"
        assert attributes["gen_ai.operation.name"] == self.operation
        assert attributes["gen_ai.provider.name"] == provider


def held(script: Script) -> Script:
    """The beginning of a stream that does not go on."""
    return replace(script, cut=True, held=True)


def counts_of(span: ReadableSpan) -> dict[str, object]:
    """What was counted, free meters included, without zeros."""
    free = {name: value for name, value in attributes_of(span).items() if name.startswith(OTHER_METER_PREFIX)}
    return {**usage_of(span), **free}


def _stable(text: str) -> str:
    """An error's text without what changes from request to request: dates of headers, ports, addresses of objects."""
    lines = (line for line in text.splitlines() if "date" not in line.lower() and "timestamp" not in line.lower())
    return "\n".join(lines).partition("headers:")[0]
