"""The xAI SDK as apps use it: chat, streams, a model that there is not, calls side by side."""

import asyncio
import contextlib
import os

import telemetry
from prompts import QUESTIONS

_MODEL = "grok-4"


def scenario(run_async: telemetry.RunAsync) -> None:
    from xai_sdk import AsyncClient, Client

    client = Client(**options())
    for question in QUESTIONS:
        asked(client, question).sample()
        for _ in asked(client, question).stream():
            pass
    refused(client)
    run_async(side_by_side(AsyncClient))


def options():
    return {"api_key": "any", "api_host": os.environ["APP_XAI_HOST"], "use_insecure_channel": True}


def asked(client, question, model=_MODEL):
    from xai_sdk.chat import user

    return client.chat.create(model=model, messages=[user(question)])


def refused(client) -> None:
    import grpc

    with contextlib.suppress(grpc.RpcError):
        asked(client, QUESTIONS[0], "no-such-model").sample()


async def side_by_side(client_class) -> None:
    client = client_class(**options())
    await asyncio.gather(*(asked(client, question).sample() for question in QUESTIONS))
    await asyncio.gather(*(consume(asked(client, question)) for question in QUESTIONS))
    await client.close()


async def consume(chat) -> None:
    async for _ in chat.stream():
        pass


if __name__ == "__main__":
    telemetry.run(scenario)
