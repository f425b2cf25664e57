"""POST /v1/responses (https://platform.openai.com/docs/api-reference/responses)."""

import time
from collections.abc import Iterator
from dataclasses import replace

from provider_server.answers import Account, Answer, new_id, require, sse
from provider_server.documents import JsonObject, child, children, first
from provider_server.models import resolve
from provider_server.openai_usage import measure, thoughts, tier_of
from provider_server.prompts import PromptText
from provider_server.records import Usage
from provider_server.replies import Reply, compose, pieces

__all__ = ["answer"]


def answer(body: JsonObject, account: Account) -> Answer:
    """The response for a request, whole or as events up to `response.completed`."""
    require(body, "model", "input")
    model = resolve(body["model"])
    prompt = _prompt(body)
    function = _offered(body, "function")
    reply = compose(
        prompt,
        tool_name=function.get("name", ""),
        tool_schema=function.get("parameters"),
        thoughts=thoughts(model, child(body, "reasoning").get("effort")),
        searches=1 if _offered(body, "web_search") else 0,
        limit=body.get("max_output_tokens"),
    )
    usage = replace(measure(prompt, reply, model, account), web_search=reply.searches)
    response = _response(body, model, reply, usage)
    return Answer(
        id=response["id"],
        model=model,
        body=response,
        usage=usage,
        tier=response["service_tier"],
        events=list(_events(response)) if body.get("stream") else None,
    )


def _prompt(body: JsonObject) -> PromptText:
    items: list[JsonObject] = (
        [{"role": "user", "content": body["input"]}] if isinstance(body["input"], str) else body["input"]
    )
    asked: list[object] = [item.get("content") for item in items if item.get("role") == "user"]
    ends_with_tool = bool(items) and items[-1].get("type") == "function_call_output"
    parts = [body.get("tools"), body.get("instructions"), items]
    return PromptText.of(parts, question=asked[-1:], answers_tool=ends_with_tool)


def _offered(body: JsonObject, kind: str) -> JsonObject:
    return first(tool for tool in children(body, "tools") if str(tool.get("type")).startswith(kind))


def _response(body: JsonObject, model: str, reply: Reply, usage: Usage) -> JsonObject:
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if reply.truncated else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if reply.truncated else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": model,
        "output": list(_output(reply)),
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": child(body, "reasoning").get("effort"), "summary": None},
        "service_tier": tier_of(body.get("service_tier")),
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(usage),
        "metadata": {},
    }


def _output(reply: Reply) -> Iterator[JsonObject]:
    """The output items in order: reasoning (its text is not shown), searches, then the message or the tool call."""
    if reply.thinking:
        yield {"id": new_id("rs_"), "type": "reasoning", "summary": []}
    for _ in range(reply.searches):
        action = {"type": "search", "query": "what was asked"}
        yield {"id": new_id("ws_"), "type": "web_search_call", "status": "completed", "action": action}
    if reply.tool is not None:
        call = {"call_id": new_id("call_"), "name": reply.tool.name, "arguments": reply.tool.arguments_json}
        yield {"id": new_id("fc_"), "type": "function_call", "status": "completed"} | call
        return
    text: JsonObject = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    yield {"id": new_id("msg_"), "type": "message", "status": "completed", "role": "assistant", "content": [text]}


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _events(response: JsonObject) -> Iterator[str]:
    begun: JsonObject = response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    ending = f"response.{response['status']}"
    events: list[JsonObject] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for index, item in enumerate(response["output"]) for event in _item_events(index, item)),
        {"type": ending, "response": response},
    ]
    for number, event in enumerate(events):
        yield sse(event | {"sequence_number": number}, event["type"])


def _item_events(index: int, item: JsonObject) -> Iterator[JsonObject]:
    where = {"item_id": item["id"], "output_index": index}
    empty: dict[str, JsonObject] = {"message": {"content": []}, "function_call": {"arguments": ""}}
    opened = item | empty.get(item["type"], {})
    if "status" in item:
        opened["status"] = "in_progress"
    yield {"type": "response.output_item.added", "output_index": index, "item": opened}
    if item["type"] == "message":
        yield from _text_events(where | {"content_index": 0}, item["content"][0])
    elif item["type"] == "function_call":
        for piece in pieces(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", "delta": piece} | where
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield {"type": "response.function_call_arguments.done"} | done | where
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(where: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    yield {"type": "response.content_part.added", "part": part | {"text": ""}} | where
    for piece in pieces(part["text"]):
        yield {"type": "response.output_text.delta", "delta": piece, "logprobs": []} | where
    yield {"type": "response.output_text.done", "text": part["text"], "logprobs": []} | where
    yield {"type": "response.content_part.done", "part": part} | where
