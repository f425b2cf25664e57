"""POST /v1/messages and /v1/messages/count_tokens (https://docs.anthropic.com/en/api/messages)."""

from collections.abc import Iterator
from itertools import pairwise

from provider_server.answers import Account, Answer, new_id, require
from provider_server.anthropic_events import stream
from provider_server.documents import JsonObject, as_list, as_object, child, children, first
from provider_server.models import resolve
from provider_server.prompts import MIN_CACHED_TOKENS, PromptText, count_tokens, strings_in
from provider_server.records import Usage
from provider_server.replies import Reply, compose

__all__ = ["answer", "answer_count"]

_TOKENS_PER_THOUGHT_BUDGET = 500


def answer(body: JsonObject, account: Account) -> Answer:
    """The message for a request, whole or as events from `message_start` to `message_stop`."""
    require(body, "model", "messages", "max_tokens")
    model = resolve(body["model"])
    prompt = _prompt(body)
    tool = _offered_tool(body)
    reply = compose(
        prompt,
        tool_name=tool.get("name", ""),
        tool_schema=tool.get("input_schema"),
        thoughts=_thoughts(child(body, "thinking")),
        searches=1 if any(_is_web_search(offered) for offered in children(body, "tools")) else 0,
        limit=body["max_tokens"],
    )
    usage = _measure(body, prompt, reply, account.scope(model), account)
    message: JsonObject = {
        "id": new_id("msg_01"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(_content(reply)),
        "stop_reason": "tool_use" if reply.tool else "max_tokens" if reply.truncated else "end_turn",
        "stop_sequence": None,
        "usage": _usage(usage),
    }
    return Answer(
        id=message["id"],
        model=model,
        body=message,
        usage=usage,
        tier=message["usage"]["service_tier"],
        events=list(stream(message)) if body.get("stream") else None,
    )


def answer_count(body: JsonObject, _account: Account) -> Answer:
    """How many tokens a prompt has; nothing is billed."""
    require(body, "model", "messages")
    return Answer(model=resolve(body["model"]), body={"input_tokens": len(_prompt(body).tokens)}, usage_sent=False)


def _prompt(body: JsonObject) -> PromptText:
    messages = children(body, "messages")
    asked: list[object] = [message.get("content") for message in messages if message.get("role") == "user"]
    last = children(first(messages[-1:]), "content")
    ends_with_tool = any(block.get("type") == "tool_result" for block in last)
    return PromptText.of(list(_parts(body)), question=asked[-1:], answers_tool=ends_with_tool)


def _parts(body: JsonObject) -> Iterator[object]:
    """What can end a cached prefix, in the order in which prefixes are built: tools, system, message blocks."""
    yield from body.get("tools") or []
    yield from _blocks(body.get("system"))
    for message in children(body, "messages"):
        yield message["role"]
        yield from _blocks(message.get("content"))


def _blocks(content: object) -> list[object]:
    blocks = as_list(content)
    return ([] if content is None else [content]) if blocks is None else blocks


def _breakpoints(body: JsonObject) -> Iterator[tuple[int, str]]:
    """Where `cache_control` ends a prefix that is long enough to be cached: its length in tokens, its TTL."""
    length = 0
    for part in _parts(body):
        length += sum(count_tokens(text) for text in strings_in(part))
        control = child(as_object(part) or {}, "cache_control")
        if control and length >= MIN_CACHED_TOKENS:
            yield length, control.get("ttl", "5m")


def _measure(body: JsonObject, prompt: PromptText, reply: Reply, scope: str, account: Account) -> Usage:
    """The usage of a reply: read up to the last known breakpoint, written from there to the last breakpoint, by TTL."""
    breakpoints = list(_breakpoints(body))
    read = account.cache.longest_known(scope, prompt.tokens, [length for length, _ in breakpoints])
    written = {"5m": 0, "1h": 0}
    for (start, _), (end, ttl) in pairwise([(read, ""), *((at, ttl) for at, ttl in breakpoints if at > read)]):
        written[ttl] += end - start
    return Usage(
        input=len(prompt.tokens) - read - sum(written.values()),
        cache_read=read,
        cache_write_5m=written["5m"],
        cache_write_1h=written["1h"],
        output=reply.output_tokens,
        reasoning=reply.reasoning_tokens,
        web_search=reply.searches,
    )


def _thoughts(thinking: JsonObject) -> int:
    if thinking.get("type") not in {"enabled", "adaptive"}:
        return 0
    return max(1, int(thinking.get("budget_tokens", 0)) // _TOKENS_PER_THOUGHT_BUDGET)


def _offered_tool(body: JsonObject) -> JsonObject:
    """The first tool that the client runs itself; server tools have a dated type."""
    if child(body, "tool_choice").get("type") == "none":
        return {}
    return first(tool for tool in children(body, "tools") if tool.get("type", "custom") == "custom")


def _is_web_search(tool: JsonObject) -> bool:
    return str(tool.get("type", "")).startswith("web_search_")


def _content(reply: Reply) -> Iterator[JsonObject]:
    if reply.thinking:
        yield {"type": "thinking", "thinking": reply.thinking, "signature": "c2lnbmVkIGJ5IHRoZSBsb2NhbCBwcm92aWRlcg=="}
    for _ in range(reply.searches):
        use = new_id("srvtoolu_")
        yield {"type": "server_tool_use", "id": use, "name": "web_search", "input": {"query": "what was asked"}}
        yield {"type": "web_search_tool_result", "tool_use_id": use, "content": []}
    if reply.tool is not None:
        yield {"type": "tool_use", "id": new_id("toolu_"), "name": reply.tool.name, "input": reply.tool.arguments}
    else:
        yield {"type": "text", "text": reply.text}


def _usage(usage: Usage) -> JsonObject:
    """Anthropic's counts: `input_tokens` excludes the cache, `output_tokens` includes the thoughts."""
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "server_tool_use": {"web_search_requests": usage.web_search, "web_fetch_requests": 0}
        if usage.web_search
        else None,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
