"""The Anthropic SDK as apps use it: messages, both kinds of streams, tools, thinking, caches, calls side by side."""

import asyncio
import contextlib
from itertools import count

import telemetry
from prompts import CITY_SCHEMA, QUESTIONS, document

_MANUALS = count()
_MODEL = "claude-haiku-4-5"


def scenario(run_async: telemetry.RunAsync) -> None:
    from anthropic import Anthropic, AsyncAnthropic

    client = Anthropic()
    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        ask(client, question)
    ask(client, QUESTIONS[2], max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000})
    streams(client)
    tool(client)
    cached(client)
    run_async(side_by_side(AsyncAnthropic))
    refused(client)


def ask(client, question, max_tokens=1000, **options):
    asked = [{"role": "user", "content": question}]
    return client.messages.create(model=_MODEL, max_tokens=max_tokens, messages=asked, **options)


def streams(client) -> None:
    for _ in ask(client, QUESTIONS[1], stream=True):
        pass
    with client.messages.stream(
        model=_MODEL, max_tokens=1000, messages=[{"role": "user", "content": QUESTIONS[2]}]
    ) as stream:
        stream.get_final_message()


def tool(client) -> None:
    tools = [{"name": "weather", "description": "The weather of a city", "input_schema": CITY_SCHEMA}]
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.messages.create(model=_MODEL, max_tokens=1000, messages=asked, tools=tools)
    use = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    answered = [*asked, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    client.messages.create(model=_MODEL, max_tokens=1000, messages=answered, tools=tools)


def cached(client) -> None:
    number = next(_MANUALS)
    for control in ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}):
        manual = document(f"{control.get('ttl', 'usual')} machine {number}")
        system = [{"type": "text", "text": manual, "cache_control": control}]
        for question in QUESTIONS[:2]:
            ask(client, question, system=system)
    for _ in ask(client, QUESTIONS[2], system=system, stream=True):
        pass


def refused(client) -> None:
    from anthropic import NotFoundError

    with contextlib.suppress(NotFoundError):
        asked = [{"role": "user", "content": QUESTIONS[0]}]
        client.messages.create(model="no-such-model", max_tokens=1000, messages=asked)


async def side_by_side(client_class) -> None:
    async with client_class() as client:
        await asyncio.gather(*(ask(client, question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
        await asyncio.gather(*(consume(client, question) for question in (QUESTIONS[0], QUESTIONS[0])))


async def consume(client, question) -> None:
    async for _ in await ask(client, question, stream=True):
        pass


if __name__ == "__main__":
    telemetry.run(scenario)
