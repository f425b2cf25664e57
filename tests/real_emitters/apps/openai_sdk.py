"""The OpenAI SDK as apps use it: chat, streams, tools, a cached prompt, responses, embeddings, calls side by side."""

import asyncio
import contextlib
from itertools import count

import telemetry
from prompts import CITY_SCHEMA, QUESTIONS, document

_MANUALS = count()


def scenario(run_async: telemetry.RunAsync) -> None:
    from openai import AsyncOpenAI, OpenAI

    client = OpenAI()
    chat(client)
    streams(client)
    tool(client)
    cached(client)
    responses(client)
    client.embeddings.create(model="text-embedding-3-small", input=list(QUESTIONS))
    run_async(side_by_side(AsyncOpenAI))
    refused(client)


def chat(client) -> None:
    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        ask(client, question)
    ask(client, QUESTIONS[0], model="gpt-5-mini")


def ask(client, question, model="gpt-4.1-mini", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}], **options)


def streams(client) -> None:
    for model in ("gpt-4.1-mini", "gpt-5-mini"):
        for _ in ask(client, QUESTIONS[2], model, stream=True, stream_options={"include_usage": True}):
            pass
    for _ in ask(client, QUESTIONS[1], stream=True):  # nobody asked for the usage
        pass


def tool(client) -> None:
    function = {"name": "weather", "description": "The weather of a city", "parameters": CITY_SCHEMA}
    tools = [{"type": "function", "function": function}]
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.chat.completions.create(model="gpt-4.1-mini", messages=asked, tools=tools)
    call = first.choices[0].message.tool_calls[0]
    answered = [*asked, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    client.chat.completions.create(model="gpt-4.1-mini", messages=answered, tools=tools)


def cached(client) -> None:
    manual = document(f"machine {next(_MANUALS)}")
    for model in ("gpt-4.1-mini", "gpt-5.6"):
        for question in QUESTIONS[:2]:
            messages = [{"role": "system", "content": manual}, {"role": "user", "content": question}]
            client.chat.completions.create(model=model, messages=messages)


def responses(client) -> None:
    client.responses.create(model="gpt-5-mini", input=QUESTIONS[0])
    for _ in client.responses.create(model="gpt-5-mini", input=QUESTIONS[1], stream=True):
        pass


def refused(client) -> None:
    from openai import NotFoundError

    with contextlib.suppress(NotFoundError):
        ask(client, QUESTIONS[0], "no-such-model")


async def side_by_side(client_class) -> None:
    async with client_class() as client:
        await asyncio.gather(*(ask(client, question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
        await asyncio.gather(*(consume(client, question) for question in (QUESTIONS[0], QUESTIONS[0])))


async def consume(client, question) -> None:
    async for _ in await ask(client, question, stream=True, stream_options={"include_usage": True}):
        pass


if __name__ == "__main__":
    telemetry.run(scenario)
