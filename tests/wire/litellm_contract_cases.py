"""LiteLLM, real, against the transparency contract: where it sends by itself, and where the OpenAI SDK sends for it.

Run by `test_litellm_apart.py` in an environment that has LiteLLM.
"""

import gc
import os
import time
import weakref
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from wire_contract import Document, without_instrumentation
from wire_plain_contract import PlainContract
from wire_recording import Recording, true_usage, usage_of

import provider_server
from provider_server import ProviderServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
POLICY = [{"type": "text", "text": " ".join(["policy"] * 1500), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


def settled(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true: LiteLLM's own threads hold a stream for a moment longer."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        gc.collect()
        if condition():
            return True
        time.sleep(0.01)
    return False


@cache
def keeps_dropped_streams() -> bool:
    """Whether this version of LiteLLM, without the instrumentation, keeps streams that the application has dropped."""
    with provider_server.running() as server, without_instrumentation():
        stream = Function("completion", server.url)(model="anthropic/claude-sonnet-5", messages=MESSAGES, stream=True)
        reference = weakref.ref(stream)
        del stream
        return not settled(lambda: reference() is None)


class Function:
    """A function of LiteLLM as the application finds it, with what all calls to one server have in common."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._common = {"api_base": url, "api_key": "key-of-a-test"}

    @property
    def current(self) -> Callable[..., Any]:
        return getattr(litellm, self.name)

    def __call__(self, **arguments: object) -> Any:  # noqa: ANN401
        return self.current(**self._common, **arguments)


class _LiteLlm(PlainContract):
    path = ""
    prefix = ""

    def client(self, url: str) -> Function:
        return Function("completion", url + self.path)

    def async_client(self, url: str) -> Function:
        return Function("acompletion", url + self.path)

    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client

    def functions(self, client: Any) -> list[Callable[..., Any]]:  # noqa: ANN401
        return [client.current]

    def ask(self, client: Any, **more: Any) -> Any:  # noqa: ANN401
        if "model" in more:
            more["model"] = self.prefix + more["model"]
        return super().ask(client, **more)

    def check_unmetered(self, recording: Recording, evidence: str) -> None:
        """A stream that is left early may have told its usage already; what it did not tell is not there."""
        assert settled(lambda: bool(recording.spans))
        attributes = recording.attributes
        usage = usage_of(recording.only)
        assert attributes["spanledger.usage_status"] in ({"estimated", "metered"} if usage else {"unmetered"})
        if attributes["spanledger.usage_status"] != "metered":
            assert evidence.rpartition(" ")[2] in str(attributes["spanledger.usage_evidence"])

    async def give_up(self, stream: Any) -> None:  # noqa: ANN401
        if not hasattr(stream, "aclose"):
            pytest.skip("in this version streams cannot be closed")
        await stream.aclose()

    def test_a_closed_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        if not hasattr(litellm.CustomStreamWrapper, "close"):
            pytest.skip("in this version streams cannot be closed")
        super().test_a_closed_stream_is_unmetered(instrumented, provider)

    def test_a_dropped_stream_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.skip_if_streams_are_kept()
        super().test_a_dropped_stream_is_unmetered(instrumented, provider)

    def test_a_stream_never_read_is_unmetered(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.skip_if_streams_are_kept()
        super().test_a_stream_never_read_is_unmetered(instrumented, provider)

    def skip_if_streams_are_kept(self) -> None:
        if keeps_dropped_streams():
            pytest.skip("this version of LiteLLM keeps what the application has dropped")

    def test_nothing_is_kept_alive(self, instrumented: Recording, provider: ProviderServer) -> None:
        self.skip_if_streams_are_kept()
        stream = self.ask_stream(self.client(provider.url))
        reference = weakref.ref(stream)
        list(stream)
        del stream
        assert settled(lambda: reference() is None)
        assert instrumented.only


class TestSentByItself(_LiteLlm):
    """Anthropic: LiteLLM sends by itself, over HTTP, and gives answers an id of its own."""

    prefix = "anthropic/"

    def arguments(self) -> Document:
        return {"model": "anthropic/claude-sonnet-5", "messages": [{"role": "system", "content": POLICY}, *MESSAGES]}

    def check_metered(self, recording: Recording, provider: ProviderServer) -> None:
        attributes, served = recording.attributes, provider.served[-1]
        assert usage_of(recording.only) == true_usage(served)
        assert attributes["spanledger.usage_status"] == "metered"
        assert attributes["gen_ai.provider.name"] == "anthropic"
        assert attributes.get("gen_ai.response.model", served.model) == served.model  # older versions lose it
        assert attributes["gen_ai.request.model"] == served.request_model
        assert attributes["server.address"] == "127.0.0.1"
        assert recording.only.kind.name == "CLIENT"
        assert recording.only.instrumentation_scope is not None
        assert recording.only.instrumentation_scope.name == "spanledger"


class TestThroughTheOpenAiSdk(_LiteLlm):
    """OpenAI: the SDK's call is the one that counts."""

    path = "/v1"
    prefix = "openai/"
    retries = True

    def arguments(self) -> Document:
        return {"model": "openai/gpt-5-mini", "messages": MESSAGES}

    def stream_arguments(self) -> Document:
        return self.arguments() | {"stream": True, "stream_options": {"include_usage": True}}

    def ask(self, client: Any, **more: Any) -> Any:  # noqa: ANN401
        return super().ask(client, **({"max_retries": 2} | more))
