"""LlamaIndex as apps use it, with models of both providers: chat, streams, tools, embeddings, several at once."""

import asyncio
import os
from itertools import count

import telemetry
from prompts import QUESTIONS, document

_MANUALS = count()


def scenario(run_async: telemetry.RunAsync) -> None:
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.llms.anthropic import Anthropic
    from llama_index.llms.openai import OpenAI, OpenAIResponses

    url = os.environ["OPENAI_BASE_URL"]  # which LlamaIndex does not look at
    openai, anthropic = OpenAI(model="gpt-4.1-mini", api_base=url), Anthropic(model="claude-haiku-4-5")
    for model in (openai, anthropic):
        chat(model)
        tool(model)
        run_async(side_by_side(model))
    for model in (OpenAI(model="gpt-5-mini", api_base=url), OpenAIResponses(model="gpt-5-mini", api_base=url)):
        chat(model)
    cached(openai, document(f"machine {next(_MANUALS)}"))
    embed(OpenAIEmbedding(model="text-embedding-3-small", api_base=url))


def asked(*texts):
    from llama_index.core.llms import ChatMessage

    roles = ("system", "user") if len(texts) > 1 else ("user",)
    return [ChatMessage(role=role, content=text) for role, text in zip(roles, texts, strict=True)]


def chat(model) -> None:
    for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]):  # the same question again is another call
        model.chat(asked(question))
    for _ in model.stream_chat(asked(QUESTIONS[2])):
        pass
    model.complete(QUESTIONS[0])


def tool(model) -> None:
    from llama_index.core.tools import FunctionTool

    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    model.predict_and_call([FunctionTool.from_defaults(weather)], "What is the weather in Paris?")


def cached(model, manual) -> None:
    for question in QUESTIONS[:2]:
        model.chat(asked(manual, question))


def embed(model) -> None:
    model.get_text_embedding_batch(list(QUESTIONS))
    model.get_query_embedding(QUESTIONS[0])


async def side_by_side(model) -> None:
    async def consume() -> None:
        async for _ in await model.astream_chat(asked(QUESTIONS[0])):
            pass

    await asyncio.gather(*(model.achat(asked(question)) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[2])))
    await asyncio.gather(consume(), consume())


if __name__ == "__main__":
    telemetry.run(scenario)
