"""How exact the instrumentation is with LiteLLM, on the same recorded exchanges of many providers.

    python benchmarks/exactness_litellm.py CORPUS_DIRECTORY [--asynchronous]

As `exactness.py`; needs an environment with LiteLLM. What LiteLLM leaves out of a provider's answer is read from the
answer as it came: the tier of Gemini, the usage that Groq puts into `x_groq`. Not yet so: cached tokens of Cohere.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import exactness_measure
from exactness import Exchange, Replay

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION_NAME": "us-east-1"}

litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

Arguments = dict[str, object]
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(prefix: str) -> Callable[[Exchange, str], Arguments]:
    """Chat with the provider that LiteLLM calls by this prefix."""

    def arguments(exchange: Exchange, url: str) -> Arguments:
        model = exchange.get("request_model") or "gemini-2.0-flash"
        return {"model": f"{prefix}/{model}", "api_base": url, "messages": MESSAGES}

    return arguments


def bedrock(exchange: Exchange, url: str) -> Arguments:
    found = re.match(r"/model/(.+)/[a-z-]+$", unquote(exchange["path"]))
    assert found is not None
    return {"model": f"bedrock/converse/{found[1]}", "aws_bedrock_runtime_endpoint": url, "messages": MESSAGES}


def response(exchange: Exchange, url: str) -> Arguments:
    return {"model": f"openai/{exchange['request_model']}", "api_base": url, "input": "hello"}


def embedding(exchange: Exchange, url: str) -> Arguments:
    return response(exchange, url) | {"encoding_format": "float"}


CALLS: dict[tuple[str, str], tuple[str, Callable[[Exchange, str], Arguments]]] = {
    ("anthropic", "messages"): ("completion", chat("anthropic")),
    ("openai", "chat.completions"): ("completion", chat("openai")),
    ("openai", "responses"): ("responses", response),
    ("openai", "embeddings"): ("embedding", embedding),
    ("groq", "chat.completions"): ("completion", chat("groq")),
    ("together", "chat.completions"): ("completion", chat("together_ai")),
    ("mistral_ai", "chat.completions"): ("completion", chat("mistral")),
    ("openrouter", "chat.completions"): ("completion", chat("openrouter")),
    ("deepseek", "chat.completions"): ("completion", chat("deepseek")),
    ("ollama", "ollama.chat"): ("completion", chat("ollama_chat")),
    ("aws.bedrock", "converse"): ("completion", bedrock),
    ("aws.bedrock", "converse_stream"): ("completion", bedrock),
    ("gcp.gemini", "generateContent"): ("completion", chat("gemini")),
    ("gcp.gemini", "streamGenerateContent"): ("completion", chat("gemini")),
}
"""Function of LiteLLM and its arguments, by provider and endpoint."""


class LiteLlm(Replay):
    """The replay server, asked by LiteLLM."""

    def covers(self, exchange: Exchange) -> bool:
        return (exchange["provider"], exchange["endpoint"]) in CALLS and bool(exchange.get("truth"))

    def ask(self, exchange: Exchange) -> None:
        name, arguments_of = CALLS[exchange["provider"], exchange["endpoint"]]
        arguments = arguments_of(exchange, self._server.url(exchange["id"])) | {"api_key": "none", "max_retries": 0}
        if exchange["streaming"]:
            arguments["stream"] = True
        if self._asynchronous:
            asyncio.run(self._ask_asynchronously(getattr(litellm, f"a{name}"), arguments))
        else:
            answer = getattr(litellm, name)(**arguments)
            for _ in answer if exchange["streaming"] else ():
                pass

    async def _ask_asynchronously(self, function: Callable[..., Any], arguments: Arguments) -> None:
        answer = await function(**arguments)
        if "stream" in arguments:
            async for _ in answer:
                pass


if __name__ == "__main__":
    options = exactness_measure.options(__doc__)
    replay = LiteLlm(options.corpus, asynchronous=options.asynchronous)
    sys.exit(exactness_measure.measure(replay, [one for one in replay.exchanges if replay.covers(one)]))
