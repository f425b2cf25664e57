"""Google's ADK as apps use it: an agent with and without a tool, streams, thoughts, a session, several at once."""

import asyncio
import os

import telemetry
from prompts import QUESTIONS, document

os.environ |= {"GOOGLE_API_KEY": "any", "GOOGLE_GEMINI_BASE_URL": os.environ["ANTHROPIC_BASE_URL"]}
_MODEL = "gemini-2.5-flash"


def scenario(run_async: telemetry.RunAsync) -> None:
    run_async(agents_at_work())


async def agents_at_work() -> None:
    from google.adk.agents import Agent
    from google.genai import types

    thinking = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(thinking_budget=1000))
    plain = Agent(name="plain", model=_MODEL, instruction="Be brief.")
    for agent in (
        plain,
        Agent(name="thinker", model=_MODEL, instruction="Think.", generate_content_config=thinking),
        Agent(name="reader", model=_MODEL, instruction=document("the agent")),
    ):
        await talk(agent, QUESTIONS[0], QUESTIONS[1])
        await talk(agent, QUESTIONS[2], streaming=True)
    await talk(Agent(name="forecaster", model=_MODEL, tools=[weather]), "What is the weather in Paris?")
    await asyncio.gather(*(talk(plain, question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def talk(agent, *questions, streaming=False) -> None:
    from google.adk.agents.run_config import RunConfig, StreamingMode
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    runner = InMemoryRunner(agent=agent, app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user-ana")
    config = RunConfig(streaming_mode=StreamingMode.SSE if streaming else StreamingMode.NONE)
    for question in questions:
        message = types.Content(role="user", parts=[types.Part(text=question)])
        asked = {"user_id": "user-ana", "session_id": session.id, "new_message": message, "run_config": config}
        async for _ in runner.run_async(**asked):
            pass


if __name__ == "__main__":
    telemetry.run(scenario)
