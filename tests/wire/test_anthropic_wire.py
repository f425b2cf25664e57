"""The Anthropic SDK, real, against a local provider: with its own spans, which are adopted, and without them."""

from collections.abc import Callable
from typing import Any, TypeVar

import anthropic
import pytest
from wire_contract import Document, TransparencyContract

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
LONG = " ".join(["policy"] * 1500)


class _Messages(TransparencyContract):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.messages.create

    def arguments(self) -> Document:
        return {
            "model": "claude-sonnet-5",
            "max_tokens": 500,
            "system": [
                {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}},
            ],
            "messages": MESSAGES,
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        }


class TestAdoptedSpan(_Messages):
    """From version 2 the SDK makes a span by itself."""

    def client(self, url: str) -> anthropic.Anthropic:
        http = anthropic.DefaultHttpxClient(verify=False)  # reading the certificates takes longer than a test
        return anthropic.Anthropic(base_url=url, api_key="key-of-a-test", http_client=http)

    def async_client(self, url: str) -> anthropic.AsyncAnthropic:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        return anthropic.AsyncAnthropic(base_url=url, api_key="key-of-a-test", http_client=http)


class TestOwnSpan(TestAdoptedSpan):
    """With the SDK's own tracing off, as in versions before 2."""

    def client(self, url: str) -> anthropic.Anthropic:
        return untraced(super().client(url))

    def async_client(self, url: str) -> anthropic.AsyncAnthropic:
        return untraced(super().async_client(url))


AnyClient = TypeVar("AnyClient", anthropic.Anthropic, anthropic.AsyncAnthropic)


def untraced(client: AnyClient) -> AnyClient:
    if not hasattr(client, "_tracer"):
        pytest.skip("this version of the SDK makes no spans")
    return client.with_options(open_telemetry=False)


class TestBetaMessages(TestAdoptedSpan):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.beta.messages.create
