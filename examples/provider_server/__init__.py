"""A local model provider: speaks the OpenAI, Anthropic and Gemini wire formats and knows what it served.

It exists so that the demo and the tests can run the real SDKs offline and compare every token with the truth:

    with provider_server.running() as server:
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="any")
        ...
        server.served  # one frozen record for each request, with its true usage

By hand: `python examples/provider_server --port 8080` (the records are then at `GET /_served`). A token here is a word
or a punctuation mark, so that anybody can recount. The API key may be anything, but it must be there.
"""

from provider_server.records import Served, Usage
from provider_server.server import ProviderServer, running

__all__ = ["ProviderServer", "Served", "Usage", "running"]
