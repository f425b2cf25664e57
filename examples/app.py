"""The demo's app: a small product with three features, on the OpenAI and Anthropic SDKs. Run it with

    opentelemetry-instrument python examples/app.py

and every model call below becomes a span with its exact token usage. Nothing in this file measures anything: the app
only says *who* it works for (`spanledger.attribution`, or OpenTelemetry baggage) and names its own steps with
OpenTelemetry spans, as a web framework would. Keys and endpoints come from the environment, as the SDKs read them.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

import anthropic
import openai
from opentelemetry import context, propagate, trace

import spanledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from anthropic.types import MessageParam, TextBlockParam, ToolParam
    from openai.types.chat import (
        ChatCompletionMessage,
        ChatCompletionMessageFunctionToolCallParam,
        ChatCompletionMessageParam,
    )

tracer = trace.get_tracer("demo-app")

HANDBOOK = "\n".join(
    f"Rule {n}: a parcel of class {n % 7} may be returned within {20 + n % 11} days if its seal is whole."
    for n in range(1, 301)
)
ORDER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"order": {"type": "string", "examples": ["A-1017"]}},
    "required": ["order"],
}


def look_up_order(order: str) -> str:
    """The app's own tool, which the models below ask for."""
    with tracer.start_as_current_span("look up order"):
        return f"Order {order} left the depot this morning."


def find_articles(question: str) -> str:
    """Embed the question, as a retrieval step does."""
    with tracer.start_as_current_span("find articles"):
        openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=question)
    return "Parcels leave the depot at nine."


def support_with_tool() -> str:
    """Retrieval, then an OpenAI tool loop: the model asks for the order, is told, and answers."""
    question = "Where is my parcel?"
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": find_articles(question)},
        {"role": "user", "content": question},
    ]
    asked = _ask_with_tool(messages)
    for call in asked.tool_calls or []:
        if call.type == "function":
            request: ChatCompletionMessageFunctionToolCallParam = {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            messages.append({"role": "assistant", "tool_calls": [request]})
            told = look_up_order(json.loads(call.function.arguments)["order"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
    return _ask_with_tool(messages).content or ""


def _ask_with_tool(
    messages: list[ChatCompletionMessageParam],
) -> ChatCompletionMessage:
    completion = openai.OpenAI().chat.completions.create(
        model="gpt-4o-mini",
        messages=messages,
        tools=[{"type": "function", "function": {"name": "look_up_order", "parameters": ORDER_SCHEMA}}],
    )
    return completion.choices[0].message


def support_streamed() -> str:
    """An OpenAI stream that asks for its usage."""
    stream = openai.OpenAI().chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "How do I reset the scale?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def support_stream_without_usage() -> str:
    """An OpenAI stream that forgets to ask for its usage: what it cost is not in any answer."""
    stream = openai.OpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "And how do I switch it off?"}], stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def support_with_handbook() -> str:
    """Two OpenAI calls with the same long beginning: the second one reads it from the provider's cache."""
    client = openai.OpenAI()
    answers = [
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "system", "content": HANDBOOK}, {"role": "user", "content": question}],
        )
        for question in ("May I return a parcel of class 3?", "And one of class 5?")
    ]
    return answers[-1].choices[0].message.content or ""


def support_claude_with_handbook() -> str:
    """Anthropic: write a long system prompt to the cache, read it back, and use a tool; the second call is streamed."""
    client = anthropic.Anthropic()
    system: list[TextBlockParam] = [
        {"type": "text", "text": HANDBOOK, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    tools: list[ToolParam] = [{"name": "look_up_order", "input_schema": ORDER_SCHEMA}]
    messages: list[MessageParam] = [{"role": "user", "content": "May I return order A-1017?"}]
    asked = client.messages.create(
        model="claude-haiku-4-5", max_tokens=300, system=system, tools=tools, messages=messages
    )
    messages.append({"role": "assistant", "content": asked.content})
    for block in asked.content:
        if block.type == "tool_use":
            told = look_up_order(str(block.input["order"]))
            messages.append(
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": told}]}
            )
    with client.messages.stream(
        model="claude-haiku-4-5", max_tokens=300, system=system, tools=tools, messages=messages
    ) as stream:
        return "".join(stream.text_stream)


def search_the_web() -> str:
    """Anthropic with thinking and its own web search, which is billed per search."""
    message = anthropic.Anthropic().messages.create(
        model="claude-opus-4-5",
        max_tokens=3000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}],
        messages=[{"role": "user", "content": "What changed in postal law this year?"}],
    )
    return "".join(block.text for block in message.content if block.type == "text")


def search_the_shelf() -> str:
    """Several texts embedded in one call, then the OpenAI Responses API, plain and streamed, with a reasoning model."""
    client = openai.OpenAI()
    shelf = ["Parcels and pallets.", "Customs forms, explained.", "Scales, seals and stamps."]
    client.embeddings.create(model="text-embedding-3-small", input=shelf)
    client.responses.create(model="gpt-5-mini", input="Which book explains customs?", reasoning={"effort": "low"})
    with client.responses.stream(model="gpt-5-mini", input="And which one explains seals?") as stream:
        return stream.get_final_response().output_text


def summaries_at_once() -> str:
    """Three streams at the same time, with the async client and a reasoning model."""
    return asyncio.run(_summaries_at_once())


async def _summaries_at_once() -> str:
    async with openai.AsyncOpenAI() as client:
        texts = await asyncio.gather(*(_summarise(client, month) for month in ("March", "April", "May")))
    return texts[-1]


async def _summarise(client: openai.AsyncOpenAI, month: str) -> str:
    stream = await client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": f"Summarise the minutes of {month}."}],
        reasoning_effort="low",
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def _summarise_with_claude() -> str:
    async with anthropic.AsyncAnthropic() as client:
        message = await client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=200,
            messages=[{"role": "user", "content": "Summarise the minutes of June."}],
        )
    return "".join(block.text for block in message.content if block.type == "text")


def summaries_for_another_service() -> str:
    """Work for a caller that said in W3C baggage whom it is for: no attribution in this app at all."""
    caller = {"baggage": "user.id=user-dee,spanledger.org=org-south,spanledger.feature=summaries"}
    token = context.attach(propagate.extract(caller, context.get_current()))
    try:
        return asyncio.run(_summarise_with_claude())
    finally:
        context.detach(token)


def summaries_on_a_new_model() -> str:
    """A model that no price book knows: its tokens are counted, its price is unknown, and the ledger says so."""
    completion = openai.OpenAI().chat.completions.create(
        model="acme-chat-1", messages=[{"role": "user", "content": "Summarise the minutes of July."}]
    )
    return completion.choices[0].message.content or ""


def search_with_wrong_model() -> str:
    """A model that does not exist."""
    completion = openai.OpenAI().chat.completions.create(
        model="no-such-model", messages=[{"role": "user", "content": "Anything?"}]
    )
    return completion.choices[0].message.content or ""


def search_while_provider_is_down() -> str:
    """The local provider answers 500 to this header every time, also to the SDK's retries."""
    message = anthropic.Anthropic(max_retries=1).messages.create(
        model="claude-haiku-4-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "Anything?"}],
        extra_headers={"x-provider-fault": "500"},
    )
    return message.id


@dataclass(frozen=True, slots=True)
class Step:
    """One request that the app handles, in a trace of its own, for somebody (unless the request itself says whom)."""

    run: Callable[[], str]
    feature: str | None = None
    user: str | None = None
    org: str | None = None
    session: str | None = None
    provider: str = "OPENAI"


STEPS = (
    Step(support_with_tool, "support-chat", "user-ana", "org-north", "chat-1"),
    Step(support_streamed, "support-chat", "user-ana", "org-north", "chat-1"),
    Step(support_stream_without_usage, "support-chat", "user-bo", "org-north", "chat-2"),
    Step(support_with_handbook, "support-chat", "user-bo", "org-north", "chat-2"),
    Step(support_claude_with_handbook, "support-chat", "user-ana", "org-north", "chat-3", "ANTHROPIC"),
    Step(search_the_shelf, "search", "user-bo", "org-north"),
    Step(search_the_web, "search", "user-cy", "org-south", provider="ANTHROPIC"),
    Step(search_with_wrong_model, "search", "user-cy", "org-south"),
    Step(search_while_provider_is_down, "search", "user-cy", "org-south", provider="ANTHROPIC"),
    Step(summaries_at_once, "summaries", "user-cy", "org-south"),
    Step(summaries_for_another_service, provider="ANTHROPIC"),
    Step(summaries_on_a_new_model, "summaries", "user-dee", "org-south"),
)


def main() -> None:
    """Handle every request once, and say what came of it."""
    for step in STEPS:
        name = step.run.__name__.replace("_", " ")
        if not os.environ.get(f"{step.provider}_API_KEY"):
            print(f"{name:31}  skipped: {step.provider}_API_KEY is not set")
            continue
        who = spanledger.attribution(user=step.user, org=step.org, session=step.session, feature=step.feature)
        with tracer.start_as_current_span(name), who:
            try:
                outcome = step.run()
            except (openai.APIError, anthropic.APIError) as error:
                outcome = f"failed, as planned: {type(error).__name__}"
        print(f"{name:31}  {shorten(outcome, 66, placeholder=' ...')}", flush=True)


if __name__ == "__main__":
    main()
