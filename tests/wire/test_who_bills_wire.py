"""Who bills a call of the OpenAI SDK: known by the host it goes to, else by the client, else it is the maker."""

from typing import Any

import openai
import pytest
from wire_openai import openai_client
from wire_recording import Recording, attributes_of
from wire_scripted import answer, serving

COMPLETION: dict[str, object] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


def chat(client: openai.OpenAI) -> object:
    return client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Where is it?"}])


def test_azure_is_known_by_its_host(instrumented: Recording) -> None:
    with serving(answer(COMPLETION)) as server:
        client = openai.AzureOpenAI(
            azure_endpoint="http://contoso.openai.azure.com",
            api_key="key-of-a-test",
            api_version="2024-10-21",
            http_client=to(server.url),
        )
        chat(client)
    attributes = instrumented.attributes
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "contoso.openai.azure.com"
    assert attributes["gen_ai.usage.input_tokens"] == 10


async def test_azure_behind_a_gateway_is_known_by_its_client(instrumented: Recording) -> None:
    with serving(answer(COMPLETION)) as server:
        settings: Any = {"azure_endpoint": server.url, "api_key": "k", "api_version": "2024-10-21"}
        chat(openai.AzureOpenAI(**settings, http_client=openai.DefaultHttpxClient(verify=False)))
        http = openai.DefaultAsyncHttpxClient(verify=False)
        client = openai.AsyncAzureOpenAI(**settings, azure_deployment="d-1", http_client=http)
        await client.chat.completions.create(model="d-1", messages=[])
    assert [attributes_of(span)["gen_ai.provider.name"] for span in instrumented.spans] == ["azure.ai.openai"] * 2


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("http://contoso.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("http://contoso.services.ai.azure.com/models", "azure.ai.inference"),
        ("http://api.groq.com/openai/v1", "groq"),
        ("http://openrouter.ai/api/v1", "openrouter"),
        ("http://api.deepseek.com", "deepseek"),
        ("http://api.together.xyz/v1", "together"),
        ("http://api.x.ai/v1", "x_ai"),
        ("http://api.mistral.ai/v1", "mistral_ai"),
        ("http://generativelanguage.googleapis.com/v1beta/openai/", "gcp.gemini"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock"),
    ],
)
def test_who_bills_is_known_by_the_host_behind_the_openai_sdk(
    instrumented: Recording, base_url: str, provider: str
) -> None:
    with serving(answer(COMPLETION)) as server:
        chat(openai.OpenAI(base_url=base_url, api_key="k", http_client=to(server.url)))
    assert instrumented.attributes["gen_ai.provider.name"] == provider


def test_a_local_host_is_the_sdks_own_provider(instrumented: Recording) -> None:
    with serving(answer(COMPLETION)) as server:
        chat(openai_client(server.url))
    assert instrumented.attributes["gen_ai.provider.name"] == "openai"


def to(url: str) -> Any:  # noqa: ANN401  # whichever httpx the SDK uses
    """An HTTP client that sends everything to `url`, whatever host the SDK means."""
    target = url.removeprefix("http://").split(":")
    http: Any = openai.DefaultHttpxClient(verify=False)
    send = http._transport.handle_request

    def redirect(request: Any) -> Any:  # noqa: ANN401
        request.url = request.url.copy_with(host=target[0], port=int(target[1]))
        return send(request)

    http._transport.handle_request = redirect
    return http
