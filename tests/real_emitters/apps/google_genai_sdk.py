"""The Google Gen AI SDK as apps use it: contents, streams, a tool, thoughts, a cached prompt, several at once."""

import asyncio
import contextlib
import os
from itertools import count

import telemetry
from prompts import CITY_SCHEMA, QUESTIONS, document

_MANUALS = count()
_MODEL = "gemini-2.5-flash"
_THINKING = {"thinking_config": {"thinking_budget": 1000}}


def scenario(run_async: telemetry.RunAsync) -> None:
    from google import genai
    from google.genai.errors import ClientError

    client = genai.Client(api_key="any", http_options={"base_url": os.environ["ANTHROPIC_BASE_URL"]})
    models = client.models
    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        models.generate_content(model=_MODEL, contents=question)
    models.generate_content(model=_MODEL, contents=QUESTIONS[0], config=_THINKING)
    for config in ({}, _THINKING):
        for _ in models.generate_content_stream(model=_MODEL, contents=QUESTIONS[2], config=config):
            pass
    function = {"name": "weather", "description": "The weather of a city", "parameters_json_schema": CITY_SCHEMA}
    tools = {"tools": [{"function_declarations": [function]}]}
    models.generate_content(model=_MODEL, contents="What is the weather in Paris?", config=tools)
    manual = {"system_instruction": document(f"machine {next(_MANUALS)}")}
    for question in QUESTIONS[:2]:
        models.generate_content(model=_MODEL, contents=question, config=manual)
    with contextlib.suppress(ClientError):
        models.generate_content(model="no-such-model", contents=QUESTIONS[0])
    run_async(side_by_side(client.aio.models))


async def side_by_side(models) -> None:
    async def ask(question) -> None:
        await models.generate_content(model=_MODEL, contents=question)

    async def consume() -> None:
        async for _ in await models.generate_content_stream(model=_MODEL, contents=QUESTIONS[0]):
            pass

    await asyncio.gather(*(ask(question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
    await asyncio.gather(consume(), consume())


if __name__ == "__main__":
    telemetry.run(scenario)
