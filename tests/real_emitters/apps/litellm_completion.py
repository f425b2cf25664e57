"""LiteLLM as services use it, with models of both providers: completions, streams, a tool, cached prompts, several at
once."""

import asyncio
from itertools import count

import telemetry
from prompts import CITY_SCHEMA, QUESTIONS, document

_NUMBERS = count()
_MODELS = ("gpt-4.1-mini", "anthropic/claude-haiku-4-5")


def scenario(run_async: telemetry.RunAsync) -> None:
    run_async(completions(next(_NUMBERS)))


async def completions(number) -> None:
    for model in _MODELS:
        for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
            await ask(model, question)
        await consume(model, QUESTIONS[2])
        await tool(model)
        await asyncio.gather(*(ask(model, question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
        await asyncio.gather(consume(model, QUESTIONS[0]), consume(model, QUESTIONS[0]))
    await ask("gpt-5-mini", QUESTIONS[0])
    await cached("gpt-5.6", document(f"machine {number}"))
    block = {"type": "text", "text": document(f"tool {number}"), "cache_control": {"type": "ephemeral"}}
    await cached("anthropic/claude-haiku-4-5", [block])
    await telemetry.litellm_has_logged()


async def ask(model, question, *before, **options):
    import litellm

    messages = [*before, {"role": "user", "content": question}]
    return await litellm.acompletion(model=model, messages=messages, **options)


async def consume(model, question) -> None:
    async for _ in await ask(model, question, stream=True, stream_options={"include_usage": True}):
        pass


async def tool(model) -> None:
    import litellm

    function = {"name": "weather", "description": "The weather of a city", "parameters": CITY_SCHEMA}
    tools = [{"type": "function", "function": function}]
    asked = {"role": "user", "content": "What is the weather in Paris?"}
    first = await litellm.acompletion(model=model, messages=[asked], tools=tools)
    call = first.choices[0].message.tool_calls[0]
    answered = [asked, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    await litellm.acompletion(model=model, messages=answered, tools=tools)


async def cached(model, manual) -> None:
    for question in QUESTIONS[:2]:
        await ask(model, question, {"role": "system", "content": manual})


if __name__ == "__main__":
    telemetry.run(scenario)
