"""The Mistral SDK as apps use it: chat, streams, a tool, several at once. The provider speaks OpenAI's
format, of which the chat is Mistral's too."""

import asyncio
import os

import telemetry
from prompts import CITY_SCHEMA, QUESTIONS

_MODEL = "mistral-small-latest"


def scenario(run_async: telemetry.RunAsync) -> None:
    try:
        from mistralai.client import Mistral
    except ImportError:  # before 2.0
        from mistralai import Mistral

    client = Mistral(api_key="any", server_url=os.environ["ANTHROPIC_BASE_URL"])
    if telemetry.is_on("mistral-native"):
        from mistralai.extra.observability import configure_telemetry

        configure_telemetry(client, provider="global")
    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        client.chat.complete(model=_MODEL, messages=asked(question))
    for _ in client.chat.stream(model=_MODEL, messages=asked(QUESTIONS[2])):
        pass
    function = {"name": "weather", "description": "The weather of a city", "parameters": CITY_SCHEMA}
    tools = [{"type": "function", "function": function}]
    client.chat.complete(model=_MODEL, messages=asked("What is the weather in Paris?"), tools=tools)
    run_async(side_by_side(client))


def asked(question):
    return [{"role": "user", "content": question}]


async def side_by_side(client) -> None:
    async def consume() -> None:
        async for _ in await client.chat.stream_async(model=_MODEL, messages=asked(QUESTIONS[0])):
            pass

    questions = (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])
    await asyncio.gather(
        *(client.chat.complete_async(model=_MODEL, messages=asked(question)) for question in questions)
    )
    await asyncio.gather(consume(), consume())


if __name__ == "__main__":
    telemetry.run(scenario)
