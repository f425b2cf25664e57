"""The OpenAI Agents SDK as apps use it: an agent with a tool, over both APIs, streamed, several at once."""

import asyncio

import telemetry
from prompts import QUESTIONS, document


def scenario(run_async: telemetry.RunAsync) -> None:
    run_async(agents_at_work())


def send_no_traces_to_openai() -> None:
    """As the SDK does by itself; those who instrument it add processors of their own."""
    from agents import set_trace_processors

    set_trace_processors([])


async def agents_at_work() -> None:
    from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
    from openai import AsyncOpenAI

    @function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    chat = OpenAIChatCompletionsModel("gpt-4.1-mini", AsyncOpenAI())
    for model in ("gpt-5-mini", chat):  # a name stands for the Responses API
        agent = Agent(name="assistant", model=model)
        for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
            await Runner.run(agent, question)
        async for _ in Runner.run_streamed(agent, QUESTIONS[2]).stream_events():
            pass
        await asyncio.gather(*(Runner.run(agent, question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
        await Runner.run(Agent(name="forecaster", model=model, tools=[weather]), "What is the weather in Paris?")
    reader = Agent(name="reader", model="gpt-5.6", instructions=document("the agent"))
    for question in QUESTIONS[:2]:
        await Runner.run(reader, question)


if __name__ == "__main__":
    telemetry.run(scenario, prepare=send_no_traces_to_openai)
