"""Strands as apps use it, with models of both providers: an agent with and without a tool, streams, several at once."""

import asyncio
import os

import telemetry
from prompts import QUESTIONS


def scenario(run_async: telemetry.RunAsync) -> None:
    from strands import tool

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    for model in ("gpt-4.1-mini", "gpt-5-mini", "claude-haiku-4-5"):
        for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
            agent(model)(question)
        chat = agent(model, weather)
        chat("What is the weather in Paris?")
        run_async(side_by_side(model))


def agent(name, *tools):
    """An agent with a client of its own: each question runs in another event loop, and in the second one the client of
    Anthropic's SDK sends a request twice, of which its spans tell once."""
    from strands import Agent
    from strands.models.anthropic import AnthropicModel
    from strands.models.openai import OpenAIModel

    key = {"api_key": os.environ["OPENAI_API_KEY"]}
    if name.startswith("claude"):
        model = AnthropicModel(client_args=key, model_id=name, max_tokens=1000)
    else:
        model = OpenAIModel(client_args=key, model_id=name)
    return Agent(model=model, tools=list(tools), callback_handler=None)


async def side_by_side(model) -> None:
    async def ask(question) -> None:
        await agent(model).invoke_async(question)

    async def consume(question) -> None:
        async for _ in agent(model).stream_async(question):
            pass

    await asyncio.gather(*(ask(question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
    await asyncio.gather(consume(QUESTIONS[0]), consume(QUESTIONS[0]))


if __name__ == "__main__":
    telemetry.run(scenario)
