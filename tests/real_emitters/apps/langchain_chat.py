"""LangChain as apps use it, with models of both providers: invoke, stream, a chain, an agent with a tool, batches."""

import asyncio
from itertools import count

import telemetry
from prompts import QUESTIONS, document

_MANUALS = count()


def scenario(run_async: telemetry.RunAsync) -> None:
    from langchain_anthropic import ChatAnthropic
    from langchain_openai import ChatOpenAI

    number = next(_MANUALS)
    openai = ChatOpenAI(model="gpt-4.1-mini")
    for model in (openai, ChatAnthropic(model="claude-haiku-4-5")):
        chat(model)
        agent(model)
        run_async(side_by_side(model))
    thinking(ChatOpenAI(model="gpt-5-mini"), ChatOpenAI(model="gpt-5-mini", use_responses_api=True))
    cached(ChatOpenAI(model="gpt-5.6"), document(f"machine {number}"))
    block = {"type": "text", "text": document(f"tool {number}"), "cache_control": {"type": "ephemeral"}}
    cached(ChatAnthropic(model="claude-haiku-4-5"), [block])


def chat(model) -> None:
    from langchain_core.prompts import ChatPromptTemplate

    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        model.invoke(question)
    for _ in model.stream(QUESTIONS[2]):
        pass
    chain = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")]) | model
    chain.invoke({"question": QUESTIONS[0]})


def agent(model) -> None:
    from langchain.agents import create_agent

    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    asked = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
    create_agent(model, tools=[weather]).invoke(asked)


def thinking(*models) -> None:
    for model in models:
        model.invoke(QUESTIONS[0])
        for _ in model.stream(QUESTIONS[1]):
            pass


def cached(model, manual) -> None:
    for question in QUESTIONS[:2]:
        model.invoke([{"role": "system", "content": manual}, {"role": "user", "content": question}])


async def side_by_side(model) -> None:
    await model.abatch([QUESTIONS[0], QUESTIONS[0], QUESTIONS[2]])

    async def consume() -> None:
        async for _ in model.astream(QUESTIONS[0]):
            pass

    await asyncio.gather(consume(), consume())


if __name__ == "__main__":
    telemetry.run(scenario)
