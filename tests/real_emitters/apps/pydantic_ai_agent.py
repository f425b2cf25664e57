"""Pydantic AI as apps use it, with models of both providers: an agent with a tool, streams, several runs at once."""

import asyncio

import telemetry
from prompts import QUESTIONS, document

_SHORT = {"max_tokens": 4000}
"""Where more is possible, Pydantic AI tries what the Anthropic SDK refuses to send: a failure that no provider saw."""


def scenario(run_async: telemetry.RunAsync) -> None:
    run_async(agents_at_work())


async def agents_at_work() -> None:
    from pydantic_ai import Agent

    for model in ("openai-chat:gpt-4.1-mini", "openai-responses:gpt-5-mini", "anthropic:claude-haiku-4-5"):
        agent = Agent(model, model_settings=_SHORT)
        for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
            await agent.run(question)
        await consume(agent, QUESTIONS[2])
        await asyncio.gather(*(agent.run(question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
        await asyncio.gather(consume(agent, QUESTIONS[0]), consume(agent, QUESTIONS[0]))
        forecaster = Agent(model, model_settings=_SHORT)
        forecaster.tool_plain(weather)
        await forecaster.run("What is the weather in Paris?")
    await cached(Agent("openai-chat:gpt-5.6", instructions=document("the agent")))
    settings = {**_SHORT, "anthropic_cache_instructions": "1h"}
    await cached(Agent("anthropic:claude-haiku-4-5", instructions=document("the tool"), model_settings=settings))


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def consume(agent, question) -> None:
    async with agent.run_stream(question) as result:
        async for _ in result.stream_text():
            pass


async def cached(agent) -> None:
    for question in QUESTIONS[:2]:
        await agent.run(question)


if __name__ == "__main__":
    telemetry.run(scenario)
