"""The OpenAI SDK, real, against a local provider."""

from collections.abc import Callable
from typing import Any

import openai
from wire_contract import Document, TransparencyContract

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
LONG = " ".join(["policy"] * 1500)


class _OpenAI(TransparencyContract):
    def client(self, url: str) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(verify=False)  # reading the certificates takes longer than a test
        return openai.OpenAI(base_url=f"{url}/v1", api_key="key-of-a-test", http_client=http)

    def async_client(self, url: str) -> openai.AsyncOpenAI:
        http = openai.DefaultAsyncHttpxClient(verify=False)
        return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key-of-a-test", http_client=http)


class TestChatCompletions(_OpenAI):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.chat.completions.create

    def arguments(self) -> Document:
        return {"model": "gpt-5-mini", "messages": [{"role": "system", "content": LONG}, *MESSAGES]}

    def stream_arguments(self) -> Document:
        return self.arguments() | {"stream": True, "stream_options": {"include_usage": True}}


class TestResponses(_OpenAI):
    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.responses.create

    def arguments(self) -> Document:
        return {"model": "gpt-5-mini", "input": "Where is my parcel?", "tools": [{"type": "web_search"}]}


class TestEmbeddings(_OpenAI):
    streams = False

    def method(self, client: Any) -> Callable[..., Any]:  # noqa: ANN401
        return client.embeddings.create

    def arguments(self) -> Document:
        return {"model": "text-embedding-3-small", "input": ["one two three", "four"]}
