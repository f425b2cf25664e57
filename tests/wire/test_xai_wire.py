"""The xAI SDK, real, against a local gRPC server: with spans of its own, which are adopted, and without them."""

import asyncio
import importlib
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from opentelemetry import trace
from wire_recording import Recording, attributes_of
from wire_scripted import Script
from wire_sdk_contract import Attributes, Case, SdkContract, counts_of
from wire_xai import COUNTED, MODEL, USAGE, serving_xai, video

# The SDK has no types.
xai_sdk: Any = importlib.import_module("xai_sdk")
xai_chat: Any = importlib.import_module("xai_sdk.chat")

PARTS = ("chat", "image", "video") if video is not None else ("chat", "image")
MODULES = [f"xai_sdk.{half}.{part}" for half in ("sync", "aio") for part in PARTS]
QUICKLY = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch, recording: Recording) -> None:
    """The tracers of the SDK, which it makes when it is imported, of this test's provider."""
    for name in MODULES:
        monkeypatch.setattr(f"{name}.tracer", recording.provider.get_tracer(name))


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch, traced: None) -> None:  # noqa: ARG001  # comes after it
    """As with XAI_SDK_DISABLE_TRACING."""
    for name in MODULES:
        monkeypatch.setattr(f"{name}.tracer", trace.NoOpTracer())


def has_prices() -> bool:
    """Whether this version of the SDK knows what it costs; tiers and compacted contexts came before that."""
    return "cost_in_usd_ticks" in USAGE.DESCRIPTOR.fields_by_name


def client_of(address: str) -> Any:  # noqa: ANN401
    return xai_sdk.Client(api_key="key-of-a-test", api_host=address, use_insecure_channel=True)


def chat_of(client: Any, model: str = "model-of-a-test") -> Any:  # noqa: ANN401
    chat = client.chat.create(model=model)
    chat.append(xai_chat.user("Where is my parcel?"))
    return chat


class TestAdoptedSpan(SdkContract):
    """The SDK makes a span for each call by itself."""

    retries = False
    error_type = "INVALID_ARGUMENT"
    scope = "xai_sdk."

    def scripts(self, case: Case) -> tuple[Script, ...]:
        raise NotImplementedError(case)  # served over gRPC instead

    @contextmanager
    def serving(self, case: Case) -> Generator[str]:
        with serving_xai(case) as address:
            yield address

    def client(self, url: str) -> Any:  # noqa: ANN401
        return client_of(url)

    def async_client(self, url: str) -> Any:  # noqa: ANN401
        return xai_sdk.AsyncClient(api_key="key-of-a-test", api_host=url, use_insecure_channel=True)

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return chat_of(client).sample()

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return chat_of(client).stream()

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return chat_of(client).sample()

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return chat_of(client).stream()

    def usage(self) -> Attributes:
        return COUNTED

    def view(self, item: object) -> object:
        parts = cast("tuple[Any, ...]", item if isinstance(item, tuple) else (item,))
        return [(type(part).__name__, part.proto.SerializeToString(deterministic=True)) for part in parts]

    def check_server(self, attributes: Attributes) -> None:
        assert attributes.get("server.address") in ("api.x.ai", None)  # as the SDK says, wherever it sends

    def test_whose_span_it_is(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        scope = instrumented.only.instrumentation_scope
        assert scope is not None
        assert scope.name.startswith(self.scope)

    def test_what_is_not_a_meter(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        attributes = instrumented.attributes
        if has_prices():
            assert attributes["spanledger.reported_cost_usd"] == "0.0012345678"
            assert attributes["spanledger.service_tier"] == "priority"
        assert attributes["gen_ai.response.finish_reasons"] == ("stop",)

    def test_a_deferred_answer_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            chat_of(self.client(url)).defer(interval=QUICKLY)
        assert counts_of(instrumented.only) == COUNTED
        assert instrumented.attributes["spanledger.usage_status"] == "metered"

    async def test_an_async_deferred_answer_is_one_exact_span(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            await chat_of(self.async_client(url)).defer(interval=QUICKLY)
        assert counts_of(instrumented.only) == COUNTED
        assert instrumented.attributes["spanledger.usage_status"] == "metered"

    def test_a_call_while_a_stream_is_read_has_its_own_span(self, instrumented: Recording) -> None:
        """The SDK leaves the span of a stream current while the application reads it."""
        with self.serving("stream") as url:
            client = self.client(url)
            stream = chat_of(client, "outer").stream()
            next(stream)
            chat_of(client, "inner").sample()
            models = ["outer", "inner"]
            if has_prices():
                chat_of(client, "compacted").compact()
                models.append("compacted")
            list(stream)
        counts = {attributes_of(span)["gen_ai.request.model"]: counts_of(span) for span in instrumented.spans}
        assert counts == dict.fromkeys(models, COUNTED)

    def test_images(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.client(url).image.sample_batch("a parcel", "model-of-a-test", 2)
        expected = {**COUNTED, "spanledger.usage.image": 2} if has_prices() else {"spanledger.usage.image": 2}
        assert counts_of(instrumented.only) == expected
        assert instrumented.attributes["spanledger.usage_status"] == "metered"

    def test_videos(self, instrumented: Recording) -> None:
        if video is None:
            pytest.skip("this version of the SDK makes no videos")
        with self.serving("answer") as url:
            self.client(url).video.generate("a parcel", "model-of-a-test", interval=QUICKLY)
        assert counts_of(instrumented.only) == {"spanledger.usage.second": 8}


@pytest.mark.usefixtures("untraced")
class TestOwnSpan(TestAdoptedSpan):
    """With the SDK's own tracing off."""

    scope = "spanledger"

    def check_server(self, attributes: Attributes) -> None:
        assert "server.address" not in attributes

    async def test_a_closed_async_stream_ends_the_span(self, instrumented: Recording) -> None:
        """gRPC keeps an asynchronous stream that was left until its channel is closed."""
        with self.streaming("held") as url:
            client = self.async_client(url)
            stream = await self.opened(client)
            await anext(stream)
            await stream.aclose()
            del stream
            await client.close()
            await self.ended(instrumented)
        self.check_partial(instrumented, "chunks=1")

    async def test_a_cancelled_reader_ends_the_span(self, instrumented: Recording) -> None:
        with self.streaming("held") as url:
            client = self.async_client(url)
            stream = await self.opened(client)
            await anext(stream)
            reader = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            self.check_partial(instrumented, "stream cancelled; chunks=1")

    def test_who_bills(self, instrumented: Recording) -> None:
        with self.serving("answer") as url:
            self.ask(self.client(url))
        assert instrumented.attributes["gen_ai.provider.name"] == "x_ai"
        assert instrumented.attributes["gen_ai.response.model"] == MODEL
        assert instrumented.only.name == "chat model-of-a-test"
        assert instrumented.only.kind.name == "CLIENT"
