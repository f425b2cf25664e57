"""How exact the instrumentation is with boto3, aiobotocore, groq, together and ollama, on the same recorded exchanges.

    python benchmarks/exactness_bedrock_and_hosts.py CORPUS_DIRECTORY [--asynchronous]

As `exactness.py`, which has the OpenAI and Anthropic SDKs; what it says of the corpus and the table holds here.
"""

import asyncio
import json
import re
import sys
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import exactness_measure
import groq
import ollama
import together
from exactness import Exchange, Replay

boto3: Any = import_module("boto3")  # no types
botocore_config: Any = import_module("botocore.config")
aiobotocore_session: Any = import_module("aiobotocore.session")

MESSAGES = [{"role": "user", "content": "hello"}]
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}

BEDROCK = {
    "converse": ("converse", None),
    "converse_stream": ("converse_stream", "stream"),
    "invoke": ("invoke_model", "body"),
    "invoke_stream": ("invoke_model_with_response_stream", "body"),
}
"""Method of the client for each recorded endpoint, and the part of the answer that is read apart."""

STAINLESS = {"groq": (groq.Groq, groq.AsyncGroq), "together": (together.Together, together.AsyncTogether)}
ENDPOINTS = frozenset({"chat.completions", "completions", "ollama.chat", "ollama.generate", *BEDROCK})


class MoreSdks(Replay):
    """The replay server, and clients of these SDKs."""

    def covers(self, exchange: Exchange) -> bool:
        return exchange["provider"] in {"aws.bedrock", "ollama", *STAINLESS} and exchange["endpoint"] in ENDPOINTS

    def ask(self, exchange: Exchange) -> None:
        if self._asynchronous:
            asyncio.run(self._ask_asynchronously(exchange))
        elif exchange["provider"] == "aws.bedrock":
            ask_bedrock(self._server.url(exchange["id"]), exchange)
        else:
            answer = call(self._client(exchange, asynchronous=False), exchange)
            for _ in answer if exchange["streaming"] else ():
                pass

    async def _ask_asynchronously(self, exchange: Exchange) -> None:
        if exchange["provider"] == "aws.bedrock":
            await ask_bedrock_asynchronously(self._server.url(exchange["id"]), exchange)
            return
        async with self._client(exchange, asynchronous=True) as client:
            answer = await call(client, exchange)
            if exchange["streaming"]:
                async for _ in answer:
                    pass

    def _client(self, exchange: Exchange, *, asynchronous: bool) -> Any:  # noqa: ANN401
        url = self._server.url(exchange["id"])
        if exchange["provider"] == "ollama":
            return ollama.AsyncClient(host=url) if asynchronous else ollama.Client(host=url)
        return STAINLESS[exchange["provider"]][asynchronous](base_url=url, api_key="none", max_retries=0)


def call(client: Any, exchange: Exchange) -> Any:  # noqa: ANN401
    method = exchange["endpoint"].removeprefix("ollama.")
    prompt: dict[str, object] = {"messages": MESSAGES} if "chat" in method else {"prompt": "hello"}
    for name in method.split("."):
        client = getattr(client, name)
    create = getattr(client, "create", client)
    return create(model=exchange.get("request_model") or "unknown", stream=bool(exchange["streaming"]), **prompt)


def bedrock_call(exchange: Exchange) -> tuple[str, str | None, dict[str, object]]:
    method, held = BEDROCK[exchange["endpoint"]]
    found = re.match(r"/model/(.+)/[a-z-]+$", unquote(exchange["path"]))
    assert found is not None
    arguments: dict[str, object] = {"modelId": found[1]}
    return method, held, arguments | (CONVERSE if "converse" in method else {"body": "{}"})


def settings() -> dict[str, Any]:
    return {
        "region_name": "us-east-1",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
        "config": botocore_config.Config(retries={"max_attempts": 0}),
    }


def ask_bedrock(url: str, exchange: Exchange) -> None:
    method, held, arguments = bedrock_call(exchange)
    client = boto3.client("bedrock-runtime", endpoint_url=url, **settings())
    answer = getattr(client, method)(**arguments)
    if held and exchange["streaming"]:
        for _ in answer[held]:
            pass
    elif held:
        json.loads(answer[held].read())


async def ask_bedrock_asynchronously(url: str, exchange: Exchange) -> None:
    method, held, arguments = bedrock_call(exchange)
    session = aiobotocore_session.get_session()
    async with session.create_client("bedrock-runtime", endpoint_url=url, **settings()) as client:
        answer = await getattr(client, method)(**arguments)
        if held and exchange["streaming"]:
            async for _ in answer[held]:
                pass
        elif held:
            json.loads(await answer[held].read())


if __name__ == "__main__":
    options = exactness_measure.options(__doc__)
    replay = MoreSdks(options.corpus, asynchronous=options.asynchronous)
    sys.exit(exactness_measure.measure(replay, [one for one in replay.exchanges if replay.covers(one)]))
