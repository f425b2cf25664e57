"""POST /v1/chat/completions (https://platform.openai.com/docs/api-reference/chat)."""

import time
from collections.abc import Iterator

from provider_server.answers import Account, Answer, new_id, require, sse
from provider_server.documents import JsonObject, child, children, first
from provider_server.models import resolve
from provider_server.openai_usage import measure, thoughts, tier_of
from provider_server.prompts import PromptText
from provider_server.records import Usage
from provider_server.replies import Reply, compose, pieces

__all__ = ["answer"]


def answer(body: JsonObject, account: Account) -> Answer:
    """The chat completion for a request, whole or as a stream of chunks."""
    require(body, "model", "messages")
    model = resolve(body["model"])
    prompt = _prompt(body)
    function = _offered_function(body)
    reply = compose(
        prompt,
        tool_name=function.get("name", ""),
        tool_schema=function.get("parameters"),
        thoughts=thoughts(model, body.get("reasoning_effort")),
        limit=body.get("max_completion_tokens", body.get("max_tokens")),
    )
    usage = measure(prompt, reply, model, account)
    frame: JsonObject = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "service_tier": tier_of(body.get("service_tier")),
        "system_fingerprint": None,
    }
    streamed = bool(body.get("stream"))
    with_usage = not streamed or bool(child(body, "stream_options").get("include_usage"))
    return Answer(
        id=frame["id"],
        model=model,
        body=frame | {"choices": [_choice(reply)], "usage": _usage(usage)},
        usage=usage,
        usage_sent=with_usage,
        tier=frame["service_tier"],
        events=list(_chunks(frame, reply, usage if with_usage else None)) if streamed else None,
    )


def _prompt(body: JsonObject) -> PromptText:
    messages = children(body, "messages")
    asked: list[object] = [message.get("content") for message in messages if message.get("role") == "user"]
    ends_with_tool = bool(messages) and messages[-1].get("role") == "tool"
    return PromptText.of([body.get("tools"), messages], question=asked[-1:], answers_tool=ends_with_tool)


def _offered_function(body: JsonObject) -> JsonObject:
    if body.get("tool_choice") == "none":
        return {}
    functions = (child(tool, "function") for tool in children(body, "tools") if tool.get("type") == "function")
    return first(functions)


def _tool_calls(reply: Reply) -> list[JsonObject] | None:
    if reply.tool is None:
        return None
    function = {"name": reply.tool.name, "arguments": reply.tool.arguments_json}
    return [{"id": new_id("call_"), "type": "function", "function": function}]


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool else "length" if reply.truncated else "stop"


def _choice(reply: Reply) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": reply.text or None, "refusal": None, "annotations": []}
    if calls := _tool_calls(reply):
        message["tool_calls"] = calls
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}


def _usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chunks(frame: JsonObject, reply: Reply, usage: Usage | None) -> Iterator[str]:
    """The stream; with `usage`, every chunk has the field and the last one, without choices, carries it."""
    chunk = frame | {"object": "chat.completion.chunk"} | ({"usage": None} if usage else {})
    for delta in _deltas(reply):
        yield sse(chunk | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})
    end: JsonObject = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish_reason(reply)}
    yield sse(chunk | {"choices": [end]})
    if usage is not None:
        yield sse(chunk | {"choices": [], "usage": _usage(usage)})
    yield "data: [DONE]\n\n"


def _deltas(reply: Reply) -> Iterator[JsonObject]:
    calls = _tool_calls(reply)
    if calls is None:
        yield {"role": "assistant", "content": "", "refusal": None}
        yield from ({"content": piece} for piece in pieces(reply.text))
        return
    call = calls[0]
    opening = call | {"index": 0, "function": call["function"] | {"arguments": ""}}
    yield {"role": "assistant", "content": None, "tool_calls": [opening]}
    for piece in pieces(call["function"]["arguments"]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
